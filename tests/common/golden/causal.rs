//! The golden decoder-only models: what they should compute, beside what they do.

use std::rc::Rc;

use glassformer::decode::{Input, Model, Run, Step, Task};
use glassformer::site::{Part, Snapshot};

use super::{Golden, Pairs, Sites, golden, part};

pub const ALL: [Golden; 5] = [
    golden!("gpt2_tied"),
    golden!("gpt2_untied"),
    golden!("llama_1_1"),
    golden!("llama_3_1"),
    golden!("llama_8_1"),
];

/// What the independent implementation says.
pub struct Reference {
    pub(super) sites: Sites,
    pub prompt: Vec<u32>,
    /// What greedy writing adds.
    pub tokens: Vec<u32>,
}

pub fn reference(golden: &Golden) -> Reference {
    let sites = golden.sites();
    Reference { prompt: sites.ids("prompt"), tokens: sites.ids("tokens"), sites }
}

/// A task without rows yet.
pub fn wishes() -> Task {
    Task::of(vec![])
}

/// A row that writes so many tokens: ends are no matter here, the reference writes on.
pub fn endless(prompt: &[u32], count: usize) -> Input {
    let max_tokens = Some(count as u32);
    Input { max_tokens, end_tokens: Some(vec![]), ..Input::of(prompt) }
}

/// All steps of a text.
pub async fn write(
    model: &Rc<Model>,
    prompt: &[u32],
    count: usize,
    wishes: Task,
) -> (Run, Vec<Step>) {
    write_row(model, endless(prompt, count), count, wishes).await
}

/// The same, for a row with wishes of its own.
pub async fn write_row(
    model: &Rc<Model>,
    row: Input,
    count: usize,
    wishes: Task,
) -> (Run, Vec<Step>) {
    let begun = Run::begin(model, &Task { inputs: vec![row], ..wishes }).await;
    let mut run = begun.expect("a text");
    let steps = run.next(count as u32).await.expect("all steps");
    (run, steps)
}

/// The tokens that were written.
pub fn tokens(steps: &[Step]) -> Vec<u32> {
    steps.iter().map(|step| step.rows[0].token).collect()
}

/// The worst relative error of any site, and which one that is. A wrong token is infinitely wrong.
pub async fn worst_error(golden: &Golden, model: &Rc<Model>) -> (f64, String) {
    let reference = reference(golden);
    let wishes = Task { candidates: 3, ..wishes().tracing(&["*"]) };
    let count = reference.tokens.len();
    let (run, steps) = write(model, &reference.prompt, count, wishes).await;
    let mut pairs = Pairs::default();
    for part in &run.read {
        part.trace.iter().for_each(|snapshot| reference.pair(&mut pairs, snapshot, part.first));
    }
    for step in &steps {
        let position = step.rows[0].position;
        step.trace.iter().for_each(|snapshot| reference.pair(&mut pairs, snapshot, position));
    }
    if tokens(&steps) != reference.tokens {
        return (f64::INFINITY, "tokens".to_string());
    }
    pairs.worst(golden.name, model.sites().len())
}

impl Reference {
    /// Adds the values of a snapshot whose first row has the position `first`.
    pub(super) fn pair(&self, pairs: &mut Pairs, snapshot: &Snapshot, first: u32) {
        let Snapshot { site, shape, data } = snapshot;
        let name = site.to_string();
        let first = first as usize;
        let (expected, found) = pairs.of(&name);
        match part(*site) {
            Some(part @ (Part::Slot | Part::Ring)) => {
                let width = shape[3] * shape[4];
                let (block, _) = name.rsplit_once('.').expect("a part of a block");
                let [key, value] = ["turned_key", "value"]
                    .map(|part| self.sites.read(&format!("{block}.{part}")).1);
                // A ring that has not wrapped; how far a chunk filled it, its other sites say.
                let is_ring = part == Part::Ring;
                let is_filled = |slot: &&[f32]| !is_ring || slot.iter().any(|x| *x != 0.0);
                let slots = data.chunks(2 * width).take_while(is_filled);
                for (position, slot) in (if is_ring { 0 } else { first }..).zip(slots) {
                    expected.extend(&key[position * width..][..width]);
                    expected.extend(&value[position * width..][..width]);
                    found.extend(slot);
                }
                let least = if is_ring { first * width } else { 0 };
                assert!(found.len() > least, "{name}: the ring has been filled");
            }
            Some(Part::Scores | Part::Weights) => {
                let (golden_shape, golden) = self.sites.read(&name);
                let [_, heads, times, slots] = shape[..] else { panic!("{name}: a map") };
                let all = golden_shape[2].min(slots);
                for (h, t) in (0..heads).flat_map(|h| (0..times).map(move |t| (h, t))) {
                    // Zeros where masked, beyond the text as well.
                    let [rows, columns] = [golden_shape[1], golden_shape[2]];
                    expected.extend(&golden[(h * rows + first + t) * columns..][..all]);
                    expected.extend(vec![0.0; slots - all]);
                    found.extend(&data[(h * times + t) * slots..][..slots]);
                }
            }
            _ => {
                let (golden_shape, golden) = self.sites.read(&name);
                let width: usize = golden_shape[1..].iter().product();
                expected.extend(&golden[first * width..][..data.len()]);
                found.extend(data);
            }
        }
    }

    /// The tokens and the logits `[N, V]` of a text whose ring goes round.
    pub fn endless(&self, label: &str) -> (Vec<u32>, Vec<f32>) {
        let tokens = self.sites.ids(&format!("{label}.tokens"));
        (tokens, self.sites.read(&format!("{label}.logits")).1)
    }
}
