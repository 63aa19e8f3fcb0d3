//! Fusing: what it takes together, and the hazards before which it stops.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use common::report::relative_error;
use glassformer::executor::{Device, Read};
use glassformer::ops::activation::Activation;
use glassformer::ops::linear::Epilogue;
use glassformer::ops::norm::{Kind, Norm};
use glassformer::ops::weight::Weight;
use glassformer::probe::Probe;
use glassformer::recording::{Recording, Rows};
use glassformer::site::Site;
use glassformer::tape::Tape;
use glassformer::tensor::{Place, Tensor};
use glassformer::weights::{Packed, Storage};

const WIDTH: u32 = 8;

/// A device with a row, a norm and a square matrix.
struct Scene {
    device: Device,
    x: Tensor,
    norm: Norm,
    matrix: Weight,
}

impl Scene {
    fn new() -> Scene {
        let device = Device::twins();
        let keep = |shape: &[u32], values: &[f32]| {
            let buffer = device.keep("", bytemuck::cast_slice(values)).expect("room");
            Tensor::resident(buffer, shape)
        };
        let values: Vec<f32> = (0..WIDTH * WIDTH).map(|i| ((7 * i) % 11) as f32 - 5.0).collect();
        let x = keep(&[1, 1, WIDTH], &values[..8]);
        let gain_bias = keep(&[2, WIDTH], &values[8..24]);
        let packed = Packed::of(Storage::F32, WIDTH as usize, &values);
        let rows = packed.row_words(&[0.5; WIDTH as usize]);
        let words = |words: &[u32]| {
            let buffer = device.keep("", words).expect("room");
            Tensor::resident(buffer, &[WIDTH, words.len() as u32 / WIDTH])
        };
        let matrix = Weight {
            storage: Storage::F32,
            words: words(&packed.words),
            rows: words(&rows),
            outputs: WIDTH,
            inputs: WIDTH,
        };
        let norm = Norm { kind: Kind::Layer, gain_bias, epsilon: 1e-5 };
        Scene { device, x, norm, matrix }
    }

    fn tape(&self) -> Tape {
        Tape::new(self.device.tuning(), Probe::none())
    }

    /// What is observed, of the recording as it is and fused; `x` is as it was before each run.
    fn both(&self, recording: &Recording) -> [Vec<f32>; 2] {
        let Place::Resident(buffer) = self.x.place else { panic!("a buffer") };
        let read = Read { buffer, first: 0, words: WIDTH };
        let before = pollster::block_on(self.device.read(read)).expect("words");
        [recording.clone(), recording.clone().fuse()].map(|recording| {
            self.device.upload(buffer, &before);
            let program = self.device.compile(recording).expect("a program");
            program.poison();
            let output = pollster::block_on(program.run(1, &[], None)).expect("a run");
            output.snapshots.into_iter().flat_map(|snapshot| snapshot.data).collect()
        })
    }
}

fn show(tape: &mut Tape, tensor: Tensor) {
    tape.observe(Site::Logits, tensor, Rows::All, (0, tensor.width()), tensor.shape());
}

/// The recording as it is and fused give the same, in so many dispatches.
#[track_caller]
fn check(scene: &Scene, tape: Tape, [before, after]: [usize; 2]) {
    let recording = tape.finish();
    assert_eq!(recording.dispatches().count(), before, "as recorded");
    assert_eq!(recording.clone().fuse().dispatches().count(), after, "fused");
    let [plain, fused] = scene.both(&recording);
    assert!(!plain.is_empty() && plain.iter().all(|value| value.is_finite()));
    assert_eq!(relative_error(&plain, &fused), 0.0, "{plain:?}\n{fused:?}");
}

#[test]
fn a_norm_becomes_the_prologue_of_its_reader() {
    let scene = Scene::new();
    let mut tape = scene.tape();
    let y = tape.norm(scene.x, &scene.norm);
    show(&mut tape, y);
    let z = tape.linear(y, &scene.matrix, Epilogue::Plain);
    // A later reader finds it, too.
    let w = tape.linear(z, &scene.matrix, Epilogue::Residual(y, Site::Probabilities));
    show(&mut tape, w);
    check(&scene, tape, [3, 2]);
}

#[test]
fn a_gate_becomes_one_too() {
    let scene = Scene::new();
    let mut tape = scene.tape();
    let both = tape.linear(scene.x, &scene.matrix, Epilogue::Plain);
    let y = tape.gate(both.with_shape(&[1, 1, WIDTH]), Activation::Silu);
    let narrow = Weight { inputs: WIDTH / 2, ..scene.matrix };
    // Half of each row of words is not read: rows of f32 are padded to 32 columns.
    let z = tape.linear(y, &narrow, Epilogue::Plain);
    show(&mut tape, z);
    check(&scene, tape, [3, 2]);
}

/// Somebody reads the same words under another shape before the product does.
#[test]
fn a_reader_of_a_reshaped_view_comes_first() {
    let scene = Scene::new();
    let mut tape = scene.tape();
    let y = tape.norm(scene.x, &scene.norm);
    let gated = tape.gate(y.with_shape(&[2, WIDTH / 2]), Activation::Silu);
    show(&mut tape, gated);
    let z = tape.linear(y, &scene.matrix, Epilogue::Plain);
    show(&mut tape, z);
    check(&scene, tape, [3, 3]);
}

/// What the norm is made of changes before the product reads the norm.
#[test]
fn a_write_to_what_it_is_made_of_comes_between() {
    let scene = Scene::new();
    let mut tape = scene.tape();
    let before = tape.linear(scene.x, &scene.matrix, Epilogue::Plain);
    let y = tape.norm(scene.x, &scene.norm);
    tape.linear_to(scene.x, before, &scene.matrix);
    let z = tape.linear(y, &scene.matrix, Epilogue::Plain);
    show(&mut tape, z);
    check(&scene, tape, [4, 4]);
}

/// The value is added, too: a dispatch that stores it can't read it at another binding.
#[test]
fn a_reader_that_adds_it_reads_it_from_memory() {
    let scene = Scene::new();
    let mut tape = scene.tape();
    let y = tape.norm(scene.x, &scene.norm);
    let z = tape.linear(y, &scene.matrix, Epilogue::Residual(y, Site::Probabilities));
    show(&mut tape, z);
    check(&scene, tape, [2, 2]);
}
