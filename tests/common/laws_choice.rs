//! Laws of the best tokens and of the greedy choice.

use glassformer::executor::Device;
use glassformer::ops::choose::{Choice, result_words};
use glassformer::step_state::{self, Row};

use super::cases_choice::results;
use super::random::{Random, seed};
use super::report::assert_close;
use super::sketch::Sketch;

pub async fn all(device: &Device) {
    let mut random = Random::new(seed("laws of choice"));
    candidates_are_the_best_and_sorted(device, &mut random).await;
    equal_logits_prefer_lower_ids(device).await;
    sentences_stay_ended(device, &mut random).await;
}

/// End and padding of these laws.
const END: u32 = 2;
const PAD: u32 = 1;

/// What a choice left behind.
struct Chosen {
    state: Vec<u32>,
    /// `[B, k]`
    ids: Vec<u32>,
    /// `[B, k]`
    log_probabilities: Vec<f32>,
    /// `[B, V]`
    probabilities: Vec<f32>,
}

async fn choose(device: &Device, state: &[u32], logits: &[f32], best: u32, bans: bool) -> Chosen {
    let batch = (state.len() as u32 - step_state::LISTS) / step_state::COUNT;
    let vocabulary = logits.len() as u32 / batch;
    let mut sketch = Sketch::new(device, device.tuning(), true, 0);
    let logits = sketch.values(&[batch, vocabulary], logits);
    let state = sketch.words(&[state.len() as u32], state);
    let results = results(&mut sketch, [1, batch], best);
    let choice =
        Choice { best, end: END, pad: PAD, bans_padding: bans, state, results, sampler: None };
    sketch.tape.choose(logits, choice);
    sketch.show(state);
    sketch.show(results);
    let [probabilities, state, results] = sketch.values_shown().await;
    let words = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
    let lists =
        |row: &[f32], list: usize| row[5..].chunks(best as usize).nth(list).map(<[f32]>::to_vec);
    let rows = |list| {
        results
            .chunks(result_words(best) as usize)
            .filter_map(move |row| lists(row, list))
            .flatten()
    };
    Chosen {
        state: words(&state),
        ids: rows(0).map(f32::to_bits).collect(),
        log_probabilities: rows(1).collect(),
        probabilities,
    }
}

async fn candidates_are_the_best_and_sorted(device: &Device, random: &mut Random) {
    for (vocabulary, best) in [(7, 7), (97, 10), (8000, 16)] {
        let logits: Vec<f32> = random.values(vocabulary).iter().map(|logit| 9.0 * logit).collect();
        let chosen =
            choose(device, &step_state::of(&[Row::at(0, PAD)]), &logits, best, false).await;
        let mut order: Vec<u32> = (0..vocabulary).collect();
        order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
        assert_eq!(chosen.ids, order[..best as usize], "the best of {vocabulary}");
        assert!(chosen.log_probabilities.is_sorted_by(|a, b| a >= b), "the best comes first");
        let listed: f32 = chosen.log_probabilities.iter().map(|log| log.exp()).sum();
        assert!(listed <= 1.0 + 1e-5, "candidates have a probability of {listed}");
        assert_close("all tokens", &[1.0], &[chosen.probabilities.iter().sum()], 1e-5);
        if vocabulary == best {
            assert_close("all tokens, listed", &[1.0], &[listed], 1e-5);
        }
        let of = |id: &u32| chosen.probabilities[*id as usize].ln();
        let logs: Vec<f32> = chosen.ids.iter().map(of).collect();
        assert_close("logarithms", &logs, &chosen.log_probabilities, 1e-5);
    }
}

async fn equal_logits_prefer_lower_ids(device: &Device) {
    // Signs of zero are no matter, a banned token has no probability at all.
    let logits = [0.0, 0.0, -0.0, -1.0, 0.0, -0.0, 0.0, -1.0];
    let chosen = choose(device, &step_state::of(&[Row::at(0, PAD)]), &logits, 7, true).await;
    assert_eq!(chosen.ids, [0, 2, 4, 5, 6, 3, 7], "equal logits, token {PAD} banned");
    assert_eq!(chosen.probabilities[PAD as usize].to_bits(), 0, "the banned token");
    assert_close("the rest", &[1.0], &[chosen.probabilities.iter().sum()], 1e-6);
}

/// And each step takes those that have not one position on.
async fn sentences_stay_ended(device: &Device, random: &mut Random) {
    let mut state = step_state::of(&[Row::at(0, PAD); 3]);
    let mut ended = [false; 3];
    let mut expected = vec![PAD; 3];
    let mut positions = [0; 3];
    let list = |state: &[u32], list: u32| state[(4 + 3 * list) as usize..][..3].to_vec();
    for step in 0..6 {
        assert_eq!(state[step_state::STEPS as usize], step, "steps taken");
        let mut logits = random.values(3 * 20);
        // The second sentence ends at once, the first later; both would go on if they could.
        for b in [1, 0].into_iter().take(1 + usize::from(step > 2)) {
            let token = if ended[b] { 5 } else { END };
            logits[b * 20 + token as usize] = 7.0;
        }
        let chosen = choose(device, &state, &logits, 1, false).await;
        for b in 0..3 {
            expected[b] = if ended[b] { PAD } else { chosen.ids[b] };
            positions[b] += u32::from(!ended[b]);
            ended[b] |= chosen.ids[b] == END;
        }
        state = chosen.state;
        assert_eq!(list(&state, step_state::TOKENS), expected, "the tokens that go in next");
        assert_eq!(list(&state, step_state::ENDED), ended.map(u32::from), "who has ended");
        assert_eq!(list(&state, step_state::POSITIONS), positions, "and stays where it is");
        assert_eq!(
            state[step_state::ALIVE as usize],
            ended.iter().filter(|ended| !**ended).count() as u32,
            "alive"
        );
    }
    assert!(ended[0] && ended[1], "the law has been tried");
}
