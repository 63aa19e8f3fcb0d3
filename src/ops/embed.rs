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
        ("weight", Access::Read),
        ("rows", Access::Read),
        ("positions", Access::Read),
        ("y", Access::Write),
        ("embedding", Access::Write),
        ("position", Access::Write),
    ],
    constants: &["WORKGROUP", "K", "STEP", "STORAGE", "TRACE"],
    reduces: false,
    twin,
};

/// Where the tokens come from.
#[derive(Debug, Clone, Copy)]
pub enum Tokens {
    /// `[B, S]` ids; each row starts at position 0.
    Given(Tensor),
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
    /// `[P, K]`
    pub positions: Tensor,
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
        let (ids, batch, sequence, step) = match tokens {
            Tokens::Given(ids) => (ids, ids.rows(), ids.width(), false),
            Tokens::Step { state, batch } => (state, batch, 1, true),
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
                ("STEP", f64::from(step)),
                ("STORAGE", code(table.storage)),
                ("TRACE", f64::from(traced)),
            ],
            sizes: bytemuck::cast_slice(&[Sizes { rows, sequence, scale: *scale }]).to_vec(),
            tensors: vec![ids, table.words, table.rows, *positions, y, terms[0], terms[1]],
            grid: [groups(rows * table.inputs / 4, workgroup, self.tuning.most_workgroups), 1, 1],
        });
        sites.iter().zip(terms).filter(|_| traced).for_each(|(site, term)| self.trace(*site, term));
        y
    }
}

fn twin(call: &mut Call) {
    let Sizes { rows, sequence, scale } = call.sizes();
    let width = call.constant("K") as usize;
    let [step, traced] = [call.on("STEP"), call.on("TRACE")];
    let mut outputs = [4, 5, 6].map(|binding| std::mem::take(&mut call.buffers[binding]));
    let ids = &call.buffers[0];
    let table = Rows::new(call.constant("STORAGE"), &call.buffers[1], &call.buffers[2], width);
    let positions = floats(&call.buffers[3]);
    let mut vector = vec![0.0; width];
    for t in 0..rows as usize {
        let (token, position) = match step {
            true => (ids[TOKENS + t], ids[POSITION]),
            false => (ids[t], t as u32 % sequence),
        };
        table.unpack(token as usize, &mut vector);
        for (k, value) in vector.iter().enumerate() {
            let embedding = f64::from(*value) * f64::from(scale);
            let position = f64::from(positions[position as usize * width + k]);
            let at = t * width + k;
            floats_mut(&mut outputs[0])[at] = (embedding + position) as f32;
            if traced {
                floats_mut(&mut outputs[1])[at] = embedding as f32;
                floats_mut(&mut outputs[2])[at] = position as f32;
            }
        }
    }
    for (binding, output) in [4, 5, 6].into_iter().zip(outputs) {
        call.buffers[binding] = output;
    }
}
