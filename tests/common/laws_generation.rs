//! Laws of drawing while writing: steps, kept logits and seeds agree.

use std::rc::Rc;

use glassformer::decode::{Input, Model, Row, Run, Sampling, Step, Task};
use glassformer::error::Error;
use glassformer::executor::Device;
use glassformer::weights::Storage;

use super::golden::causal::{ALL, endless, reference, tokens, wishes, write_row};
use super::laws_sampling::WARM;

pub async fn all(device: &Rc<Device>) {
    let golden = &ALL[3];
    let generator = golden.load(device, Storage::F32);
    let prompt = reference(golden).prompt;
    kept_logits_give_what_the_step_gave(&generator, &prompt).await;
    a_seed_is_a_text(&generator, &prompt).await;
    nonsense_is_refused(&generator, &prompt).await;
}

const STEPS: usize = 12;

/// Options of all kinds.
fn samplings() -> [Sampling; 4] {
    [
        Sampling::default(),
        Sampling { repetition_penalty: 1.8, ..Sampling::default() },
        Sampling { temperature: 1.4, top_k: 9, repetition_penalty: 1.2, ..WARM },
        Sampling { temperature: 2.0, top_p: 0.8, min_p: 0.05, seed: 77, ..WARM },
    ]
}

async fn kept_logits_give_what_the_step_gave(generator: &Rc<Model>, prompt: &[u32]) {
    let mut greedy: Option<Vec<u32>> = None;
    for sampling in samplings() {
        let task = Task { candidates: 7, ..wishes().tracing(&["logits"]) };
        let row = Input { sampling, ..endless(prompt, STEPS) };
        let (_, steps) = write_row(generator, row, STEPS, task).await;
        let mut history = prompt.to_vec();
        for Step { rows, trace } in &steps {
            let position = &rows[0].position;
            let logits = &trace[0].data;
            let again = generator.reconsider(logits, &history, &sampling, 7, *position).await;
            // Logits don't know that a limit was reached.
            let kept = Row { finish: None, ..rows[0].clone() };
            assert_eq!(again, Ok(kept), "{sampling:?} at {position}");
            history.push(rows[0].token);
        }
        let found = tokens(&steps);
        assert_eq!(history[prompt.len()..], found, "steps follow each other");
        let first = greedy.get_or_insert_with(|| found.clone());
        assert_eq!(*first == found, sampling.is_plain(), "{sampling:?} makes a difference");
    }
}

/// Whether steps run one by one, traced, or many at a time.
async fn a_seed_is_a_text(generator: &Rc<Model>, prompt: &[u32]) {
    let of = async |seed, trace: &[&str]| {
        let sampling = Sampling { seed, temperature: 3.0, ..WARM };
        let row = Input { sampling, ..endless(prompt, 20) };
        tokens(&write_row(generator, row, 20, wishes().tracing(trace)).await.1)
    };
    let first = of(5, &[]).await;
    assert_eq!(first, of(5, &[]).await, "one seed, one text");
    assert_eq!(first, of(5, &["logits"]).await, "tracing changes nothing");
    assert_ne!(first, of(6, &[]).await, "another seed, another text");
}

async fn nonsense_is_refused(generator: &Rc<Model>, prompt: &[u32]) {
    let wrong = [
        Sampling { temperature: -1.0, ..WARM },
        Sampling { temperature: f32::NAN, ..WARM },
        Sampling { temperature: f32::INFINITY, ..WARM },
        Sampling { top_p: 0.0, ..WARM },
        Sampling { top_p: 1.1, ..WARM },
        Sampling { min_p: -0.1, ..WARM },
        Sampling { min_p: f32::NAN, ..WARM },
        Sampling { repetition_penalty: 0.0, ..WARM },
    ];
    for sampling in wrong {
        let task = Task::of(vec![Input { sampling, ..Input::of(prompt) }]);
        let begun = Run::begin(generator, &task).await;
        assert!(matches!(begun.err(), Some(Error::Input { .. })), "{sampling:?}");
    }
    let vocabulary = generator.config().vocabulary;
    let logits = vec![0.0; vocabulary];
    let wrong: [(&[f32], &[u32], u32); 4] = [
        (&logits[1..], &[0], 1),
        (&logits, &[], 1),
        (&logits, &[vocabulary as u32], 1),
        (&logits, &[0], 65),
    ];
    for (logits, history, candidates) in wrong {
        let row = generator.reconsider(logits, history, &WARM, candidates, 0).await;
        assert!(matches!(row, Err(Error::Input { .. })), "{} {history:?}", logits.len());
    }
}
