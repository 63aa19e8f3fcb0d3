//! Laws of whole models: the golden ones, in every storage, alone and in a batch.

use std::rc::Rc;

use glassformer::decode::{Model, Run, Step};
use glassformer::executor::Device;
use glassformer::site::Site;
use glassformer::weights::Storage;

use super::golden::Golden;
use super::golden::marian::{self as golden, worst_error, written};
use super::report::{relative_error, say};

/// What any site may differ from PyTorch, relative to the largest value of its tensor.
pub const MOST_ERROR: f64 = 1e-5;

/// Every site of every model agrees with an independent implementation.
pub async fn models_agree_with_pytorch(device: &Rc<Device>) {
    for golden in golden::ALL {
        let translator = golden.load(device, Storage::F32);
        let (error, site) = worst_error(&golden, &translator).await;
        say(&format!("{}: at worst {error:.1e} off PyTorch, at {site}", golden.name));
        assert!(error < MOST_ERROR, "{}: {error:.1e} off at {site}", golden.name);
    }
}

/// One wrong value in one matrix is seen.
pub async fn a_wrong_weight_is_detected(device: &Rc<Device>) {
    let golden = &golden::ALL[1];
    let file = safetensors::SafeTensors::deserialize(golden.weights).expect("weights");
    let matrix = file.tensor("model.decoder.layers.1.fc2.weight").expect("a matrix").data();
    let at = matrix.as_ptr() as usize - golden.weights.as_ptr() as usize;
    let mut weights = golden.weights.to_vec();
    // The weight becomes larger by a half, or smaller by a third: the top bit of its fraction.
    weights[at + 2] ^= 0x40;
    let translator = golden.load_with(device, Storage::F32, golden.generation, &weights);
    let (error, site) = worst_error(golden, &translator).await;
    say(&format!("one wrong weight: {error:.1e} off, at {site}"));
    assert!(error > 10.0 * MOST_ERROR, "a wrong weight went unseen: {error:.1e} at {site}");
}

/// Smaller storage keeps logits near, and the tokens.
pub async fn storages_hold_to_f32(device: &Rc<Device>) {
    let bounds = [(Storage::F16, 2e-3, 0), (Storage::Int8, 5e-2, 2), (Storage::Q8, 5e-2, 2)];
    for golden in golden::ALL {
        let exact = logits_and_tokens(&golden, device, Storage::F32).await;
        for (storage, most_error, most_changed) in bounds {
            let found = logits_and_tokens(&golden, device, storage).await;
            let pairs = || exact.1.iter().flatten().zip(found.1.iter().flatten());
            let changed = pairs().filter(|(exact, found)| exact != found).count();
            // The first step has the same tokens behind it, whatever follows.
            let error = relative_error(&exact.0, &found.0);
            say(&format!(
                "{} in {}: logits {error:.1e} off, {changed} of {} tokens changed",
                golden.name,
                storage.name(),
                pairs().count(),
            ));
            assert!(error <= most_error, "{} {storage:?}: logits {error:.1e}", golden.name);
            assert!(changed <= most_changed, "{} {storage:?}: {changed} tokens", golden.name);
        }
    }
}

/// Logits of the first step, and all tokens.
async fn logits_and_tokens(
    golden: &Golden,
    device: &Rc<Device>,
    storage: Storage,
) -> (Vec<f32>, Vec<Vec<u32>>) {
    let translator = golden.load(device, storage);
    let reference = golden::reference(golden);
    let steps = decode(&translator, &reference.sources, reference.most_tokens, &["logits"]).await;
    let logits = steps[0].trace.iter().find(|snapshot| snapshot.site == Site::Logits);
    (logits.expect("traced logits").data.clone(), written(&steps))
}

/// A sentence is translated alike alone and beside others.
pub async fn a_batch_is_its_sentences(device: &Rc<Device>) {
    for golden in golden::ALL {
        let translator = golden.load(device, Storage::F32);
        let reference = golden::reference(&golden);
        let most = reference.most_tokens;
        let together = decode(&translator, &reference.sources, most, &[]).await;
        for (b, source) in reference.sources.iter().enumerate() {
            let alone = decode(&translator, std::slice::from_ref(source), most, &[]).await;
            assert_eq!(written(&alone)[0], written(&together)[b], "{}: sentence {b}", golden.name);
            for (alone, together) in alone.iter().zip(&together) {
                let [alone, together] = [&alone.rows[0], &together.rows[b]]
                    .map(|row| row.candidates[0].log_probability.exp());
                assert!((alone - together).abs() < 1e-5, "{}: {alone} {together}", golden.name);
            }
        }
    }
}

/// All steps of a batch, up to `most` tokens.
pub async fn decode(
    model: &Rc<Model>,
    sources: &[Vec<u32>],
    most: usize,
    trace: &[&str],
) -> Vec<Step> {
    let task = golden::task(sources, most).tracing(trace);
    let mut run = Run::begin(model, &task).await.expect("a batch");
    run.next(most as u32).await.expect("all steps")
}
