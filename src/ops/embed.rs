//! Token embedding, scaled, plus position: `y[t] = scale · table[token[t]] + positions[position[t]]`.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::activation::Activation;
use crate::ops::groups;
use crate::ops::named::Value;
use crate::ops::weight::{Matrix, Weight, code};
use crate::probe::Lever;
use crate::recording::{Dispatch, Rows};
use crate::site::Site;
use crate::step_state::{self, POSITIONS};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "embed",
    wgsl: &[
        include_str!("../../shaders/embed.wgsl"),
        include_str!("../../shaders/lib/weight.wgsl"),
        step_state::WGSL,
    ],
    bindings: &[
        ("tokens", Access::Read),
        ("state", Access::Read),
        ("weight", Access::Read),
        ("rows", Access::Read),
        ("positions", Access::Read),
        ("y", Access::Write),
        ("terms", Access::Write),
    ],
    sizes: &[("T", Word::U32), ("S", Word::U32), ("scale", Word::F32)],
    constants: &["WORKGROUP", "K", "STEP", "CHUNK", "PLACED", "STORAGE", "TRACE"],
    sized: &["weight", "rows"],
    reduces: false,
    twin,
    fast: None,
};

/// Where the tokens come from.
#[derive(Debug, Clone, Copy)]
pub enum Tokens {
    /// `[B, S]` ids; each row starts at position 0.
    Given(Tensor),
    /// `[B, S]` ids; each row starts at its position in StepState.
    Chunk {
        /// `[B, S]`
        ids: Tensor,
        /// StepState.
        state: Tensor,
    },
    /// StepState: one token a row, at its position.
    Step {
        /// StepState.
        state: Tensor,
        /// Rows in it.
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

impl Tape {
    /// Vectors `[B, S, K]` of the tokens; term by term where one of the two changes.
    pub fn embed(&mut self, tokens: Tokens, embedding: &Embedding) -> Tensor {
        let Embedding { positions, scale, sites: [vectors, places], .. } = *embedding;
        let positions = positions.filter(|_| !self.probe.changes.off(Lever::Positions, places));
        if ![vectors, places].iter().any(|site| self.opens(*site)) {
            let traced = [vectors, places].iter().any(|site| self.wants(*site));
            let (y, terms) = self.embedded(tokens, embedding, (scale, positions), traced);
            let named = [vectors, places].into_iter().zip(0..);
            for (site, plane) in named.take(1 + usize::from(positions.is_some())) {
                let (rows, columns) = (Rows::Plane(plane), (0, y.width()));
                let shape = y.shape();
                self.at_value(site, Value { tensor: terms, rows, columns, shape, heads: (1, 1) });
            }
            return y;
        }
        let (x, _) = self.embedded(tokens, embedding, (scale, None), false);
        self.at(vectors, x);
        if positions.is_none() {
            return x;
        }
        // Tokens times 0 leave the positions.
        let (placed, _) = self.embedded(tokens, embedding, (0.0, positions), false);
        self.at(places, placed);
        self.finish_sums(x, Activation::None, Some(placed))
    }

    /// Tokens times a scale, plus positions if there are any; and, if `traced`, both terms
    /// `[2, B, S, K]`.
    fn embedded(
        &mut self,
        tokens: Tokens,
        Embedding { table, .. }: &Embedding,
        (scale, positions): (f32, Option<Tensor>),
        traced: bool,
    ) -> (Tensor, Tensor) {
        let (ids, state, [batch, sequence]) = match tokens {
            Tokens::Given(ids) => (ids, Tensor::NOTHING, [ids.rows(), ids.width()]),
            Tokens::Chunk { ids, state } => (ids, state, [ids.rows(), ids.width()]),
            Tokens::Step { state, batch } => (Tensor::NOTHING, state, [batch, 1]),
        };
        let [rows, width] = [batch * sequence, table.inputs];
        let y = self.activation(&[batch, sequence, width]);
        let terms = self.activation_if(traced, &[2, batch, sequence, width]);
        let workgroup = self.tuning.workgroup;
        let dispatch = Dispatch::new(
            &KERNEL,
            [
                ("tokens", ids),
                ("state", state),
                ("weight", table.words),
                ("rows", table.rows),
                ("positions", positions.unwrap_or(Tensor::NOTHING)),
                ("y", y),
                ("terms", terms),
            ],
        );
        self.dispatch(
            dispatch
                .sizes([("T", rows.into()), ("S", sequence.into()), ("scale", scale.into())])
                .constants([
                    ("WORKGROUP", workgroup.into()),
                    ("K", width.into()),
                    ("STEP", matches!(tokens, Tokens::Step { .. }).into()),
                    ("CHUNK", matches!(tokens, Tokens::Chunk { .. }).into()),
                    ("PLACED", positions.is_some().into()),
                    ("STORAGE", code(table.storage)),
                    ("TRACE", traced.into()),
                ])
                .grid([groups(rows * width / 4, workgroup, self.tuning.most_workgroups), 1, 1]),
        );
        (y, terms)
    }
}

fn twin(call: &Call) {
    let [rows, sequence] = [call.size("T"), call.size("S")];
    let scale = f64::from(call.real("scale"));
    let width = call.constant("K");
    let [words, own_rows] = [call.words("weight"), call.words("rows")];
    let table = Matrix::new(call.constant("STORAGE"), &words, &own_rows, width);
    let [tokens, state] = [call.words("tokens"), call.words("state")];
    let positions = call.values("positions");
    let [mut y, mut terms] = [call.values_mut("y"), call.values_mut("terms")];
    let mut vector = vec![0.0; width];
    for t in 0..rows {
        let word = |list, b, batch| state[step_state::at(list, b, batch)] as usize;
        let (token, position) = match (call.on("STEP"), call.on("CHUNK")) {
            (true, _) => (word(step_state::TOKENS, t, rows), word(POSITIONS, t, rows)),
            (_, true) => {
                let first = word(POSITIONS, t / sequence, rows / sequence);
                (tokens[t] as usize, first + t % sequence)
            }
            _ => (tokens[t] as usize, t % sequence),
        };
        table.unpack(token, &mut vector);
        for (k, value) in vector.iter().enumerate() {
            let embedding = f64::from(*value) * scale;
            let place = position * width + k;
            // Beyond the table there are only rows of padding, which nobody reads.
            let position = positions.get(place).copied().unwrap_or(0.0);
            let position = if call.on("PLACED") { f64::from(position) } else { 0.0 };
            y[t * width + k] = (embedding + position) as f32;
            if call.on("TRACE") {
                terms[t * width + k] = embedding as f32;
                terms[(rows + t) * width + k] = position as f32;
            }
        }
    }
}
