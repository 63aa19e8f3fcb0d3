//! Cases of what a prompt goes through: rotary positions, attention of a chunk, its way into the ring.

use glassformer::mask::Mask;
use glassformer::ops::attention::Keys;
use glassformer::ops::store::Ring;

use super::cases::Case;
use super::cases_attention::{GAP, Heads, attend, state_at, table};

/// B, H, G, K; then T positions from one on, C slots, of which some are sinks: before a ring is full,
/// while it becomes so, and round it; chunks that are longer than the ring; far positions.
const SHAPES: [(Heads, [u32; 4]); 12] = [
    ([1, 1, 1, 4], [1, 0, 1, 0]),
    ([1, 3, 3, 12], [5, 0, 8, 0]),
    ([2, 8, 2, 32], [8, 0, 8, 3]),
    ([1, 3, 1, 64], [9, 3, 8, 0]),
    ([1, 8, 1, 128], [7, 5, 8, 7]),
    ([1, 5, 5, 20], [3, 13, 16, 5]),
    ([2, 4, 2, 80], [33, 29, 16, 1]),
    ([1, 6, 2, 64], [4, 1000, 4, 3]),
    ([3, 2, 1, 4], [31, 100, 64, 0]),
    ([1, 1, 1, 32], [2, 100_000, 2, 1]),
    ([1, 9, 3, 64], [17, 1, 32, 0]),
    ([1, 2, 2, 8], [6, 2, 4, 3]),
];

/// Attention of a chunk.
pub fn chunk() -> Vec<Case> {
    let both = SHAPES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]);
    both.map(|((heads, [times, position, capacity, sinks]), traced)| {
        let [batch, _, groups, width] = heads;
        let name = format!(
            "{heads:?}, {times} from {position} on, ring of {capacity}, {sinks} sinks, traced {traced}"
        );
        Case::new(name, traced, move |sketch| {
            let state = state_at(sketch, batch, position);
            let slots = sketch.drawn(&[batch, capacity, 2, groups * width]);
            let keys = Keys::Chunk { state, ring: Ring { slots, sinks } };
            attend(sketch, heads, [times, times], (keys, Mask::CAUSAL), None);
        })
    })
    .collect()
}

/// Rotary positions of some columns; the others stay.
pub fn rotate() -> Vec<Case> {
    let cases = SHAPES.into_iter().map(|(heads, [times, position, ..])| {
        let [batch, heads, _, width] = heads;
        let name = format!("{heads} heads of {width}, {times} from {position} on");
        Case::new(name, false, move |sketch| {
            let state = state_at(sketch, batch, position);
            let rows = sketch.drawn(&[batch, times, 2 * GAP + heads * width]);
            let table = table(sketch, width);
            sketch.tape.rotate(rows, GAP, heads, state, table);
            sketch.show(rows);
        })
    });
    cases.collect()
}

/// Keys and values on their way into the ring; other slots stay.
pub fn store() -> Vec<Case> {
    let cases = SHAPES.into_iter().map(|(heads, [times, position, capacity, sinks])| {
        let [batch, _, groups, width] = heads;
        let name = format!("{times} from {position} on, ring of {capacity}, {sinks} sinks");
        Case::new(name, false, move |sketch| {
            let state = state_at(sketch, batch, position);
            let slots = sketch.drawn(&[batch, capacity, 2, groups * width]);
            let fresh = sketch.drawn(&[batch, times, 2 * (GAP + groups * width)]);
            let columns = (fresh, GAP, 2 * GAP + groups * width);
            sketch.tape.store(columns, state, Ring { slots, sinks });
            sketch.show_words(slots);
        })
    });
    cases.collect()
}
