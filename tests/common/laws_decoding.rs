//! Laws of decoding: tracing changes nothing, steps may be taken in any portions, memory stays flat.

use std::rc::Rc;

use glassformer::decode::{Input, Model, Run, Step, Task};
use glassformer::executor::Device;
use glassformer::site::{Site, Snapshot};
use glassformer::weights::Storage;

use super::golden::{Golden, marian};
use super::laws_models::decode;

const GOLDEN: &Golden = &marian::ALL[0];

pub async fn all(device: &Rc<Device>) {
    let translator = GOLDEN.load(device, Storage::Int8);
    tracing_changes_no_bit(&translator).await;
    every_site_fires_once(&translator).await;
    a_misspelt_site_is_an_error(&translator).await;
    portions_are_no_matter(&translator).await;
    dispatches_are_counted(&translator).await;
    drop(translator);
    a_ring_forgets(device).await;
    memory_is_flat_and_given_back(device).await;
}

/// Tokens and log-probabilities, bit by bit.
fn bits(steps: &[Step]) -> Vec<(u32, u32)> {
    let rows = steps.iter().flat_map(|step| &step.rows);
    let candidates = rows.flat_map(|row| &row.candidates);
    candidates.map(|candidate| (candidate.id, candidate.log_probability.to_bits())).collect()
}

fn sources() -> Vec<Vec<u32>> {
    marian::reference(GOLDEN).sources
}

/// The sources as a batch.
fn batch(max_tokens: Option<u32>) -> Task {
    let input = |source: &Vec<u32>| Input { max_tokens, ..Input::of(source) };
    Task::of(sources().iter().map(input).collect())
}

async fn tracing_changes_no_bit(translator: &Rc<Model>) {
    for sources in [&sources()[..1], &sources()] {
        let plain = bits(&decode(translator, sources, 8, &[]).await);
        assert!(plain.len() >= 8 * 3, "steps have been taken");
        for trace in [&["*"][..], &["decoder.*.cross_attention.weights", "logits"]] {
            let traced = decode(translator, sources, 8, trace).await;
            assert_eq!(plain, bits(&traced), "tracing {trace:?} changes what is written");
        }
    }
}

async fn every_site_fires_once(translator: &Rc<Model>) {
    let begun = Run::begin(translator, &batch(None).tracing(&["*"])).await;
    let mut run = begun.expect("a batch");
    let names = |snapshots: &[Snapshot]| sorted(snapshots.iter().map(|s| s.site).collect());
    let encoded = &run.read[0].trace;
    assert_eq!(names(encoded), sorted(translator.reading_sites()), "while encoding");
    for step in run.next(3).await.expect("steps") {
        let position = step.rows[0].position;
        assert_eq!(names(&step.trace), sorted(translator.step_sites()), "step {position}");
    }
}

fn sorted(mut sites: Vec<Site>) -> Vec<Site> {
    sites.sort();
    sites
}

async fn a_misspelt_site_is_an_error(translator: &Rc<Model>) {
    let task = batch(None).tracing(&["decoder.0.cross_atention.weights"]);
    let begun = Run::begin(translator, &task).await;
    let error = begun.err().expect("a site that there is not");
    assert_eq!(error.code(), "trace");
    let nearest = "decoder.0.cross_attention.weights";
    assert!(error.to_string().contains(nearest), "{error} does not name {nearest}");
}

/// Eight steps a call, one step a call, and three.
async fn portions_are_no_matter(translator: &Rc<Model>) {
    let mut written = vec![];
    for portion in [8, 1, 3] {
        let mut run = Run::begin(translator, &batch(Some(8))).await.expect("a batch");
        let mut steps = vec![];
        while !run.is_over() {
            let some = run.next(portion).await.expect("steps");
            assert!(!some.is_empty() && some.len() <= portion as usize, "a portion of {portion}");
            steps.extend(some);
        }
        assert!(run.next(portion).await.expect("no steps").is_empty(), "it is over");
        written.push(bits(&steps));
    }
    assert_eq!(written[0], written[1], "8 steps a call, and 1");
    assert_eq!(written[0], written[2], "8 steps a call, and 3");
}

/// Eight a decoder layer, and embedding, logits, the best of each part, the choice.
async fn dispatches_are_counted(translator: &Rc<Model>) {
    let task = Task::of(vec![Input::of(&sources()[0])]);
    let dispatches = Run::begin(translator, &task).await.expect("a sentence").dispatches();
    let layers = translator.config().decoder.expect("a decoder").layers;
    assert_eq!(dispatches, 8 * layers + 4, "kernels of a step, {layers} layers");
}

/// Writes 24 tokens, since the token that ends a sentence is one that this model never writes.
async fn endless(translator: &Rc<Model>, ring: u32) -> Run {
    let task = Task { ring_capacity: Some(ring), candidates: 3, ..batch(Some(24)) };
    Run::begin(translator, &task).await.expect("a batch")
}

fn endless_model(device: &Rc<Device>) -> Rc<Model> {
    let endless = GOLDEN.generation.replace(r#"eos_token_id": 0"#, r#"eos_token_id": 1"#);
    assert_ne!(endless, GOLDEN.generation, "the end token has been replaced");
    GOLDEN.load_with(device, Storage::F32, &endless, GOLDEN.weights)
}

/// A ring that is too small agrees to the bit until it is full, and no longer.
async fn a_ring_forgets(device: &Rc<Device>) {
    let translator = endless_model(device);
    let small = endless(&translator, 8).await.next(24).await.expect("24 steps");
    let large = endless(&translator, 32).await.next(24).await.expect("24 steps");
    assert_eq!((small.len(), large.len()), (24, 24), "steps");
    assert_eq!(bits(&small[..8]), bits(&large[..8]), "while 8 slots are enough");
    assert_ne!(bits(&small[8..]), bits(&large[8..]), "when they are not");
    let whole = |steps: &[Step]| bits(steps).iter().all(|(_, log)| f32::from_bits(*log) <= 0.0);
    assert!(whole(&small), "log-probabilities are numbers, round the ring");
}

async fn memory_is_flat_and_given_back(device: &Rc<Device>) {
    let bare = device.allocated_bytes();
    let translator = endless_model(device);
    let loaded = device.allocated_bytes();
    assert_eq!(loaded - bare, translator.weight_bytes, "the weights, and nothing else");
    let mut run = endless(&translator, 8).await;
    let begun = device.allocated_bytes();
    for step in 0..24 {
        run.next(1).await.expect("a step");
        assert_eq!(device.allocated_bytes(), begun, "after step {step}");
    }
    let other = endless(&translator, 32).await;
    drop(run);
    drop(other);
    assert_eq!(device.allocated_bytes(), loaded, "after decoding");
    drop(translator);
    assert_eq!(device.allocated_bytes(), bare, "after the model");
}
