//! Cases of the kernels that find the best tokens and choose.

use glassformer::ops::choose::{Choice, result_words};
use glassformer::step_state::{self, Row};
use glassformer::tensor::Tensor;

use super::cases::Case;
use super::sketch::{Compare, Sketch};

/// V, k and whether many logits are equal.
const SIZES: [(u32, u32, bool); 9] = [
    (1, 1, false),
    (7, 1, false),
    (7, 7, true),
    (97, 1, true),
    (97, 10, false),
    (97, 10, true),
    (8000, 1, true),
    (8000, 10, false),
    (8000, 10, true),
];

/// Logits `[B, V]`, in steps of a half where many are to be equal.
pub fn logits(sketch: &mut Sketch, [batch, vocabulary]: [u32; 2], equal: bool) -> Vec<f32> {
    let spread = |value: f32| 12.0 * value;
    let values = sketch.random.values(batch * vocabulary).into_iter().map(spread);
    match equal {
        // Adding 0 makes a positive zero of a negative one: which of them is greater is no matter.
        true => values.map(|value| (2.0 * value).round() / 2.0 + 0.0).collect(),
        false => values.collect(),
    }
}

/// Room for the results of so many steps and sentences.
pub fn results(sketch: &mut Sketch, [steps, batch]: [u32; 2], best: u32) -> Tensor {
    let width = result_words(best);
    sketch.words(&[steps, batch, width], &vec![0; (steps * batch * width) as usize])
}

/// Shows rows of results: ids bit by bit, logarithms as differences of logits up to 40.
pub fn show_results(sketch: &mut Sketch, results: Tensor, best: u32) {
    sketch.show_columns(results, (0, 3), Compare::Words);
    sketch.show_columns(results, (3, 1), Compare::ValuesOf(40.0));
    sketch.show_columns(results, (4, 1), Compare::ValuesOf(1.0));
    sketch.show_columns(results, (5, best), Compare::Words);
    sketch.show_columns(results, (5 + best, best), Compare::ValuesOf(40.0));
    sketch.show_columns(results, (5 + 2 * best, best), Compare::ValuesOf(1.0));
}

/// The best of each part of a row.
pub fn top_k() -> Vec<Case> {
    let mut cases = vec![];
    for (index, (vocabulary, best, equal)) in SIZES.into_iter().enumerate() {
        let batch = [1, 3][index % 2];
        let suppressed = (vocabulary > best && index % 3 != 0).then_some(vocabulary / 2);
        let name = format!("{best} of [{batch}, {vocabulary}], equal {equal}, not {suppressed:?}");
        cases.push(Case::new(name, false, move |sketch| {
            let values = logits(sketch, [batch, vocabulary], equal);
            let logits = sketch.values(&[batch, vocabulary], &values);
            let parts = sketch.tape.top_k(logits, best, suppressed);
            sketch.show_columns(parts, (0, 2 + best), Compare::Values);
            sketch.show_columns(parts, (2 + best, best), Compare::Words);
        }));
    }
    cases
}

/// Choices at several positions, where some sentence ends and another ended before.
pub fn choose() -> Vec<Case> {
    let both = SIZES.into_iter().flat_map(|sizes| [(sizes, false), (sizes, true)]);
    let cases = both.enumerate().map(|(index, ((vocabulary, best, equal), traced))| {
        let batch = [1, 3, 8][index % 3];
        let bans_padding = vocabulary > best && index % 2 == 0;
        let name = format!(
            "{best} of [{batch}, {vocabulary}], equal {equal}, bans {bans_padding}, traced {traced}"
        );
        Case::new(name, traced, move |sketch| {
            let [end, pad] = [vocabulary / 3, vocabulary - 1];
            let mut values = logits(sketch, [batch, vocabulary], equal);
            // The first sentence ends now, and the last one would choose padding if it could.
            values[end as usize] = 40.0;
            values[(batch * vocabulary - 1) as usize] = 30.0;
            let logits = sketch.values(&[batch, vocabulary], &values);
            // Rows at positions of their own, of which the second reaches its limit.
            let row = |b| Row {
                limit: if b == 1 { 8 } else { 100 },
                ..Row::at(6 + b, sketch.random.below(vocabulary))
            };
            let rows: Vec<Row> = (0..batch).map(row).collect();
            let mut state = step_state::of(&rows);
            // The third row of four results, the second time round; the last row has ended.
            state[step_state::STEPS as usize] = 6;
            let ended = step_state::LISTS + (step_state::ENDED + 1) * batch - 1;
            state[ended as usize] = u32::from(batch > 1);
            let state = sketch.words(&[step_state::words(batch)], &state);
            let results = results(sketch, [4, batch], best);
            let choice = Choice { best, end, pad, bans_padding, state, results, sampler: None };
            sketch.tape.choose(logits, choice);
            sketch.show_words(state);
            show_results(sketch, results, best);
        })
    });
    cases.collect()
}
