//! The golden MarianMT models: what they should compute, beside what they do.

use std::ops::RangeInclusive;
use std::rc::Rc;

use glassformer::decode::{Input, Model, Run, Step, Task};
use glassformer::site::{Block, Part, Site, Snapshot, Stack};

use super::{Golden, Pairs, Sites, golden, part};

pub const ALL: [Golden; 4] = [
    golden!("marian_tied_relu"),
    golden!("marian_untied_swish"),
    golden!("marian_gelu"),
    golden!("marian_gelu_new"),
];

/// What the independent implementation says.
pub struct Reference {
    pub(super) sites: Sites,
    pub sources: Vec<Vec<u32>>,
    /// Tokens of each sentence, its end among them.
    pub tokens: Vec<Vec<u32>>,
    /// T, where writing was stopped.
    pub most_tokens: usize,
}

pub fn reference(golden: &Golden) -> Reference {
    let sites = golden.sites();
    let rows = |name: &str, lengths: &str| -> Vec<Vec<u32>> {
        let (shape, ids) = sites.read(name);
        let rows = ids.chunks(shape[1]).zip(sites.ids(lengths));
        rows.map(|(row, length)| row[..length as usize].iter().map(|id| *id as u32).collect())
            .collect()
    };
    let sources = rows("source", "source_lengths");
    let tokens = rows("tokens", "lengths");
    let most_tokens = sites.read("tokens").0[1];
    Reference { sites, sources, tokens, most_tokens }
}

/// A task of these sources, with so many tokens at most.
pub fn task(sources: &[Vec<u32>], most: usize) -> Task {
    let input = |source: &Vec<u32>| Input { max_tokens: Some(most as u32), ..Input::of(source) };
    Task { candidates: 3, ..Task::of(sources.iter().map(input).collect()) }
}

/// The worst relative error of any site, and which one that is. A wrong token is infinitely wrong.
pub async fn worst_error(golden: &Golden, model: &Rc<Model>) -> (f64, String) {
    let reference = reference(golden);
    let task = task(&reference.sources, reference.most_tokens).tracing(&["*"]);
    let mut run = Run::begin(model, &task).await.expect("an encoded batch");
    let steps = run.next(reference.most_tokens as u32).await.expect("all steps");

    let mut pairs = Pairs::default();
    run.read[0].trace.iter().for_each(|snapshot| reference.pair(&mut pairs, snapshot, None));
    for (t, step) in steps.iter().enumerate() {
        step.trace.iter().for_each(|snapshot| reference.pair(&mut pairs, snapshot, Some(t)));
    }
    reference.pair_log_probabilities(&mut pairs, &steps);
    if written(&steps) != reference.tokens {
        return (f64::INFINITY, "tokens".to_string());
    }
    pairs.worst(golden.name, model.sites().len() + 1)
}

/// The tokens of each sentence, as far as they count.
pub fn written(steps: &[Step]) -> Vec<Vec<u32>> {
    let sentence = |b: usize| {
        let rows = steps.iter().map(|step| &step.rows[b]).filter(|row| row.active);
        rows.map(|row| row.token).collect()
    };
    (0..steps.first().map_or(0, |step| step.rows.len())).map(sentence).collect()
}

impl Reference {
    /// Adds the values of a snapshot that count, of a step or of the encoding: those of tokens.
    pub(super) fn pair(&self, pairs: &mut Pairs, snapshot: &Snapshot, step: Option<usize>) {
        let Snapshot { site, shape, data } = snapshot;
        let (expected, found) = pairs.of(&site.to_string());
        let part = part(*site);
        let positions = match (part, step) {
            (Some(Part::Ring), Some(t)) => Some(0..=t),
            (Some(Part::Slot), Some(t)) => Some(t..=t),
            _ => None,
        };
        if let Some(positions) = positions {
            return self.pair_slots(expected, found, snapshot, positions);
        }
        let (golden_shape, golden) = self.sites.read(&site.to_string());
        for (b, source) in self.sources.iter().enumerate() {
            // Of the one row of a step, or of a row for each token of the source.
            let rows: Vec<(usize, usize)> = match step {
                None => (0..source.len()).map(|t| (t, t)).collect(),
                Some(t) if t < self.tokens[b].len() => vec![(t, 0)],
                Some(_) => vec![],
            };
            for (t, own_t) in rows {
                if matches!(part, Some(Part::Scores | Part::Weights)) {
                    let [heads, times, keys] = golden_shape[1..] else { panic!("{site}: a map") };
                    let own_source = attends_to_source(*site);
                    let columns = if own_source { source.len() } else { t + 1 };
                    for h in 0..heads {
                        let at = ((b * heads + h) * times + t) * keys;
                        let own_at = ((b * heads + h) * shape[2] + own_t) * shape[3];
                        expected.extend(&golden[at..][..columns]);
                        found.extend(&data[own_at..][..columns]);
                    }
                } else {
                    let width: usize = golden_shape[2..].iter().product();
                    let own_times = data.len() / self.sources.len() / width;
                    expected.extend(&golden[(b * golden_shape[1] + t) * width..][..width]);
                    found.extend(&data[(b * own_times + own_t) * width..][..width]);
                }
            }
        }
    }

    /// A ring that has not wrapped holds the keys and values of all steps so far, a slot those of
    /// its own.
    fn pair_slots(
        &self,
        expected: &mut Vec<f32>,
        found: &mut Vec<f32>,
        snapshot: &Snapshot,
        positions: RangeInclusive<usize>,
    ) {
        let Snapshot { site, shape, data } = snapshot;
        let name = site.to_string();
        let (block, _) = name.rsplit_once('.').expect("a part of a block");
        let [key, value] =
            ["key", "value"].map(|part| self.sites.read(&format!("{block}.{part}")).1);
        let width = shape[3] * shape[4];
        let active = (0..self.tokens.len()).filter(|b| *positions.end() < self.tokens[*b].len());
        for (b, position) in active.flat_map(|b| positions.clone().map(move |p| (b, p))) {
            let at = (b * self.most_tokens + position) * width;
            expected.extend(&key[at..][..width]);
            expected.extend(&value[at..][..width]);
            let row = b * shape[1] + position - positions.start();
            found.extend(&data[row * 2 * width..][..2 * width]);
        }
    }

    pub(super) fn pair_log_probabilities(&self, pairs: &mut Pairs, steps: &[Step]) {
        let (shape, golden) = self.sites.read("log_probabilities");
        // As differences of logits they are as exact as those, however near to 0.
        let (expected, found) = pairs.of("log_probabilities");
        expected.push(1.0);
        found.push(1.0);
        for (t, step) in steps.iter().enumerate() {
            for (b, row) in step.rows.iter().enumerate().filter(|(_, row)| row.active) {
                expected.push(golden[b * shape[1] + t]);
                found.push(row.candidates[0].log_probability);
            }
        }
    }
}

fn attends_to_source(site: Site) -> bool {
    match site {
        Site::Layer { stack, block, .. } => {
            stack == Stack::Encoder || block == Block::CrossAttention
        }
        _ => false,
    }
}
