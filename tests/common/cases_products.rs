//! Cases of the kernels that make rows of values: embedding, norms, gates, the three products.

use glassformer::ops::activation::Activation;
use glassformer::ops::embed::{Embedding, Tokens};
use glassformer::ops::linear::Epilogue;
use glassformer::ops::norm::{Kind, Norm};
use glassformer::site::Site;
use glassformer::step_state;
use glassformer::tensor::Tensor;
use glassformer::weights::Storage;

use super::cases::Case;
use super::cases_attention::state_at;
use super::random::Random;
use super::sketch::{BEFORE, Compare, Sketch};

const EPSILON: f32 = 1e-5;

/// Given tokens, chunks of them and those of a step, with and without positions.
pub fn embeddings(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![];
    for (index, width) in [4, 24, 60, 84, 256].into_iter().enumerate() {
        for storage in Storage::ALL {
            let [batch, sequence] = random.pick(&[[1, 1], [1, 7], [3, 8], [2, 33]]);
            let [sentences, position] = random.pick(&[[1, 0], [1, 5], [3, 12], [8, 1]]);
            let traced = (index + storage as usize).is_multiple_of(2);
            let name = format!("[{batch}, {sequence}, {width}] {storage:?} traced {traced}");
            cases.push(Case::new(name.clone(), traced, move |sketch| {
                let ids: Vec<u32> =
                    (0..batch * sequence).map(|_| sketch.random.below(97)).collect();
                let tokens = sketch.words(&[batch, sequence], &ids);
                embed(sketch, Tokens::Given(tokens), storage, width, traced);
            }));
            let name = format!("a chunk, {name}");
            cases.push(Case::new(name, traced, move |sketch| {
                let ids: Vec<u32> = (0..sequence).map(|_| sketch.random.below(97)).collect();
                let ids = sketch.words(&[1, sequence], &ids);
                let position = sketch.random.below(33 - sequence.min(32));
                let state = state_at(sketch, 1, position);
                embed(sketch, Tokens::Chunk { ids, state }, storage, width, !traced);
            }));
            let name = format!("{sentences} at {position}, {width} {storage:?} traced {traced}");
            cases.push(Case::new(name, traced, move |sketch| {
                // Each row is at a position of its own.
                let row = |b| step_state::Row::at(position + b % 3, sketch.random.below(97));
                let rows: Vec<_> = (0..sentences).map(row).collect();
                let shape = [step_state::words(sentences)];
                let state = sketch.words(&shape, &step_state::of(&rows));
                let tokens = Tokens::Step { state, batch: sentences };
                embed(sketch, tokens, storage, width, traced);
            }));
        }
    }
    cases
}

fn embed(sketch: &mut Sketch, tokens: Tokens, storage: Storage, width: u32, placed: bool) {
    let positions = placed.then(|| sketch.drawn(&[34, width]));
    let embedding = Embedding {
        table: sketch.drawn_weight(storage, 97, width),
        positions,
        scale: (width as f32).sqrt(),
        sites: [Site::ENCODER_EMBEDDING, Site::ENCODER_POSITION],
    };
    let y = sketch.tape.embed(tokens, &embedding);
    sketch.show(y);
}

/// Norms by themselves.
pub fn norms() -> Vec<Case> {
    let mut cases = vec![];
    for width in [4, 24, 60, 256, 1028] {
        for (rows, kind) in [1, 3, 33].into_iter().flat_map(|rows| KINDS.map(|kind| (rows, kind))) {
            cases.push(Case::new(format!("{kind:?} [{rows}, {width}]"), false, move |sketch| {
                let x = shifted(sketch, rows, width);
                let y = norm(sketch, x, kind);
                sketch.show(y);
            }));
        }
    }
    cases
}

const KINDS: [Kind; 2] = [Kind::Layer, Kind::Rms];

/// Gated activations by themselves.
pub fn gates() -> Vec<Case> {
    let sizes =
        [4, 24, 60, 1028].into_iter().flat_map(|width| [1, 3, 33].map(|rows| [rows, width]));
    let cases = sizes.zip(0..).map(|([rows, width], index)| {
        let activation = Activation::ALL[index % Activation::ALL.len()];
        Case::new(format!("[{rows}, {width}] {activation:?}"), false, move |sketch| {
            let x = shifted(sketch, rows, 2 * width);
            let y = sketch.tape.gate(x, activation);
            sketch.show(y);
        })
    });
    cases.collect()
}

/// Values whose mean is far from 0.
fn shifted(sketch: &mut Sketch, rows: u32, width: u32) -> Tensor {
    let shift = 3.0 * sketch.random.value();
    let values: Vec<f32> =
        sketch.random.values(rows * width).into_iter().map(|value| value + shift).collect();
    sketch.values(&[rows, width], &values)
}

fn norm(sketch: &mut Sketch, x: Tensor, kind: Kind) -> Tensor {
    let rows = [2, 1][usize::from(kind == Kind::Rms)];
    let gain_bias = sketch.drawn(&[rows, x.width()]);
    sketch.tape.norm(x, &Norm { kind, gain_bias, epsilon: EPSILON })
}

/// What stands in front of a product.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Norm(Kind),
    Gate(Activation),
}

/// Products of one row of x, of few and of many, with what may stand before them.
pub fn products(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![];
    let mut index = 0;
    for width in [4, 24, 60, 112, 256, 576, 1024, 1028] {
        for storage in Storage::ALL {
            let few = random.pick(&[2, 3, 5, 7]);
            let many = random.pick(&[31, 32, 33, 37]);
            let gate = Before::Gate(Activation::ALL[index % Activation::ALL.len()]);
            let norm = KINDS.map(Before::Norm);
            for (rows, before) in [
                (1, Before::Nothing),
                (1, norm[0]),
                (1, norm[1]),
                (1, gate),
                (few, [norm[0], norm[1], gate][index % 3]),
                (many, Before::Nothing),
            ] {
                let outputs = random.pick(&[1, 2, 7, 31, 33, 64, 97, 130]);
                cases.push(product(index, [rows, outputs, width], storage, before));
            }
            index += 1;
        }
    }
    cases
}

/// One of them. All epilogues take their turn by the index.
fn product(index: usize, sizes: [u32; 3], storage: Storage, before: Before) -> Case {
    let [rows, outputs, width] = sizes;
    let activation = match index % 3 {
        2 => None,
        _ => Some(Activation::ALL[(index - index / 3) % Activation::ALL.len()]),
    };
    let traced = index.is_multiple_of(2);
    let ends = activation.map_or("residual", Activation::name);
    let name = format!(
        "[{rows}, {width}] by [{outputs}, {width}] {storage:?}, {ends}, after {before:?}, traced {traced}"
    );
    Case::new(name, traced, move |sketch| {
        // A sum of large terms may happen to be small, an activation may make it smaller still.
        sketch.compare = Compare::ValuesOf(1.0);
        let given = if matches!(before, Before::Gate(_)) { 2 * width } else { width };
        let mut x = shifted(sketch, rows, given);
        match before {
            Before::Nothing => {}
            Before::Norm(kind) => x = norm(sketch, x, kind),
            Before::Gate(activation) => x = sketch.tape.gate(x, activation),
        }
        if before != Before::Nothing {
            sketch.show(x);
        }
        let weight = sketch.drawn_weight(storage, outputs, width);
        let epilogue = match activation {
            Some(activation) => Epilogue::Activation(activation, BEFORE),
            None => Epilogue::Residual(sketch.drawn(&[rows, outputs]), BEFORE),
        };
        let y = sketch.tape.linear(x, &weight, epilogue);
        sketch.show(y);
    })
}
