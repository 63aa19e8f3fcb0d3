//! Cases of the kernels that change values, and of those that take over where a value is changed.

use glassformer::mask::Mask;
use glassformer::ops::activation::Activation;
use glassformer::ops::attention::Keys;
use glassformer::ops::store::Ring;
use glassformer::probe::{Change, Changes, Edit, Name, Probe, Target};
use glassformer::site::Site;

use super::cases::Case;
use super::cases_attention::{Heads, attend, state_at, table};
use super::sketch::{SCORES, Sketch, WEIGHTS};

/// Some heads of some columns, scaled or replaced, at a position or at any.
pub fn edit() -> Vec<Case> {
    let shapes = [[1, 1, 1, 4], [2, 3, 5, 12], [3, 1, 40, 4], [1, 7, 64, 8], [2, 2, 2, 128]];
    let kinds = [None, Some(None), Some(Some(7)), Some(Some(8))];
    let both = shapes.into_iter().flat_map(|shape| kinds.map(|kind| (shape, kind)));
    both.map(|(shape, replaced)| {
        let [batch, times, heads, width] = shape;
        Case::new(format!("{shape:?}, replaced {replaced:?}"), false, move |sketch| {
            let columns = heads * width;
            let tensor = sketch.drawn(&[batch, times, 4 + columns]);
            let state = Some(state_at(sketch, batch, 7));
            let change = match replaced {
                None => Change::Scale { heads: 0xaaaa_aaaa_5555_5555, factor: -1.5 },
                Some(only) => {
                    let values = sketch.drawn(&[1, times, columns]);
                    Change::Replace { values, only }
                }
            };
            let columns = (4, columns);
            let heads = (heads, width);
            let target = Target { tensor, batch, rows: times, columns, heads, state };
            sketch.tape.edit(target, change);
            sketch.show_words(tensor);
        })
    })
    .collect()
}

/// Activations and residuals by themselves.
pub fn finish() -> Vec<Case> {
    let cases = Activation::ALL.into_iter().flat_map(|act| [1, 3, 33].map(|rows| (act, rows)));
    let cases = cases.map(|(activation, rows)| {
        let name = format!("{} of [{rows}, 60]", activation.name());
        Case::new(name, false, move |sketch| {
            let x = sketch.drawn(&[1, rows, 60]);
            let residual = (rows != 3).then(|| sketch.drawn(&[rows, 60]));
            let y = sketch.tape.finish_sums(x, activation, residual);
            sketch.show(y);
        })
    });
    cases.collect()
}

/// Queries, keys and values with fewer heads of the latter.
pub fn share() -> Vec<Case> {
    let shapes = [[1, 1, 1, 1, 1, 4], [2, 3, 4, 4, 2, 12], [1, 5, 6, 2, 1, 20], [3, 1, 8, 8, 8, 4]];
    let cases = shapes.map(|shape| {
        let [batch, times, heads, groups, shared, width] = shape;
        Case::new(format!("{shape:?}"), false, move |sketch| {
            let x = sketch.drawn(&[batch, times, (heads + 2 * groups) * width]);
            let y = sketch.tape.share(x, [heads, groups, shared]);
            sketch.show(y);
        })
    });
    cases.into_iter().collect()
}

/// A probe that scales scores and weights by 1: attention goes its open way.
pub fn opened() -> Probe {
    let names = [SCORES, WEIGHTS].map(|site: Site| Name { site, heads: 1, editable: true });
    let edits = [SCORES, WEIGHTS].map(|site| Edit::Scale {
        pattern: site.to_string(),
        factor: 1.0,
        heads: vec![],
    });
    let mut keep = |_: &[u32], _: &[f32]| panic!("nothing is replaced");
    let changes = Changes::resolve(&edits, &names, 1, &mut keep).expect("edits of both");
    Probe::none().changing(changes)
}

/// Attention over rows, a ring and a chunk, with the masks that there are.
pub fn attend_openly() -> Vec<Case> {
    let shapes: [(Heads, [u32; 4]); 6] = [
        ([1, 1, 1, 4], [1, 0, 1, 0]),
        ([2, 3, 3, 12], [5, 0, 8, 0]),
        ([1, 8, 2, 32], [8, 0, 8, 3]),
        ([2, 5, 5, 20], [3, 13, 16, 5]),
        ([1, 6, 2, 64], [4, 1000, 4, 3]),
        ([3, 2, 1, 4], [7, 3, 16, 1]),
    ];
    let all = shapes.into_iter().flat_map(|shape| (0..6).map(move |kind| (shape, kind)));
    all.map(|((heads, [times, position, capacity, sinks]), kind)| {
        let name =
            format!("{heads:?}, {times} from {position} on, ring of {capacity}, kind {kind}");
        Case::new(name, false, move |sketch| {
            sketch.tape.probe = opened();
            look(sketch, heads, [times, position, capacity, sinks], kind);
        })
    })
    .collect()
}

/// The same kinds, as the kernel does them that is made for speed.
pub fn attend_fused() -> Vec<Case> {
    let shapes: [(Heads, [u32; 4]); 3] = [
        ([2, 3, 3, 12], [5, 0, 8, 0]),
        ([1, 8, 2, 32], [9, 0, 16, 3]),
        ([3, 2, 1, 4], [7, 3, 16, 1]),
    ];
    let all = shapes.into_iter().flat_map(|shape| [1, 2, 5].map(|kind| (shape, kind)));
    all.flat_map(|(shape, kind)| [(shape, kind, false), (shape, kind, true)])
        .map(|((heads, rest), kind, traced)| {
            let name = format!("{heads:?}, {rest:?}, kind {kind}, traced {traced}");
            Case::new(name, traced, move |sketch| look(sketch, heads, rest, kind))
        })
        .collect()
}

/// Attention of one kind: padded rows, causal rows, both, a step, a chunk, one without its mask.
pub fn look(
    sketch: &mut Sketch,
    heads: Heads,
    [times, position, capacity, sinks]: [u32; 4],
    kind: u32,
) {
    let [batch, _, groups, width] = heads;
    let lengths: Vec<u32> = (0..batch).map(|b| 1 + (b + 2) % times).collect();
    let padding = Some(sketch.words(&[batch], &lengths));
    // A chunk whose mask is off is taken in whole, before the ring goes round.
    let position = if kind == 5 { 0 } else { position };
    let capacity = if kind == 5 { times.next_power_of_two() } else { capacity };
    let state = state_at(sketch, batch, position);
    let slots = sketch.drawn(&[batch, capacity, 2, groups * width]);
    let ring = Ring { slots, sinks: sinks.min(capacity - 1) };
    let (keys, mask) = match kind {
        0 => (Keys::Rows, Mask { causal: false, padding }),
        1 => (Keys::Rows, Mask { causal: true, padding: None }),
        2 => (Keys::Rows, Mask { causal: true, padding }),
        3 => (Keys::Step { state, ring }, Mask::CAUSAL),
        4 => (Keys::Chunk { state, ring }, Mask::CAUSAL),
        _ => (Keys::Chunk { state, ring }, Mask { causal: false, padding: None }),
    };
    let times = if kind == 3 { 1 } else { times };
    let rotary = (kind == 3).then(|| table(sketch, width));
    attend(sketch, heads, [times, times], (keys, mask), rotary);
}
