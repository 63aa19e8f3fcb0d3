//! Laws of edits: PyTorch's numbers with the same change, nothing left when off, and what is refused.

use std::rc::Rc;

use glassformer::decode::{Input, Model, Run, Task};
use glassformer::executor::Device;
use glassformer::weights::Storage;

use super::golden::{Golden, causal, edits, marian};
use super::laws_models::MOST_ERROR;
use super::report::say;

fn models() -> [&'static Golden; 3] {
    [&marian::ALL[0], &causal::ALL[0], &causal::ALL[3]]
}

/// Tokens and stored sites of every lever agree with an independent implementation; of the cases
/// every so many is tried, where pipelines take long to make.
pub async fn edits_agree_with_pytorch(device: &Rc<Device>, every: usize) {
    let mut wrong = vec![];
    for golden in models() {
        let model = golden.load(device, Storage::F32);
        let written = |case: &edits::Case| case.task == edits::Task::Write;
        let cases = edits::cases(golden.name).into_iter().filter(written);
        for case in cases.step_by(every) {
            // Where PyTorch's own f32 is far off, ours may be.
            let bound = MOST_ERROR.max(4.0 * case.rounding);
            let (error, site) = case.worst_error(&model).await;
            say(&format!("{}, {}: {error:.1e} off at {site}", golden.name, case.name));
            if error >= bound {
                wrong.push(format!("{}, {}: {error:.1e} off at {site}", golden.name, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} edits:\n{}", wrong.len(), wrong.join("\n"));
}

/// The tokens of a few steps, and what a step dispatches.
async fn steps(model: &Rc<Model>, edits: &[&str]) -> (Vec<Vec<u32>>, usize) {
    let input = Input { max_tokens: Some(4), ..Input::of(&[5, 6, 0]) };
    let edits = edits.iter().map(|words| words.parse().expect("an edit")).collect();
    let task = Task { edits, ..Task::of(vec![input]) };
    let mut run = Run::begin(model, &task).await.expect("a run");
    let dispatches = run.dispatches();
    (marian::written(&run.next(4).await.expect("steps")), dispatches)
}

/// Without edits a step is what it was; scaling a stored value costs one dispatch a site.
pub async fn an_edit_costs_what_it_says(device: &Rc<Device>) {
    for golden in models() {
        let model = golden.load(device, Storage::Int8);
        let (plain, dispatches) = steps(&model, &[]).await;
        let (same, scaled) = steps(&model, &["scale decoder.*.self_attention.context by 1"]).await;
        let layers = model.config().decoder.expect("a decoder").layers;
        assert_eq!(scaled, dispatches + layers, "{}: one a site", golden.name);
        assert_eq!(plain, same, "{}: times 1", golden.name);
        let (after, again) = steps(&model, &[]).await;
        assert_eq!((after, again), (plain, dispatches), "{}: the next run is sound", golden.name);
    }
}

/// What a model can't take is named, and what would fit.
pub async fn what_does_not_fit_is_refused(device: &Rc<Device>) {
    let marian = marian::ALL[0].load(device, Storage::Int8);
    let llama = causal::ALL[3].load(device, Storage::Int8);
    let bytes = device.allocated_bytes();
    for (model, words, named) in [
        (&marian, "causal mask off in encoder.*", "decoder.0.self_attention"),
        (&llama, "padding mask off", "nearest"),
        (&llama, "key-value heads 3", "divisor of the model's 2"),
        (&marian, "scale decoder.0.cross_attention.context by 0 heads 4", "heads 0 to 3"),
        (&marian, "scale decoder.0.feed_forward.output by 0 heads 0", "has none"),
        (&marian, "scale decoder.0.self_attention.ring by 0", "key or value"),
        (&marian, "scale probabilities by 2", "logits"),
        (
            &marian,
            "scale decoder.0.cross_atention.context by 0",
            "decoder.0.cross_attention.context",
        ),
        (&marian, "skips off in decoder.9.*", "decoder.0"),
        (&marian, "norm rms in decoder.norm", "decoder.0.self_attention"),
    ] {
        let edits = vec![words.parse().expect("an edit")];
        let task = Task { edits, ..Task::of(vec![Input::of(&[5, 6, 0])]) };
        let error = Run::begin(model, &task).await.err().expect(words);
        assert!(error.to_string().contains(named), "{words}: {error}");
    }
    let edits = vec![glassformer::probe::Edit::Replace {
        site: "decoder.0.feed_forward.output".to_string(),
        shape: vec![1, 1, 5],
        data: vec![0.0; 5],
        position: None,
    }];
    let task = Task { edits, ..Task::of(vec![Input::of(&[5, 6, 0])]) };
    let error = Run::begin(&marian, &task).await.err().expect("a wrong shape").to_string();
    assert!(error.contains("[1, 1, 32]") && error.contains("[1, 1, 5]"), "{error}");
    assert_eq!(device.allocated_bytes(), bytes, "nothing is left of what was refused");
}
