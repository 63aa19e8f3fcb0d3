//! Laws of decoder-only models: PyTorch's numbers, chunks, tracing, the ring that never ends.

use std::rc::Rc;

use glassformer::decode::{Input, Model, Run, Step, Task};
use glassformer::executor::Device;
use glassformer::ring::slot_of;
use glassformer::site::{Site, Snapshot};
use glassformer::weights::Storage;

use super::golden::Golden;
use super::golden::causal::{
    self as golden, endless, reference, tokens, wishes, worst_error, write,
};
use super::laws_models::MOST_ERROR;
use super::report::{assert_close, relative_error, say};

/// As tests/golden/make_causal.py has them.
const CAPACITY: u32 = 8;
const SINKS: u32 = 3;

/// Every site of every model agrees with an independent implementation.
pub async fn models_agree_with_pytorch(device: &Rc<Device>) {
    for golden in golden::ALL {
        let generator = golden.load(device, Storage::F32);
        let (error, site) = worst_error(&golden, &generator).await;
        say(&format!("{}: at worst {error:.1e} off PyTorch, at {site}", golden.name));
        assert!(error < MOST_ERROR, "{}: {error:.1e} off at {site}", golden.name);
    }
}

/// One wrong value in one matrix is seen.
pub async fn a_wrong_weight_is_detected(device: &Rc<Device>) {
    let golden = &golden::ALL[2];
    let file = safetensors::SafeTensors::deserialize(golden.weights).expect("weights");
    let name = "model.layers.1.self_attn.k_proj.weight";
    let matrix = file.tensor(name).expect("a matrix").data();
    let at = matrix.as_ptr() as usize - golden.weights.as_ptr() as usize;
    let mut weights = golden.weights.to_vec();
    // The weight becomes larger by a half, or smaller by a third: the top bit of its fraction.
    weights[at + 2] ^= 0x40;
    let generator = golden.load_with(device, Storage::F32, golden.generation, &weights);
    let (error, site) = worst_error(golden, &generator).await;
    say(&format!("one wrong weight: {error:.1e} off, at {site}"));
    assert!(error > 10.0 * MOST_ERROR, "a wrong weight went unseen: {error:.1e} at {site}");
}

/// Three times round the ring, with sinks and without: the logits of every step are those of a
/// reference that looks at the window through an explicit mask. And memory stays flat.
pub async fn the_ring_never_ends(device: &Rc<Device>) {
    for golden in golden::ALL.iter().filter(|golden| golden.name.starts_with("llama")) {
        let generator = golden.load(device, Storage::F32);
        let reference = reference(golden);
        for (label, sinks) in [("window", 0), ("sinks", SINKS)] {
            let (expected, logits) = reference.endless(label);
            let row = endless(&reference.prompt, expected.len());
            let task = Task { ring_capacity: Some(CAPACITY), sinks, ..Task::of(vec![row]) };
            let begun = Run::begin(&generator, &task.tracing(&["logits"])).await;
            let mut generation = begun.expect("a text");
            let bytes = device.allocated_bytes();
            let mut steps = vec![];
            while !generation.is_over() {
                steps.extend(generation.next(1).await.expect("a step"));
                assert_eq!(device.allocated_bytes(), bytes, "after {} steps", steps.len());
            }
            assert_eq!(tokens(&steps), expected, "{}: {label}", golden.name);
            let found: Vec<f32> =
                steps.iter().flat_map(|step| step.trace[0].data.clone()).collect();
            let error = relative_error(&logits, &found);
            let rounds = steps.len() / CAPACITY as usize;
            say(&format!("{}, {label}, {rounds} rounds: {error:.1e} off", golden.name));
            assert!(error < MOST_ERROR, "{}, {label}: {error:.1e} off", golden.name);
        }
    }
}

/// Tokens and log-probabilities, bit by bit.
fn bits(steps: &[Step]) -> Vec<(u32, u32)> {
    let candidates = steps.iter().flat_map(|step| &step.rows[0].candidates);
    candidates.map(|candidate| (candidate.id, candidate.log_probability.to_bits())).collect()
}

/// A prompt taken in as one, in chunks of what the device is tuned to, or token by token, is the
/// same prompt: also when the ring goes round meanwhile.
pub async fn a_prompt_may_be_taken_in_anyhow(device: &Rc<Device>) {
    for golden in &golden::ALL {
        let generator = golden.load(device, Storage::F32);
        let most = generator.config().max_positions.min(20);
        for (capacity, sinks) in [(32, 0), (8, 0), (8, 3)] {
            let options =
                |candidates| Task { candidates, ring_capacity: Some(capacity), sinks, ..wishes() };
            let first = reference(golden).prompt[0];
            let (_, steps) = write(&generator, &[first], most - 1, options(3)).await;
            let written = tokens(&steps);
            for length in [2, 7, 12, most - 2] {
                let prompt = [&[first], &written[..length - 1]].concat();
                let rest = written.len() + 1 - length;
                let (_, others) = write(&generator, &prompt, rest, options(3)).await;
                let what = format!("{}, ring of {capacity}, prompt of {length}", golden.name);
                assert_eq!(tokens(&others), written[length - 1..], "{what}");
                let logs = |steps: &[Step]| -> Vec<f32> {
                    let candidates = steps.iter().flat_map(|step| &step.rows[0].candidates);
                    candidates.map(|candidate| candidate.log_probability).collect()
                };
                assert_close(&what, &logs(&steps[length - 1..]), &logs(&others), 1e-5);
            }
        }
    }
}

/// What tracing, portions and counts of a model have to obey.
pub async fn writing_obeys_its_laws(device: &Rc<Device>) {
    for golden in [&golden::ALL[0], &golden::ALL[3]] {
        let bare = device.allocated_bytes();
        let generator = golden.load(device, Storage::Int8);
        let loaded = device.allocated_bytes();
        assert_eq!(loaded - bare, generator.weight_bytes, "the weights, and nothing else");
        tracing_changes_no_bit(golden, &generator).await;
        every_site_fires_once(golden, &generator).await;
        dispatches_are_counted(golden, &generator).await;
        assert_eq!(device.allocated_bytes(), loaded, "after writing");
        drop(generator);
        assert_eq!(device.allocated_bytes(), bare, "after the model");
    }
    learned_positions_end(device).await;
    long_texts_hang_together(device).await;
}

/// Each step takes in what the one before it wrote, however the steps are asked for: results of so
/// many go round the buffer that they are read from.
async fn long_texts_hang_together(device: &Rc<Device>) {
    let generator = golden::ALL[2].load(device, Storage::F32);
    let row = endless(&[5, 6, 7], 150);
    let task = Task { ring_capacity: Some(CAPACITY), ..Task::of(vec![row]) };
    let mut written = vec![];
    for portion in [150, 7] {
        let mut generation = Run::begin(&generator, &task).await.expect("a text");
        let mut steps = vec![];
        while !generation.is_over() {
            steps.extend(generation.next(portion).await.expect("steps"));
        }
        assert_eq!(steps.len(), 150, "steps");
        for (step, position) in steps.windows(2).zip(2..) {
            assert_eq!(step[1].rows[0].input, step[0].rows[0].token, "at {position}");
            assert_eq!(step[0].rows[0].position, position);
        }
        written.push(bits(&steps));
    }
    assert_eq!(written[0], written[1], "150 steps a call, and 7");
}

async fn tracing_changes_no_bit(golden: &Golden, generator: &Rc<Model>) {
    let prompt = reference(golden).prompt;
    let options = |trace: &[&str]| Task { candidates: 3, ..wishes().tracing(trace) };
    let (_, plain) = write(generator, &prompt, 9, options(&[])).await;
    assert_eq!(bits(&plain).len(), 9 * 3, "steps have been taken");
    for trace in [&["*"][..], &["decoder.*.self_attention.weights"], &["decoder.*.*.norm"]] {
        let (_, traced) = write(generator, &prompt, 9, options(trace)).await;
        assert_eq!(bits(&plain), bits(&traced), "tracing {trace:?} changes what is written");
    }
}

async fn every_site_fires_once(golden: &Golden, generator: &Rc<Model>) {
    let prompt = reference(golden).prompt;
    let (run, steps) = write(generator, &prompt, 3, wishes().tracing(&["*"])).await;
    let names = |snapshots: &[Snapshot]| sorted(snapshots.iter().map(|s| s.site).collect());
    assert!(!run.read.is_empty(), "chunks of a prompt");
    for part in &run.read {
        let sites = sorted(generator.reading_sites());
        assert_eq!(names(&part.trace), sites, "the chunk from {} on", part.first);
    }
    for step in steps {
        let position = step.rows[0].position;
        assert_eq!(names(&step.trace), sorted(generator.sites()), "{position}");
    }
}

/// What a position puts into its slot is what the ring has there after the step, also when that
/// has gone round, with and without sinks.
pub async fn a_slot_is_the_rings(device: &Rc<Device>) {
    let generator = golden::ALL[3].load(device, Storage::F32);
    for sinks in [0, 3] {
        let trace = ["decoder.1.self_attention.slot", "decoder.1.self_attention.ring"];
        let options = Task { ring_capacity: Some(8), sinks, ..wishes().tracing(&trace) };
        let prompt = reference(&golden::ALL[3]).prompt;
        let (_, steps) = write(&generator, &prompt[..3], 20, options).await;
        let mut written = std::collections::BTreeSet::new();
        for step in &steps {
            let [slot, ring] = &step.trace[..] else { panic!("two sites are traced") };
            let position = step.rows[0].position;
            let own = slot_of(position, 8, sinks);
            let start = own as usize * slot.data.len();
            assert_eq!(slot.data, ring.data[start..][..slot.data.len()], "at {position}");
            assert!(slot.data.iter().any(|value| *value != 0.0));
            written.insert(own);
        }
        assert!(written.len() as u32 >= 8 - sinks && steps.len() > 16, "the ring has gone round");
    }
}

fn sorted(mut sites: Vec<Site>) -> Vec<Site> {
    sites.sort();
    sites
}

/// Five a layer, and embedding, logits, the best of each part, the choice.
async fn dispatches_are_counted(golden: &Golden, generator: &Rc<Model>) {
    let prompt = reference(golden).prompt;
    let (run, _) = write(generator, &prompt, 1, wishes()).await;
    let layers = generator.config().decoder.expect("a decoder").layers;
    assert_eq!(run.dispatches(), 5 * layers + 4, "kernels of a step, {layers} layers");
}

/// With learned positions a text ends where they do, and a longer prompt is refused.
async fn learned_positions_end(device: &Rc<Device>) {
    let golden = &golden::ALL[1];
    let generator = golden.load(device, Storage::F32);
    let positions = generator.config().max_positions;
    let of =
        |prompt: &[u32]| Task::of(vec![Input { end_tokens: Some(vec![]), ..Input::of(prompt) }]);
    let begun = Run::begin(&generator, &of(&[1, 2, 3])).await;
    let steps = begun.expect("a text").next(1000).await.expect("steps");
    assert_eq!(steps.len(), positions - 2, "as many as there are positions left");
    let finish = steps.last().and_then(|step| step.rows[0].finish);
    assert_eq!(finish, Some(glassformer::decode::Finish::Length));
    for (prompt, named) in [(vec![1; positions + 1], "20"), (vec![], "0"), (vec![83], "83")] {
        let error = Run::begin(&generator, &of(&prompt)).await.err();
        let error = error.expect("a prompt that is refused");
        assert_eq!(error.code(), "input");
        assert!(error.to_string().contains(named), "{error}");
    }
    let sinks = Task { ring_capacity: Some(8), sinks: 8, ..of(&[1]) };
    assert!(Run::begin(&generator, &sinks).await.is_err(), "no slot but sinks");
}
