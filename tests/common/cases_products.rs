//! Cases of the kernels that make rows of values: embedding, layer norm, the three products.

use glassformer::ops::activation::Activation;
use glassformer::ops::choose::first_state;
use glassformer::ops::embed::{Embedding, Tokens};
use glassformer::ops::linear::Epilogue;
use glassformer::site::Site;
use glassformer::tape::Tensor;
use glassformer::weights::Storage;

use super::cases::Case;
use super::random::Random;
use super::sketch::{BEFORE, Compare, Sketch};

const EPSILON: f32 = 1e-5;

/// Given tokens and those of a step.
pub fn embeddings(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![];
    for (index, width) in [4, 24, 60, 84, 256].into_iter().enumerate() {
        for storage in Storage::ALL {
            let [batch, sequence] = random.pick(&[[1, 1], [1, 7], [3, 8], [2, 33]]);
            let [sentences, position] = random.pick(&[[1, 0], [1, 5], [3, 12], [8, 1]]);
            let traced = (index + storage as usize).is_multiple_of(2);
            let name = format!("[{batch}, {sequence}, {width}] {storage:?} traced {traced}");
            cases.push(Case::new(name, traced, move |sketch| {
                let ids: Vec<u32> =
                    (0..batch * sequence).map(|_| sketch.random.below(97)).collect();
                let tokens = sketch.words(&[batch, sequence], &ids);
                embed(sketch, Tokens::Given(tokens), storage, width);
            }));
            let name = format!("{sentences} at {position}, {width} {storage:?} traced {traced}");
            cases.push(Case::new(name, traced, move |sketch| {
                let mut state = first_state(sentences, 0);
                state[0] = position;
                state[4..].fill_with(|| sketch.random.below(97));
                let state = sketch.words(&[4 + 2 * sentences], &state);
                embed(sketch, Tokens::Step { state, batch: sentences }, storage, width);
            }));
        }
    }
    cases
}

fn embed(sketch: &mut Sketch, tokens: Tokens, storage: Storage, width: u32) {
    let embedding = Embedding {
        table: sketch.drawn_weight(storage, 97, width),
        positions: sketch.drawn(&[33, width]),
        scale: (width as f32).sqrt(),
        sites: [Site::ENCODER_EMBEDDING, Site::ENCODER_POSITION],
    };
    let y = sketch.tape.embed(tokens, &embedding);
    sketch.show(y);
}

/// Layer norm by itself.
pub fn norms() -> Vec<Case> {
    let mut cases = vec![];
    for width in [4, 24, 60, 256, 1028] {
        for rows in [1, 3, 33] {
            cases.push(Case::new(format!("[{rows}, {width}]"), false, move |sketch| {
                let x = shifted(sketch, rows, width);
                let y = norm(sketch, x);
                sketch.show(y);
            }));
        }
    }
    cases
}

/// Values whose mean is far from 0.
fn shifted(sketch: &mut Sketch, rows: u32, width: u32) -> Tensor {
    let shift = 3.0 * sketch.random.value();
    let values: Vec<f32> =
        sketch.random.values(rows * width).into_iter().map(|value| value + shift).collect();
    sketch.values(&[rows, width], &values)
}

fn norm(sketch: &mut Sketch, x: Tensor) -> Tensor {
    let gain_bias = sketch.drawn(&[2, x.width()]);
    sketch.tape.norm(x, gain_bias, EPSILON)
}

/// Products of one row of x, of few and of many, with and without a norm before them.
pub fn products(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![];
    let mut index = 0;
    for width in [4, 24, 60, 112, 256, 576, 1024, 1028] {
        for storage in Storage::ALL {
            let few = random.pick(&[2, 3, 5, 7]);
            let many = random.pick(&[31, 32, 33, 37]);
            for (rows, normed) in [(1, false), (1, true), (few, true), (many, false)] {
                let outputs = random.pick(&[1, 2, 7, 31, 33, 64, 97, 130]);
                cases.push(product(index, [rows, outputs, width], storage, normed));
            }
            index += 1;
        }
    }
    cases
}

/// One of them. All epilogues take their turn by the index.
fn product(index: usize, sizes: [u32; 3], storage: Storage, normed: bool) -> Case {
    let [rows, outputs, width] = sizes;
    let activation = match index % 3 {
        2 => None,
        _ => Some(Activation::ALL[(index - index / 3) % Activation::ALL.len()]),
    };
    let traced = index.is_multiple_of(2);
    let ends = activation.map_or("residual", Activation::name);
    let name = format!(
        "[{rows}, {width}] by [{outputs}, {width}] {storage:?}, {ends}, norm {normed}, traced {traced}"
    );
    Case::new(name, traced, move |sketch| {
        // A sum of large terms may happen to be small, an activation may make it smaller still.
        sketch.compare = Compare::ValuesOf(1.0);
        let mut x = shifted(sketch, rows, width);
        if normed {
            x = norm(sketch, x);
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
