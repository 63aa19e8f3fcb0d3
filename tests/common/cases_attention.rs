//! Cases of attention: padded rows of keys, and the K-V ring.

use glassformer::mask::Mask;
use glassformer::ops::attention::{Attention, Keys};
use glassformer::ops::rotary;
use glassformer::ops::store::Ring;
use glassformer::step_state;
use glassformer::tensor::Tensor;

use super::cases::Case;
use super::sketch::{SCORES, Sketch, WEIGHTS};

/// Sentences, heads, heads of keys, width of a head.
pub type Heads = [u32; 4];

/// Columns in front of queries and of keys and between keys and values, as in a joint product.
pub const GAP: u32 = 4;

/// Sentences of different lengths: B, H, G, K with T queries and S keys.
pub fn padded() -> Vec<Case> {
    let shapes: [(Heads, u32, u32); 9] = [
        ([1, 1, 1, 4], 1, 1),
        ([2, 3, 3, 12], 1, 7),
        ([3, 5, 5, 20], 5, 5),
        ([1, 1, 1, 32], 33, 33),
        ([2, 8, 2, 64], 3, 17),
        ([1, 3, 1, 128], 2, 9),
        ([4, 8, 8, 32], 1, 40),
        ([2, 5, 1, 4], 9, 8),
        ([5, 3, 3, 8], 4, 12),
    ];
    let both = shapes.into_iter().flat_map(|shape| [(shape, false), (shape, true)]);
    both.map(|((heads, times, keys), traced)| {
        let [batch, ..] = heads;
        let name = format!("{heads:?}, {times} queries, {keys} keys, traced {traced}");
        Case::new(name, traced, move |sketch| {
            // One sentence fills its row, the others may not.
            let mut lengths: Vec<u32> = (0..batch).map(|_| 1 + sketch.random.below(keys)).collect();
            lengths[0] = keys;
            let lengths = sketch.words(&[batch], &lengths);
            attend(sketch, heads, [times, keys], (Keys::Rows, Mask::padding(lengths)), None);
        })
    })
    .collect()
}

/// The ring before it is full, when it is, and after it has gone round: B, H, G, K with C slots, of
/// which some are sinks. Every other case has rotary positions.
pub fn ring() -> Vec<Case> {
    let shapes: [(Heads, [u32; 3]); 10] = [
        ([1, 1, 1, 4], [1, 0, 0]),
        ([1, 3, 3, 12], [1, 5, 0]),
        ([1, 5, 5, 20], [8, 0, 3]),
        ([2, 8, 8, 32], [8, 3, 4]),
        ([3, 8, 2, 64], [8, 7, 1]),
        ([2, 3, 1, 128], [8, 8, 7]),
        ([1, 5, 1, 80], [4, 29, 0]),
        ([2, 8, 4, 12], [16, 15, 5]),
        ([4, 3, 3, 4], [16, 16, 0]),
        ([1, 8, 8, 20], [32, 100_000, 3]),
    ];
    let each = shapes.into_iter().flat_map(|shape| {
        [(false, false), (true, false), (false, true), (true, true)].map(|on| (shape, on))
    });
    each.map(|((heads, [capacity, position, sinks]), (traced, turns))| {
        let [batch, _, groups, width] = heads;
        let name = format!(
            "{heads:?}, ring of {capacity} at {position}, {sinks} sinks, rotary {turns}, traced {traced}"
        );
        Case::new(name, traced, move |sketch| {
            let state = state_at(sketch, batch, position);
            let slots = sketch.drawn(&[batch, capacity, 2, groups * width]);
            let ring = Ring { slots, sinks };
            let rotary = turns.then(|| table(sketch, width));
            attend(sketch, heads, [1, 1], (Keys::Step { state, ring }, Mask::CAUSAL), rotary);
            sketch.show(slots);
        })
    })
    .collect()
}

/// StepState of a batch at a position.
pub fn state_at(sketch: &mut Sketch, batch: u32, position: u32) -> Tensor {
    let rows = vec![step_state::Row::at(position, 0); batch as usize];
    sketch.words(&[step_state::words(batch)], &step_state::of(&rows))
}

/// A table of rotary positions.
pub fn table(sketch: &mut Sketch, width: u32) -> Tensor {
    sketch.values(&[2, 1024, width], &rotary::table(width, 10_000.0))
}

/// Attention of T queries over rows of drawn queries, keys and values.
pub fn attend(
    sketch: &mut Sketch,
    heads: Heads,
    [times, rows]: [u32; 2],
    (keys, mask): (Keys, Mask),
    rotary: Option<Tensor>,
) {
    let [batch, heads, groups, width] = heads;
    let queries = sketch.drawn(&[batch, times, GAP + heads * width]);
    let fresh = sketch.drawn(&[batch, rows, 2 * (GAP + groups * width)]);
    let context = sketch.tape.attention(Attention {
        heads,
        key_value_heads: groups,
        head_width: width,
        queries: (queries, GAP),
        fresh: (fresh, GAP, 2 * GAP + groups * width),
        keys,
        mask,
        scale: 1.0 / (width as f32).sqrt(),
        rotary,
        sites: [SCORES, WEIGHTS],
    });
    sketch.show(context);
}
