//! Cases of attention: padded rows of keys, and the K-V ring.

use glassformer::ops::attention::{Attention, Keys};
use glassformer::ops::choose::first_state;

use super::cases::Case;
use super::sketch::{SCORES, Sketch, WEIGHTS};

/// Sentences, heads, heads of keys, width of a head.
type Heads = [u32; 4];

/// Columns in front of queries and of keys and between keys and values, as in a joint product.
const GAP: u32 = 4;

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
            attend(sketch, heads, times, keys, Keys::Padded { lengths });
        })
    })
    .collect()
}

/// The ring before it is full, when it is, and after it has gone round: B, H, G, K with C slots.
pub fn ring() -> Vec<Case> {
    let shapes: [(Heads, u32, u32); 10] = [
        ([1, 1, 1, 4], 1, 0),
        ([1, 3, 3, 12], 1, 5),
        ([1, 5, 5, 20], 8, 0),
        ([2, 8, 8, 32], 8, 3),
        ([3, 8, 2, 64], 8, 7),
        ([2, 3, 1, 128], 8, 8),
        ([1, 5, 1, 32], 4, 29),
        ([2, 8, 4, 12], 16, 15),
        ([4, 3, 3, 4], 16, 16),
        ([1, 8, 8, 20], 32, 1000),
    ];
    let both = shapes.into_iter().flat_map(|shape| [(shape, false), (shape, true)]);
    both.map(|((heads, capacity, position), traced)| {
        let [batch, _, groups, width] = heads;
        let name = format!("{heads:?}, ring of {capacity} at {position}, traced {traced}");
        Case::new(name, traced, move |sketch| {
            let mut state = first_state(batch, 0);
            state[0] = position;
            let state = sketch.words(&[4 + 2 * batch], &state);
            let ring = sketch.drawn(&[batch, capacity, 2, groups * width]);
            attend(sketch, heads, 1, 1, Keys::Ring { state, ring });
            sketch.show(ring);
        })
    })
    .collect()
}

fn attend(sketch: &mut Sketch, heads: Heads, times: u32, rows: u32, keys: Keys) {
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
        sites: [SCORES, WEIGHTS],
    });
    sketch.show(context);
}
