//! Masked softmax attention: `context[t, h] = Σ_s softmax_s(q[t, h] · k[s, h] / √K) v[s, h]`, over the keys that the mask allows.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::choose::POSITION;
use crate::ops::store::Ring;
use crate::ops::{groups, rotary};
use crate::ring::slot_of;
use crate::site::Site;
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "attention",
    wgsl: &[
        include_str!("../../shaders/attention.wgsl"),
        include_str!("../../shaders/lib/part.wgsl"),
        include_str!("../../shaders/lib/ring.wgsl"),
        include_str!("../../shaders/lib/rotary.wgsl"),
        include_str!("../../shaders/lib/step_state.wgsl"),
    ],
    bindings: &[
        ("queries", Access::Read),
        ("fresh", Access::Read),
        ("state", Access::Read),
        ("rotary", Access::Read),
        ("ring", Access::Write),
        ("context", Access::Write),
        ("scores", Access::Write),
        ("weights", Access::Write),
    ],
    constants: &["WORKGROUP", "LANES", "PART", "TILE", "K4", "RING", "CHUNK", "ROTARY", "TRACE"],
    sized: &["ring"],
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
    /// All positions that a ring keeps, which takes in the row `[B, 1, ..]` of this step.
    Ring {
        /// StepState.
        state: Tensor,
        /// Written.
        ring: Ring,
    },
    /// Those that the ring would keep at each of the positions of the rows `[B, T, ..]`.
    Chunk {
        /// StepState, with the position of the first row.
        state: Tensor,
        /// Only read.
        ring: Ring,
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
    /// Table `[2, 1024, K]` by which a step's query and key have to turn yet; never for other keys.
    pub rotary: Option<Tensor>,
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
    sinks: u32,
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
        let Attention { heads, key_value_heads, head_width, queries, fresh, keys, rotary, sites } =
            attention;
        assert!(head_width % 4 == 0, "attention: head width {head_width} is a multiple of 4");
        assert!(heads % key_value_heads == 0, "attention: {heads} heads on {key_value_heads}");
        let [batch, times, query_row] = queries.0.shape()[..] else {
            panic!("attention: queries {:?} are [B, T, ..]", queries.0.shape())
        };
        let rows = fresh.0.shape()[1];
        let is_step = matches!(keys, Keys::Ring { .. });
        assert!(!is_step || times == 1, "attention: {times} queries in one step");
        assert!(is_step || rotary.is_none(), "attention: only a step's query and key turn here");
        let (state, ring) = match keys {
            Keys::Padded { lengths } => (lengths, None),
            Keys::Ring { state, ring } | Keys::Chunk { state, ring } => {
                assert_eq!(times, rows, "attention: a query and a key for each position");
                (state, Some(ring))
            }
        };
        let slots = ring.map_or(rows, |ring| ring.capacity());
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
            sinks: ring.map_or(0, |ring| ring.sinks),
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
        let sharing = times * (heads / key_value_heads);
        let tile = sharing.min(self.tuning.query_tile);
        let items = batch * key_value_heads * sharing.div_ceil(tile);
        let each = self.tuning.workgroup / lanes;
        let slots = ring.map_or(Tensor::NOTHING, |ring| ring.slots);
        let table = rotary.unwrap_or(Tensor::NOTHING);
        self.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("WORKGROUP", f64::from(self.tuning.workgroup)),
                ("LANES", f64::from(lanes)),
                ("PART", f64::from(part)),
                ("TILE", f64::from(tile)),
                ("K4", f64::from(head_width / 4)),
                ("RING", f64::from(ring.is_some())),
                ("CHUNK", f64::from(matches!(keys, Keys::Chunk { .. }))),
                ("ROTARY", f64::from(rotary.is_some())),
                ("TRACE", f64::from(traced)),
            ],
            sizes: bytemuck::cast_slice(&[sizes]).to_vec(),
            tensors: vec![queries.0, fresh.0, state, table, slots, context, maps[0], maps[1]],
            grid: [groups(items, each, self.tuning.most_workgroups), 1, 1],
        });
        sites.iter().zip(maps).filter(|_| traced).for_each(|(site, map)| self.trace(*site, map));
        context
    }
}

/// A key that a query scores: its place in the traced maps, whether the mask allows it, and where
/// key and value are: in the ring, or in the fresh rows.
struct Seen {
    slot: usize,
    allowed: bool,
    in_ring: bool,
    key: usize,
    value: usize,
}

fn twin(call: &mut Call) {
    let sizes: Sizes = call.sizes();
    let width = 4 * call.constant("K4") as usize;
    let [turns, traced] = [call.on("ROTARY"), call.on("TRACE")];
    let mut outputs = [4, 5, 6, 7].map(|binding| std::mem::take(&mut call.buffers[binding]));
    let position = call.buffers[2][POSITION];
    let table = floats(&call.buffers[3]);
    let mut fresh = floats(&call.buffers[1]).to_vec();
    if turns {
        let columns = (sizes.key_value_heads as usize) * width;
        for row in fresh.chunks_exact_mut(4 * sizes.fresh_row as usize) {
            for head in row[4 * sizes.key as usize..][..columns].chunks_exact_mut(width) {
                head.copy_from_slice(&rotary::turned(table, position, head));
            }
        }
    }
    if call.on("RING") && !call.on("CHUNK") {
        write_slot(&sizes, width, position, &fresh, floats_mut(&mut outputs[0]));
    }
    let ring = floats(&outputs[0]).to_vec();
    let [batch, times, heads] = [sizes.batch, sizes.queries, sizes.heads].map(|n| n as usize);
    let items =
        (0..batch * times * heads).map(|at| (at / heads / times, at / heads % times, at % heads));
    for (b, t, h) in items {
        let seen = rows_seen(call, &sizes, width, [b, t, h]);
        let vector = |seen: &Seen, at: usize| match seen.in_ring {
            true => &ring[at..][..width],
            false => &fresh[at..][..width],
        };
        let at = 4 * ((b * times + t) * sizes.query_row as usize + sizes.query as usize);
        let mut query = floats(&call.buffers[0])[at + h * width..][..width].to_vec();
        if turns {
            query = rotary::turned(table, position, &query);
        }
        let score = |seen: &Seen| dot(&query, vector(seen, seen.key)) * f64::from(sizes.scale);
        let scores: Vec<f64> = seen.iter().map(score).collect();
        let allowed = || seen.iter().zip(&scores).filter(|(seen, _)| seen.allowed);
        let most = allowed().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = allowed().map(|(_, score)| (score - most).exp()).sum();
        let context = ((b * times + t) * heads + h) * width;
        for k in 0..width {
            let mixed = allowed().map(|(seen, score)| {
                (score - most).exp() / sum * f64::from(vector(seen, seen.value)[k])
            });
            floats_mut(&mut outputs[1])[context + k] = mixed.sum::<f64>() as f32;
        }
        if traced {
            let keys = sizes.keys as usize;
            let map = ((b * heads + h) * times + t) * keys;
            outputs[2][map..][..keys].fill(0);
            outputs[3][map..][..keys].fill(0);
            for (seen, score) in seen.iter().zip(&scores) {
                let weight = if seen.allowed { (score - most).exp() / sum } else { 0.0 };
                floats_mut(&mut outputs[2])[map + seen.slot] = *score as f32;
                floats_mut(&mut outputs[3])[map + seen.slot] = weight as f32;
            }
        }
    }
    for (binding, output) in [4, 5, 6, 7].into_iter().zip(outputs) {
        call.buffers[binding] = output;
    }
}

/// The keys that head h of query t of sentence b scores; of a chunk only those that it looks at.
fn rows_seen(call: &Call, sizes: &Sizes, width: usize, [b, t, h]: [usize; 3]) -> Vec<Seen> {
    let Sizes { keys, sinks, .. } = *sizes;
    let group = h / (sizes.heads / sizes.key_value_heads) as usize * width;
    let half = sizes.key_value_heads as usize * width;
    let of_ring = |slot: u32| {
        let key = (b * keys as usize + slot as usize) * 2 * half + group;
        Seen { slot: slot as usize, allowed: true, in_ring: true, key, value: key + half }
    };
    let of_fresh = |row: usize, slot: u32, allowed: bool| {
        let [key, value] = [sizes.key, sizes.value]
            .map(|column| 4 * (row * sizes.fresh_row as usize + column as usize) + group);
        Seen { slot: slot as usize, allowed, in_ring: false, key, value }
    };
    if !call.on("RING") {
        let row = |s: u32| of_fresh(b * keys as usize + s as usize, s, s < call.buffers[2][b]);
        return (0..keys).map(row).collect();
    }
    let now = call.buffers[2][POSITION];
    if !call.on("CHUNK") {
        return (0..keys.min(now + 1)).map(of_ring).collect();
    }
    let own = now + t as u32;
    let near = |position: u32| position < sinks || position + keys - sinks > own;
    let slot = |position: u32| slot_of(position, keys, sinks);
    let row = |position: u32| match position.checked_sub(now) {
        None => of_ring(slot(position)),
        Some(s) => of_fresh(b * sizes.queries as usize + s as usize, slot(position), true),
    };
    (0..=own).filter(|position| near(*position)).map(row).collect()
}

/// A step's key and value go to the slot of its position.
fn write_slot(sizes: &Sizes, width: usize, position: u32, fresh: &[f32], ring: &mut [f32]) {
    let slot = slot_of(position, sizes.keys, sizes.sinks) as usize;
    let width = sizes.key_value_heads as usize * width;
    for b in 0..sizes.batch as usize {
        for (half, column) in [sizes.key, sizes.value].into_iter().enumerate() {
            let from = 4 * (b * sizes.fresh_row as usize + column as usize);
            let to = ((b * sizes.keys as usize + slot) * 2 + half) * width;
            ring[to..][..width].copy_from_slice(&fresh[from..][..width]);
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
