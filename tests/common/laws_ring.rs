//! Laws of rotary positions, grouped heads and chunks, which kernel and twin can't break alike unseen.

use glassformer::executor::Device;
use glassformer::mask::Mask;
use glassformer::ops::attention::{Attention, Keys};
use glassformer::ops::store::Ring;

use super::cases_attention::{state_at, table};
use super::random::{Random, seed};
use super::report::{assert_close, same_bits};
use super::sketch::{SCORES, Sketch, WEIGHTS};

pub async fn all(device: &Device) {
    let mut random = Random::new(seed("laws of the ring"));
    for width in [32, 64, 80, 128] {
        only_distances_count(device, &mut random, width).await;
        a_turn_keeps_lengths(device, &mut random, width).await;
        shared_keys_are_copied_keys(device, &mut random, width).await;
    }
    a_chunk_is_its_steps(device, &mut random).await;
}

/// Heads of queries and of keys, their width, slots and sinks.
#[derive(Clone, Copy)]
struct Shape {
    heads: u32,
    groups: u32,
    width: u32,
    capacity: u32,
    sinks: u32,
}

impl Shape {
    /// Queries, keys and values of a position, one after the other.
    fn row(self) -> u32 {
        (self.heads + 2 * self.groups) * self.width
    }
}

/// What `rows` `[1, T, row]` from a position on see: scores, weights, context, ring. In one chunk,
/// or in one step if there is but one row.
async fn see(
    device: &Device,
    shape: Shape,
    rows: &[f32],
    position: u32,
    ring: &[f32],
    turns: bool,
) -> [Vec<f32>; 4] {
    let Shape { heads, groups, width, capacity, sinks } = shape;
    let mut sketch = Sketch::new(device, device.tuning(), true, 0);
    let times = rows.len() as u32 / shape.row();
    let rows = sketch.values(&[1, times, shape.row()], rows);
    let state = state_at(&mut sketch, 1, position);
    let slots = sketch.values(&[1, capacity, 2, groups * width], ring);
    let ring = Ring { slots, sinks };
    let table = turns.then(|| table(&mut sketch, width));
    let [key, value] = [heads * width, (heads + groups) * width];
    if let Some(table) = table.filter(|_| times > 1) {
        sketch.tape.rotate(rows, 0, heads + groups, state, table);
    }
    let context = sketch.tape.attention(Attention {
        heads,
        key_value_heads: groups,
        head_width: width,
        queries: (rows, 0),
        fresh: (rows, key, value),
        keys: match times {
            1 => Keys::Step { state, ring },
            _ => Keys::Chunk { state, ring },
        },
        mask: Mask::CAUSAL,
        scale: 1.0 / (width as f32).sqrt(),
        rotary: table.filter(|_| times == 1),
        sites: [SCORES, WEIGHTS],
    });
    if times > 1 {
        sketch.tape.store((rows, key, value), state, ring);
    }
    sketch.show(context);
    sketch.show(slots);
    sketch.values_shown().await
}

/// A query and the keys before it score alike wherever they stand, as long as distances stay.
async fn only_distances_count(device: &Device, random: &mut Random, width: u32) {
    let shape = Shape { heads: 2, groups: 1, width, capacity: 8, sinks: 0 };
    let rows: Vec<Vec<f32>> = (0..6).map(|_| random.values(shape.row())).collect();
    let mut known: Option<Vec<f32>> = None;
    for start in [0, 8, 1016, 1024 * 37, 1_000_000] {
        let mut ring = vec![0.0; 8 * 2 * width as usize];
        let mut seen = [vec![], vec![], vec![], vec![]];
        for (row, position) in rows.iter().zip(start..) {
            seen = see(device, shape, row, position, &ring, true).await;
            ring = seen[3].clone();
        }
        // What lay in the ring before are zeros, which score 0; slots are the same modulo 8.
        let scores: Vec<f32> = seen[0].chunks(8).flat_map(|map| map[..6].to_vec()).collect();
        let expected = known.get_or_insert_with(|| scores.clone());
        assert_close(&format!("from {start} on"), expected, &scores, 1e-5);
    }
}

/// And the first position turns nothing.
async fn a_turn_keeps_lengths(device: &Device, random: &mut Random, width: u32) {
    let values = random.values(3 * width);
    let squares = |values: &[f32]| -> Vec<f32> {
        values.chunks(2).map(|pair| pair[0] * pair[0] + pair[1] * pair[1]).collect()
    };
    for position in [0, 1, 700_001] {
        let mut sketch = Sketch::new(device, device.tuning(), false, 0);
        let rows = sketch.values(&[1, 1, 3 * width], &values);
        let state = state_at(&mut sketch, 1, position);
        let table = table(&mut sketch, width);
        sketch.tape.rotate(rows, 0, 3, state, table);
        sketch.show(rows);
        let [turned] = sketch.values_shown().await;
        assert_close("squares of pairs", &squares(&values), &squares(&turned), 1e-6);
        assert_eq!(same_bits(&values, &turned), position == 0, "a turn at {position}");
    }
}

/// One head of keys for all queries gives what a copy of it for each gives.
async fn shared_keys_are_copied_keys(device: &Device, random: &mut Random, width: u32) {
    for (heads, groups) in [(3, 1), (8, 1), (6, 2), (4, 4)] {
        let shared = Shape { heads, groups, width, capacity: 4, sinks: 1 };
        let copied = Shape { groups: heads, ..shared };
        let copies = |values: &[f32]| -> Vec<f32> {
            let heads = values.chunks(width as usize);
            heads.flat_map(|head| head.repeat((heads_a_group(shared)) as usize)).collect()
        };
        for times in [1, 5] {
            let mut rows = vec![];
            let mut rows_copied = vec![];
            for _ in 0..times {
                let row = random.values(shared.row());
                let (queries, others) = row.split_at((heads * width) as usize);
                rows_copied.extend([queries, &copies(others)].concat());
                rows.extend(row);
            }
            let ring = random.values(4 * 2 * groups * width);
            let a = see(device, shared, &rows, 6, &ring, true).await;
            let b = see(device, copied, &rows_copied, 6, &copies(&ring), true).await;
            assert_close("scores", &a[0], &b[0], 2e-6);
            assert_close("contexts", &a[2], &b[2], 2e-6);
            assert_close("rings", &copies(&a[3]), &b[3], 2e-6);
        }
    }
}

fn heads_a_group(shape: Shape) -> u32 {
    shape.heads / shape.groups
}

/// Wherever it begins, however often the ring goes round meanwhile, with sinks and without.
async fn a_chunk_is_its_steps(device: &Device, random: &mut Random) {
    for (capacity, sinks) in [(8, 0), (8, 3), (16, 1), (4, 3)] {
        for (position, times) in [(0, 6), (0, 8), (3, 7), (7, 2), (11, 21), (40, 3)] {
            let shape = Shape { heads: 4, groups: 2, width: 32, capacity, sinks };
            let rows = random.values(times * shape.row());
            let ring = random.values(capacity * 2 * 2 * 32);
            let chunk = see(device, shape, &rows, position, &ring, true).await;
            let mut maps = [vec![], vec![], vec![]];
            let mut kept = ring;
            for (row, position) in rows.chunks(shape.row() as usize).zip(position..) {
                let [scores, weights, context, after] =
                    see(device, shape, row, position, &kept, true).await;
                kept = after;
                maps[0].push(scores);
                maps[1].push(weights);
                maps[2].push(context);
            }
            let what = format!("{times} from {position} on, {capacity} slots, {sinks} sinks");
            let by_head = |maps: &[Vec<f32>]| -> Vec<f32> {
                let slots = capacity as usize;
                let head = |h: usize| maps.iter().flat_map(move |map| &map[h * slots..][..slots]);
                (0..4).flat_map(head).copied().collect()
            };
            assert_close(&format!("scores of {what}"), &by_head(&maps[0]), &chunk[0], 1e-5);
            assert_close(&format!("weights of {what}"), &by_head(&maps[1]), &chunk[1], 1e-5);
            assert_close(&format!("contexts of {what}"), &maps[2].concat(), &chunk[2], 1e-5);
            assert_close(&format!("the ring after {what}"), &kept, &chunk[3], 1e-6);
        }
    }
}
