//! Tracing and decoding: what is recorded, and what comes out, with and without looking.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::rc::Rc;

use common::golden::marian;
use common::{laws_decoding, native};
use glassformer::executor::Device;
use glassformer::layers::Memory;
use glassformer::loading::Loader;
use glassformer::models::families;
use glassformer::models::transformer::{Cache, Pass};
use glassformer::ops::choose::{Choice, result_words};
use glassformer::ops::store::Ring;
use glassformer::probe::Probe;
use glassformer::recording::{Command, Dispatch, Recording};
use glassformer::site::Filter;
use glassformer::step_state;
use glassformer::tape::Tape;
use glassformer::tensor::{Place, Tensor};
use glassformer::weights::{Header, Storage, Weights};

#[test]
fn decoding_obeys_its_laws_on_the_gpu() {
    pollster::block_on(laws_decoding::all(&Rc::new(native::gpu())));
}

#[test]
fn decoding_obeys_its_laws_on_the_cpu() {
    pollster::block_on(laws_decoding::all(&Rc::new(Device::cpu())));
}

/// The encoder and a step of a small model as they are recorded for these patterns.
fn record(batch: u32, patterns: &[&str]) -> [Recording; 2] {
    let golden = &marian::ALL[0];
    let device = Rc::new(Device::cpu());
    let sites = golden.load(&device, Storage::Int8).sites();
    let filter = Filter::new(patterns, &sites).expect("patterns of sites");
    let probe = Probe::reading(filter);
    let config = families::parse(golden.config, golden.generation).expect("a config");
    let weights = Weights::new(Header::of(golden.weights).expect("weights"));
    let loader = Loader::new(&device, Some(Storage::Int8));
    let model = families::load(config, &weights, &loader).expect("a model");
    let tensor = |shape: &[u32]| {
        Tensor::resident(device.allocate("", shape.iter().product()).expect("room"), shape)
    };
    let [tokens, lengths, state] =
        [&[batch, 8][..], &[batch], &[step_state::words(batch)]].map(tensor);
    let width = model.config.model_width as u32;
    let cache = |_| Cache {
        ring: Some(Ring { slots: tensor(&[batch, 8, 2, width]), sinks: 0 }),
        memory: Some(Memory { rows: tensor(&[batch, 8, 2 * width]), lengths }),
    };
    let layers = model.config.decoder.expect("a decoder").layers;
    let caches: Vec<Cache> = (0..layers).map(cache).collect();

    let mut encode = Tape::new(device.tuning(), probe.clone());
    let encoded = model.encode(&mut encode, tokens, lengths);
    model.remember(&mut encode, encoded, &caches);
    let mut step = Tape::new(device.tuning(), probe);
    let x = model.decode(&mut step, Pass::Step { state, batch }, &caches);
    let logits = model.logits(&mut step, x);
    let results = tensor(&[8, batch, result_words(1)]);
    let choice =
        Choice { best: 1, end: 0, pad: 1, bans_padding: false, state, results, sampler: None };
    step.choose(logits, choice);
    [encode.finish().fuse(), step.finish().fuse()]
}

/// A dispatch without its switch to store what it otherwise keeps to itself, and without tensors.
fn outline(dispatch: &Dispatch) -> String {
    let constants = dispatch.constants.iter().filter(|(name, _)| *name != "TRACE");
    let constants: Vec<_> = constants.collect();
    format!("{:?} {constants:?} {:?} {:?}", dispatch.kernel, dispatch.sizes, dispatch.grid)
}

fn stores(dispatch: &Dispatch) -> bool {
    dispatch.constants.contains(&("TRACE", 1.0))
}

#[test]
fn with_no_filter_nothing_is_left_of_tracing() {
    for batch in [1, 3] {
        for (plain, traced) in record(batch, &[]).iter().zip(&record(batch, &["*"])) {
            assert_eq!(plain.observations().count(), 0, "copies that nobody asked for");
            assert!(!plain.dispatches().any(stores), "stores that nobody asked for");
            let outlines = |recording: &Recording| recording.dispatches().map(outline).collect();
            let [plain, traced]: [Vec<String>; 2] = [plain, traced].map(outlines);
            assert!(plain.len() >= 14, "a recording");
            assert_eq!(plain, traced, "batch {batch}: the same kernels, cut alike");
        }
    }
}

/// A value that is stored anyway costs a copy and nothing else.
#[test]
fn a_stored_value_is_traced_with_the_very_same_dispatches() {
    let [_, plain] = record(1, &[]);
    let [_, traced] = record(1, &["decoder.*.*.norm", "logits", "decoder.*.*.query"]);
    assert!(traced.observations().count() > 6, "copies");
    let whole = |recording: &Recording| -> Vec<String> {
        recording.dispatches().map(|dispatch| format!("{dispatch:?}")).collect()
    };
    assert_eq!(whole(&plain), whole(&traced));
}

/// First and last command that uses each activation.
fn lives(recording: &Recording) -> Vec<(usize, usize)> {
    let mut lives = vec![(usize::MAX, 0); recording.activations.len()];
    for (index, command) in recording.commands.iter().enumerate() {
        let tensors = match command {
            Command::Dispatch(dispatch) => &dispatch.tensors[..],
            Command::Observe(observation) => std::slice::from_ref(&observation.tensor),
        };
        for tensor in tensors {
            if let Place::Activation(id) = tensor.place {
                let (first, last) = lives[id as usize];
                lives[id as usize] = (first.min(index), last.max(index));
            }
        }
    }
    lives
}

#[test]
fn activations_that_live_at_once_lie_apart() {
    for recording in [&[][..], &["*"]].iter().flat_map(|patterns| record(3, patterns)) {
        let (slot_of, slots) = recording.place_activations();
        let lives = lives(&recording);
        assert!(slots.len() < lives.len() / 2, "{} slots for {}", slots.len(), lives.len());
        for a in 0..lives.len() {
            assert!(slots[slot_of[a]] >= recording.activations[a], "activation {a} has room");
            for b in (0..a).filter(|b| slot_of[*b] == slot_of[a]) {
                let apart = lives[a].0 > lives[b].1 || lives[b].0 > lives[a].1;
                assert!(apart, "activations {a} {:?} and {b} {:?}", lives[a], lives[b]);
            }
        }
    }
}
