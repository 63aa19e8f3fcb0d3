//! Token embedding, scaled, plus position: `y[t] = scale · table[token[t]] + positions[position[t]]`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::choose::{POSITION, TOKENS};
use crate::ops::groups;
use crate::ops::weight::{Rows, Weight, code};
use crate::site::Site;
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "embed",
    wgsl: &[
        include_str!("../../shaders/embed.wgsl"),
        include_str!("../../shaders/lib/weight.wgsl"),
        include_str!("../../shaders/lib/step_state.wgsl"),
    ],
    bindings: &[
        ("tokens", Access::Read),
        ("state", Access::Read),
        ("weight", Access::Read),
        ("rows", Access::Read),
        ("positions", Access::Read),
        ("y", Access::Write),
        ("embedding", Access::Write),
        ("position", Access::Write),
    ],
    constants: &["WORKGROUP", "K", "STEP", "CHUNK", "PLACED", "STORAGE", "TRACE"],
    sized: &["weight", "rows"],
    reduces: false,
    twin,
};

/// Where the tokens come from.
#[derive(Debug, Clone, Copy)]
pub enum Tokens {
    /// `[B, S]` ids; each row starts at position 0.
    Given(Tensor),
    /// `[B, S]` ids; each row starts at the position in StepState.
    Chunk {
        /// `[B, S]`
        ids: Tensor,
        /// StepState.
        state: Tensor,
    },
    /// StepState: one token a sentence, all at its position.
    Step {
        /// StepState.
        state: Tensor,
        /// Sentences in it.
        batch: u32,
    },
}

/// How tokens become vectors.
#[derive(Debug, Clone, Copy)]
pub struct Embedding {
    /// `[V, K]`
    pub table: Weight,
    /// `[P, K]`, if positions are embedded at all.
    pub positions: Option<Tensor>,
    /// What token embeddings are multiplied with.
    pub scale: f32,
    /// The names of the scaled embedding and of the position.
    pub sites: [Site; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    rows: u32,
    sequence: u32,
    scale: f32,
}

impl Tape {
    /// Vectors `[B, S, K]` of the tokens.
    pub fn embed(&mut self, tokens: Tokens, embedding: &Embedding) -> Tensor {
        let Embedding { table, positions, scale, sites } = embedding;
        let (ids, state, [batch, sequence]) = match tokens {
            Tokens::Given(ids) => (ids, Tensor::NOTHING, [ids.rows(), ids.width()]),
            Tokens::Chunk { ids, state } => (ids, state, [ids.rows(), ids.width()]),
            Tokens::Step { state, batch } => (Tensor::NOTHING, state, [batch, 1]),
        };
        let shape = [batch, sequence, table.inputs];
        let traced = sites.iter().any(|site| self.wants(*site));
        let y = self.activation(&shape);
        let terms = sites.map(|_| self.activation_if(traced, &shape));
        let workgroup = self.tuning.workgroup;
        let rows = batch * sequence;
        self.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("WORKGROUP", f64::from(workgroup)),
                ("K", f64::from(table.inputs)),
                ("STEP", f64::from(matches!(tokens, Tokens::Step { .. }))),
                ("CHUNK", f64::from(matches!(tokens, Tokens::Chunk { .. }))),
                ("PLACED", f64::from(positions.is_some())),
                ("STORAGE", code(table.storage)),
                ("TRACE", f64::from(traced)),
            ],
            sizes: bytemuck::cast_slice(&[Sizes { rows, sequence, scale: *scale }]).to_vec(),
            tensors: vec![
                ids,
                state,
                table.words,
                table.rows,
                positions.unwrap_or(Tensor::NOTHING),
                y,
                terms[0],
                terms[1],
            ],
            grid: [groups(rows * table.inputs / 4, workgroup, self.tuning.most_workgroups), 1, 1],
        });
        let shown = sites.iter().zip(terms).take(1 + usize::from(positions.is_some()));
        shown.filter(|_| traced).for_each(|(site, term)| self.trace(*site, term));
        y
    }
}

fn twin(call: &mut Call) {
    let Sizes { rows, sequence, scale } = call.sizes();
    let width = call.constant("K") as usize;
    let [step, chunk, placed, traced] = ["STEP", "CHUNK", "PLACED", "TRACE"].map(|on| call.on(on));
    let mut outputs = [5, 6, 7].map(|binding| std::mem::take(&mut call.buffers[binding]));
    let [ids, state, words, rows_of_table, positions, ..] = &call.buffers[..] else {
        unreachable!("embed has eight bindings")
    };
    let table = Rows::new(call.constant("STORAGE"), words, rows_of_table, width);
    let positions = floats(positions);
    let mut vector = vec![0.0; width];
    for t in 0..rows as usize {
        let (token, position) = match step {
            true => (state[TOKENS + t], state[POSITION]),
            false if chunk => (ids[t], state[POSITION] + t as u32 % sequence),
            false => (ids[t], t as u32 % sequence),
        };
        table.unpack(token as usize, &mut vector);
        for (k, value) in vector.iter().enumerate() {
            let embedding = f64::from(*value) * f64::from(scale);
            let place = position as usize * width + k;
            let position = if placed { f64::from(positions[place]) } else { 0.0 };
            let at = t * width + k;
            floats_mut(&mut outputs[0])[at] = (embedding + position) as f32;
            if traced {
                floats_mut(&mut outputs[1])[at] = embedding as f32;
                floats_mut(&mut outputs[2])[at] = position as f32;
            }
        }
    }
    for (binding, output) in [5, 6, 7].into_iter().zip(outputs) {
        call.buffers[binding] = output;
    }
}
