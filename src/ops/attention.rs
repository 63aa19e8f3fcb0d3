//! Masked softmax attention: `context[t, h] = Σ_s softmax_s(q[t, h] · k[s, h] / √K) v[s, h]`, over the keys that the mask allows.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::choose::POSITION;
use crate::ops::groups;
use crate::site::Site;
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "attention",
    wgsl: &[
        include_str!("../../shaders/attention.wgsl"),
        include_str!("../../shaders/lib/step_state.wgsl"),
    ],
    bindings: &[
        ("queries", Access::Read),
        ("fresh", Access::Read),
        ("lengths", Access::Read),
        ("state", Access::Read),
        ("ring", Access::Write),
        ("context", Access::Write),
        ("scores", Access::Write),
        ("weights", Access::Write),
    ],
    constants: &["WORKGROUP", "LANES", "PART", "K4", "RING", "TRACE"],
    reduces: true,
    twin,
};

/// The widest head, in vec4s a lane: the kernel keeps so many in registers.
const WIDEST_PART: u32 = 8;

/// Which keys a query may look at.
#[derive(Debug, Clone, Copy)]
pub enum Keys {
    /// Those of its own sentence: the first `lengths[b]` of the rows `[B, S, ..]`.
    Padded {
        /// `[B]`
        lengths: Tensor,
    },
    /// All positions so far, kept in a ring that takes in the row `[B, 1, ..]` of this step.
    Ring {
        /// StepState.
        state: Tensor,
        /// `[B, C, 2, G · K]`: keys and values by slot, C a power of two.
        ring: Tensor,
    },
}

/// Queries, keys and values as columns of rows that products made.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// H
    pub heads: u32,
    /// G, of which H is a multiple.
    pub key_value_heads: u32,
    /// K, a multiple of 4.
    pub head_width: u32,
    /// `[B, T, ..]`, and the column where queries start.
    pub queries: (Tensor, u32),
    /// `[B, S, ..]`, and the columns where keys and values start.
    pub fresh: (Tensor, u32, u32),
    /// The mask.
    pub keys: Keys,
    /// The names of scores and weights.
    pub sites: [Site; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    batch: u32,
    heads: u32,
    key_value_heads: u32,
    queries: u32,
    keys: u32,
    query_row: u32,
    fresh_row: u32,
    query: u32,
    key: u32,
    value: u32,
    scale: f32,
}

impl Tape {
    /// The context `[B, T, H · K]`.
    pub fn attention(&mut self, attention: Attention) -> Tensor {
        let Attention { heads, key_value_heads, head_width, queries, fresh, keys, sites } =
            attention;
        assert!(head_width % 4 == 0, "attention: head width {head_width} is a multiple of 4");
        let [batch, times, query_row] = queries.0.shape()[..] else {
            panic!("attention: queries {:?} are [B, T, ..]", queries.0.shape())
        };
        let (lengths, state, ring, slots) = match keys {
            Keys::Padded { lengths } => {
                (lengths, Tensor::NOTHING, Tensor::NOTHING, fresh.0.shape()[1])
            }
            Keys::Ring { state, ring } => {
                assert_eq!(times, 1, "attention over a ring takes one query a sentence");
                (Tensor::NOTHING, state, ring, ring.shape()[1])
            }
        };
        let is_ring = matches!(keys, Keys::Ring { .. });
        let wanted = (head_width / 4).div_ceil(self.tuning.head_part);
        let lanes = wanted.next_power_of_two().min(self.tuning.workgroup);
        let part = (head_width / 4).div_ceil(lanes);
        assert!(part <= WIDEST_PART, "attention: head width {head_width} at {lanes} lanes");
        let sizes = Sizes {
            batch,
            heads,
            key_value_heads,
            queries: times,
            keys: slots,
            query_row: query_row / 4,
            fresh_row: fresh.0.width() / 4,
            query: queries.1 / 4,
            key: fresh.1 / 4,
            value: fresh.2 / 4,
            scale: (1.0 / f64::from(head_width).sqrt()) as f32,
        };
        let traced = sites.iter().any(|site| self.wants(*site));
        let context = self.activation(&[batch, times, heads * head_width]);
        let maps = sites.map(|_| self.activation_if(traced, &[batch, heads, times, slots]));
        let each = self.tuning.workgroup / lanes;
        self.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("WORKGROUP", f64::from(self.tuning.workgroup)),
                ("LANES", f64::from(lanes)),
                ("PART", f64::from(part)),
                ("K4", f64::from(head_width / 4)),
                ("RING", f64::from(is_ring)),
                ("TRACE", f64::from(traced)),
            ],
            sizes: bytemuck::cast_slice(&[sizes]).to_vec(),
            tensors: vec![queries.0, fresh.0, lengths, state, ring, context, maps[0], maps[1]],
            grid: [groups(batch * times * heads, each, self.tuning.most_workgroups), 1, 1],
        });
        sites.iter().zip(maps).filter(|_| traced).for_each(|(site, map)| self.trace(*site, map));
        context
    }
}

fn twin(call: &mut Call) {
    let sizes: Sizes = call.sizes();
    let width = 4 * call.constant("K4") as usize;
    let [is_ring, traced] = [call.on("RING"), call.on("TRACE")];
    let mut outputs = [4, 5, 6, 7].map(|binding| std::mem::take(&mut call.buffers[binding]));
    let queries = floats(&call.buffers[0]);
    let fresh = floats(&call.buffers[1]);
    let row = 4 * sizes.fresh_row as usize;
    let [heads, groups, times, keys] =
        [sizes.heads, sizes.key_value_heads, sizes.queries, sizes.keys].map(|size| size as usize);
    for b in 0..sizes.batch as usize {
        let (seen, allowed) = if is_ring {
            let position = call.buffers[3][POSITION] as usize;
            let slot = position & (keys - 1);
            for (half, column) in [sizes.key, sizes.value].into_iter().enumerate() {
                let from = b * row + 4 * column as usize;
                let to = ((b * keys + slot) * 2 + half) * groups * width;
                let values = &fresh[from..][..groups * width];
                floats_mut(&mut outputs[0])[to..][..values.len()].copy_from_slice(values);
            }
            ((position + 1).min(keys), (position + 1).min(keys))
        } else {
            (keys, call.buffers[2][b] as usize)
        };
        // Key (half 0) or value (half 1) of slot s for head h.
        let ring = floats(&outputs[0]).to_vec();
        let vector = |half: usize, s: usize, h: usize| -> &[f32] {
            let g = h / (heads / groups) * width;
            match is_ring {
                true => &ring[((b * keys + s) * 2 + half) * groups * width + g..][..width],
                false => {
                    let column = 4 * [sizes.key, sizes.value][half] as usize;
                    &fresh[(b * keys + s) * row + column + g..][..width]
                }
            }
        };
        for (t, h) in (0..times).flat_map(|t| (0..heads).map(move |h| (t, h))) {
            let at = (b * times + t) * 4 * sizes.query_row as usize + 4 * sizes.query as usize;
            let query = &queries[at + h * width..][..width];
            let score = |s: usize| dot(query, vector(0, s, h)) * f64::from(sizes.scale);
            let scores: Vec<f64> = (0..seen).map(score).collect();
            let most = scores[..allowed].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores[..allowed].iter().map(|score| (score - most).exp()).sum();
            let weight = |s: usize| if s < allowed { (scores[s] - most).exp() / sum } else { 0.0 };
            let context = ((b * times + t) * heads + h) * width;
            for k in 0..width {
                let mixed: f64 =
                    (0..allowed).map(|s| weight(s) * f64::from(vector(1, s, h)[k])).sum();
                floats_mut(&mut outputs[1])[context + k] = mixed as f32;
            }
            if traced {
                let map = ((b * heads + h) * times + t) * keys;
                for s in 0..keys {
                    let score = scores.get(s).copied().unwrap_or(0.0);
                    floats_mut(&mut outputs[2])[map + s] = score as f32;
                    floats_mut(&mut outputs[3])[map + s] = weight(s) as f32;
                }
            }
        }
    }
    for (binding, output) in [4, 5, 6, 7].into_iter().zip(outputs) {
        call.buffers[binding] = output;
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
