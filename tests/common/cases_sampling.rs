//! Cases of the kernel that draws tokens: many draws a case, each from where the last one left off.

use glassformer::ops::choose::Choice;
use glassformer::ops::sampling::{Sampler, Sampling, seen};
use glassformer::step_state::{self, Row};

use super::cases::Case;
use super::cases_choice::{logits, results, show_results};

/// V, candidates, draws, and whether many logits are equal.
const SIZES: [(u32, u32, u32, bool); 8] = [
    (1, 1, 3, false),
    (7, 7, 16, true),
    (33, 5, 16, false),
    (97, 64, 16, false),
    (257, 3, 16, true),
    (4096, 2, 8, false),
    (49_152, 1, 3, false),
    (151_936, 1, 1, true),
];

/// A top-p that ends amid a long tail behind one token, where the words of a sum borrow.
const TAIL: f32 = 0.9985;

/// Every option by itself, all of them together, and both ends of each.
fn options() -> Vec<Sampling> {
    let warm = Sampling { temperature: 1.0, ..Sampling::default() };
    vec![
        Sampling { repetition_penalty: 1.3, ..Sampling::default() },
        warm,
        Sampling { temperature: 3.5, top_k: 40, ..warm },
        Sampling { top_p: 0.9, ..warm },
        Sampling { top_p: TAIL, ..warm },
        Sampling { min_p: 0.02, repetition_penalty: 0.7, ..warm },
        Sampling { top_k: 1, top_p: 1e-6, min_p: 1.0, ..warm },
        Sampling { temperature: 0.01, repetition_penalty: 100.0, ..warm },
        Sampling { temperature: 1000.0, top_p: 0.999, ..warm },
        Sampling {
            temperature: 1.7,
            top_k: 50,
            top_p: 0.95,
            min_p: 0.01,
            repetition_penalty: 1.1,
            seed: 0,
        },
    ]
}

/// Draws of every kind from rows of every size.
pub fn all() -> Vec<Case> {
    let mut cases = vec![];
    for (index, sampling) in options().into_iter().enumerate() {
        for (size, (vocabulary, best, draws, equal)) in SIZES.into_iter().enumerate() {
            // The largest rows are slow on the twins: each sees some of the options.
            if vocabulary > 40_000 && index % 3 != size % 3 {
                continue;
            }
            let name =
                format!("{draws} of {vocabulary}, {best} listed, equal {equal}, {sampling:?}");
            cases.push(Case::new(name, false, move |sketch| {
                let mut values = logits(sketch, [1, vocabulary], equal);
                if sampling.top_p == TAIL {
                    values.iter_mut().for_each(|value| *value *= 0.02);
                    values[vocabulary as usize / 2] = 10.4;
                }
                let logits = sketch.values(&[1, 1, vocabulary], &values);
                let random = &mut sketch.random;
                let sampling = Sampling { seed: random.bits() as u32, ..sampling };
                let prompt: Vec<u32> = (0..5).map(|_| random.below(vocabulary)).collect();
                let state = step_state::of(&[Row::at(2, prompt[4])]);
                let state = sketch.words(&[step_state::words(1)], &state);
                let words = seen(&prompt, vocabulary);
                let draw = sketch.words(&[1, words.len() as u32], &words);
                let sampling = sketch.words(&[1, 8], &sampling.words());
                let results = results(sketch, [draws + 2, 1], best);
                let sampler = Some(Sampler { sampling, draw });
                let [end, pad] = [vocabulary; 2];
                let choice =
                    Choice { best, end, pad, bans_padding: false, state, results, sampler };
                for _ in 0..draws {
                    sketch.tape.choose(logits, choice);
                }
                sketch.show_words(state);
                sketch.show_words(draw);
                show_results(sketch, results, best);
            }));
        }
    }
    cases
}
