//! Laws of sampling: of the cuts, of the race, and of what repetition costs.

use std::collections::BTreeSet;

use glassformer::executor::Device;
use glassformer::executor::Read;
use glassformer::ops::choose::{Choice, result_words};
use glassformer::ops::sampling::{Sampler, Sampling, seen};
use glassformer::probe::Probe;
use glassformer::step_state::{self, Row};
use glassformer::tape::Tape;
use glassformer::tensor::Tensor;
use serde_json::Value;

use super::random::{Random, seed};
use super::report::assert_close;

pub async fn all(device: &Device) {
    let mut random = Random::new(seed("laws of sampling"));
    a_cold_draw_is_greedy(device, &mut random).await;
    seeds_make_the_text(device, &mut random).await;
    cutting_others_leaves_the_winner(device, &mut random).await;
    tokens_of_equal_chance_change_places_freely(device, &mut random).await;
    a_great_penalty_takes_every_token_once(device, &mut random).await;
    draws_follow_the_chances(device).await;
    chances_are_those_of_transformers(device).await;
}

/// A draw after a warm one.
pub const WARM: Sampling = Sampling {
    temperature: 1.0,
    top_k: 0,
    top_p: 1.0,
    min_p: 0.0,
    repetition_penalty: 1.0,
    seed: 1,
};

/// One drawn token.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    pub token: u32,
    pub chance: f32,
    /// Chances of all tokens listed, by their ids.
    pub chances: Vec<(u32, f32)>,
}

/// Draws from the same logits, again and again, after `prompt`, whose last token goes in at
/// position 0.
pub async fn draws(
    device: &Device,
    logits: &[f32],
    prompt: &[u32],
    sampling: &Sampling,
    [best, times]: [u32; 2],
) -> Vec<Drawn> {
    let vocabulary = logits.len() as u32;
    let mut held = vec![];
    let mut keep = |shape: &[u32], words: &[u32]| {
        let buffer = device.keep("a draw's input", words).expect("room");
        held.push(buffer);
        Tensor::resident(buffer, shape)
    };
    let width = result_words(best);
    let row = keep(&[1, vocabulary], bytemuck::cast_slice(logits));
    let state = step_state::of(&[Row::at(0, *prompt.last().expect("a prompt"))]);
    let state = keep(&[step_state::words(1)], &state);
    let words = seen(prompt, vocabulary);
    let draw = keep(&[1, words.len() as u32], &words);
    let sampler = Sampler { sampling: keep(&[1, 8], &sampling.words()), draw };
    let results = keep(&[times, 1, width], &vec![0; (times * width) as usize]);
    let mut tape = Tape::new(device.tuning(), Probe::none());
    let [end, pad] = [vocabulary; 2];
    let sampler = Some(sampler);
    let choice = Choice { best, end, pad, bans_padding: false, state, results, sampler };
    tape.choose(row, choice);
    let program = device.compile(tape.finish()).expect("a program");
    let read = held.last().map(|buffer| Read { buffer: *buffer, first: 0, words: times * width });
    let output = program.run(times, &[0], read).await.expect("a run");
    held.into_iter().for_each(|buffer| device.release(buffer));
    let k = best as usize;
    let drawn = |row: &[u32]| Drawn {
        token: row[2],
        chance: f32::from_bits(row[4]),
        chances: (0..k).map(|i| (row[5 + i], f32::from_bits(row[5 + 2 * k + i]))).collect(),
    };
    output.words.chunks_exact(width as usize).map(drawn).collect()
}

fn tokens(drawn: &[Drawn]) -> Vec<u32> {
    drawn.iter().map(|drawn| drawn.token).collect()
}

/// Logits that spread over some octaves.
fn some_logits(random: &mut Random, vocabulary: u32) -> Vec<f32> {
    random.values(vocabulary).into_iter().map(|value| 6.0 * value).collect()
}

fn best_of(logits: &[f32]) -> u32 {
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a)));
    best.expect("a logit") as u32
}

async fn a_cold_draw_is_greedy(device: &Device, random: &mut Random) {
    let hot = Sampling { temperature: 50.0, ..WARM };
    let cold = [
        Sampling::default(),
        // Two logits closer than a thousandth of this are a tie to nobody but fate.
        Sampling { temperature: 1e-3, ..WARM },
        Sampling { top_k: 1, ..hot },
        Sampling { top_p: 1e-7, ..hot },
        Sampling { min_p: 1.0, ..hot },
    ];
    for vocabulary in [1, 50, 5000] {
        let mut logits = some_logits(random, vocabulary);
        logits[vocabulary as usize / 2] = 7.0;
        for sampling in cold {
            let drawn = draws(device, &logits, &[0], &sampling, [1, 8]).await;
            assert_eq!(tokens(&drawn), [best_of(&logits); 8], "{sampling:?} of {vocabulary}");
            assert_close(
                "certain",
                &[1.0; 8],
                &drawn.iter().map(|d| d.chance).collect::<Vec<_>>(),
                1e-6,
            );
        }
    }
    // Of equal ones the first, however many.
    let drawn = draws(device, &[1.0, 2.0, 2.0, 2.0], &[0], &Sampling::default(), [4, 1]).await;
    assert_eq!(drawn[0].chances, [(1, 1.0), (2, 0.0), (3, 0.0), (0, 0.0)], "greedy chances");
}

async fn seeds_make_the_text(device: &Device, random: &mut Random) {
    let logits = some_logits(random, 300);
    let of = async |seed| {
        let sampling = Sampling { seed, temperature: 2.0, ..WARM };
        tokens(&draws(device, &logits, &[0], &sampling, [1, 60]).await)
    };
    let first = of(7).await;
    assert_eq!(first, of(7).await, "one seed, one text");
    assert_ne!(first, of(8).await, "another seed, another text");
    assert!(first.iter().collect::<BTreeSet<_>>().len() > 10, "positions draw apart: {first:?}");
}

/// The same noise races whatever is cut, so a visitor sees what a cut does and nothing else.
async fn cutting_others_leaves_the_winner(device: &Device, random: &mut Random) {
    let mut kept = 0;
    for seed in 0..12 {
        let logits = some_logits(random, 60);
        let free = draws(device, &logits, &[0], &Sampling { seed, ..WARM }, [60, 1]).await;
        for cut in [
            Sampling { top_k: 6, ..WARM },
            Sampling { top_p: 0.8, ..WARM },
            Sampling { min_p: 0.1, ..WARM },
        ] {
            let drawn = draws(device, &logits, &[0], &Sampling { seed, ..cut }, [60, 1]).await;
            let chance = |id| drawn[0].chances.iter().find(|(own, _)| *own == id).map(|c| c.1);
            let left = chance(free[0].token).expect("all are listed") > 0.0;
            assert_eq!(drawn[0].token == free[0].token, left, "{cut:?}, seed {seed}: {free:?}");
            kept += u32::from(left);
        }
    }
    assert!((1..36).contains(&kept), "the law has been tried both ways: {kept}");
}

/// Only its chance counts, not what a token is called.
async fn tokens_of_equal_chance_change_places_freely(device: &Device, random: &mut Random) {
    let logits = some_logits(random, 64);
    let turned: Vec<f32> = logits.iter().rev().copied().collect();
    let sampling = Sampling { top_k: 20, top_p: 0.9, min_p: 0.01, temperature: 1.5, ..WARM };
    let [one, other] = [
        draws(device, &logits, &[0], &sampling, [64, 1]).await,
        draws(device, &turned, &[0], &sampling, [64, 1]).await,
    ];
    let by_id = |drawn: &Drawn, turn: bool| {
        let mut chances = vec![0.0; 64];
        drawn.chances.iter().for_each(|(id, chance)| {
            chances[if turn { 63 - *id } else { *id } as usize] = *chance;
        });
        chances
    };
    assert_close("chances", &by_id(&one[0], false), &by_id(&other[0], true), 1e-6);
    assert_close("together", &[1.0], &[by_id(&one[0], false).iter().sum()], 1e-6);
}

async fn a_great_penalty_takes_every_token_once(device: &Device, random: &mut Random) {
    for positive in [true, false] {
        let logits: Vec<f32> = some_logits(random, 70)
            .iter()
            .map(|logit| logit + if positive { 8.0 } else { -8.0 })
            .collect();
        for sampling in [Sampling::default(), Sampling { temperature: 0.02, ..WARM }] {
            let sampling = Sampling { repetition_penalty: 100.0, ..sampling };
            let drawn = tokens(&draws(device, &logits, &[3, 69], &sampling, [1, 68]).await);
            let mut order: Vec<u32> = (0..69).filter(|id| *id != 3).collect();
            order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
            assert_eq!(
                drawn.iter().collect::<BTreeSet<_>>().len(),
                68,
                "no token twice: {drawn:?}"
            );
            if sampling.temperature == 0.0 {
                assert_eq!(drawn[..67], order[..67], "the best one that is new");
            }
        }
    }
}

/// χ² of many draws, with fixed seeds: the same in every run.
async fn draws_follow_the_chances(device: &Device) {
    const TIMES: u32 = 1200;
    let logits: Vec<f32> = (0..40).map(|id| ((id * 17 % 40) as f32 / 7.0).sin() * 2.5).collect();
    for (seed, cut) in [
        (1, WARM),
        (2, Sampling { temperature: 0.6, ..WARM }),
        (3, Sampling { temperature: 2.0, top_k: 12, ..WARM }),
        (4, Sampling { top_p: 0.7, min_p: 0.2, ..WARM }),
    ] {
        let drawn = draws(device, &logits, &[0], &Sampling { seed, ..cut }, [40, TIMES]).await;
        let mut counts = [0.0f64; 40];
        drawn.iter().for_each(|drawn| counts[drawn.token as usize] += 1.0);
        let mut statistic = 0.0;
        let mut freedom = -1.0;
        for (id, chance) in &drawn[0].chances {
            let expected = f64::from(*chance) * f64::from(TIMES);
            if expected == 0.0 {
                assert_eq!(counts[*id as usize], 0.0, "token {id} is cut");
                continue;
            }
            statistic += (counts[*id as usize] - expected).powi(2) / expected;
            freedom += 1.0;
        }
        // Mean and standard deviation of χ²; 4 of them are passed once in some thousand seeds.
        let most = freedom + 4.0 * (2.0f64 * freedom).sqrt();
        assert!(statistic < most, "{cut:?}: χ² {statistic:.1} of {freedom}, at most {most:.1}");
    }
}

/// Against `tests/golden/sampling.json`, where a token that is cut has a chance of just 0.
async fn chances_are_those_of_transformers(device: &Device) {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../golden/sampling.json")).expect("the golden file");
    assert!(cases.len() > 10, "the golden file has lost its cases");
    for case in cases {
        let list = |name: &str| case[name].as_array().expect("a list").clone();
        let numbers = |name: &str| list(name).iter().map(number).collect::<Vec<f32>>();
        let history: Vec<u32> = numbers("history").into_iter().map(|id| id as u32).collect();
        let [temperature, top_k, top_p, min_p, repetition_penalty] = numbers("options")[..] else {
            panic!("five options")
        };
        let top_k = top_k as u32;
        let sampling = Sampling { temperature, top_k, top_p, min_p, repetition_penalty, seed: 1 };
        let logits = numbers("logits");
        let drawn = draws(device, &logits, &history, &sampling, [logits.len() as u32, 1]).await;
        let mut found = vec![f32::NAN; logits.len()];
        drawn[0].chances.iter().for_each(|(id, chance)| found[*id as usize] = *chance);
        let expected = numbers("chances");
        assert_close(&format!("{sampling:?}"), &expected, &found, 5e-6);
        let cut = |chances: &[f32]| chances.iter().map(|c| *c == 0.0).collect::<Vec<_>>();
        assert_eq!(cut(&expected), cut(&found), "{sampling:?}: tokens cut");
    }
}

fn number(value: &Value) -> f32 {
    value.as_f64().expect("a number") as f32
}
