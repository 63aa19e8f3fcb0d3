//! Laws of rows: each goes its own way in a batch, from where it is told to begin to where it is told to end.

use std::rc::Rc;

use glassformer::decode::{Finish, Input, Model, Row, Run, Sampling, Task};
use glassformer::executor::Device;
use glassformer::weights::Storage;

use super::golden::beams::searches;
use super::golden::{Golden, causal, marian};
use super::laws_sampling::WARM;
use super::report::assert_close;

/// Prompts of different lengths at once, each with its own limit, ends and sampling, write what each
/// writes alone: also when rings go round, and whatever is read meanwhile.
pub async fn a_batch_is_its_texts(device: &Rc<Device>, goldens: &[Golden]) {
    for golden in goldens {
        let model = golden.load(device, Storage::F32);
        let greedy = &causal::reference(golden).prompt;
        let warm = |seed| Sampling { seed, temperature: 2.0, ..WARM };
        let row = |tokens: &[u32], most, sampling| Input {
            max_tokens: Some(most),
            end_tokens: Some(vec![3]),
            sampling,
            ..Input::of(tokens)
        };
        let inputs = vec![
            row(greedy, 9, Sampling::default()),
            row(&greedy[..1], 3, warm(5)),
            row(&[&greedy[..], &[7, 9, 11]].concat(), 6, warm(6)),
            row(&[4, 2], 9, Sampling { repetition_penalty: 1.5, ..Sampling::default() }),
        ];
        for (capacity, trace) in [(None, vec![]), (Some(8), vec!["decoder.*.*.weights"])] {
            let task = |inputs| Task {
                candidates: 2,
                ring_capacity: capacity,
                ..Task::of(inputs).tracing(&trace)
            };
            let together = rows(&model, &task(inputs.clone())).await;
            for (b, input) in inputs.iter().enumerate() {
                let alone = rows(&model, &task(vec![input.clone()])).await;
                assert_eq!(told(&together[b]), told(&alone[0]), "{}: row {b}", golden.name);
                let last = together[b].last().and_then(|row| row.finish);
                assert!(last.is_some(), "{}: row {b} ends", golden.name);
            }
        }
    }
}

/// The active rows of each input.
async fn rows(model: &Rc<Model>, task: &Task) -> Vec<Vec<Row>> {
    let mut run = Run::begin(model, task).await.expect("a batch");
    let mut rows = vec![vec![]; task.inputs.len()];
    while !run.is_over() {
        for step in run.next(4).await.expect("steps") {
            for (own, row) in rows.iter_mut().zip(step.rows) {
                own.extend(row.active.then_some(row));
            }
        }
    }
    rows
}

/// Positions, tokens and ends.
fn told(rows: &[Row]) -> Vec<(u32, u32, Option<Finish>)> {
    rows.iter().map(|row| (row.position, row.token, row.finish)).collect()
}

/// A target that begins with what greedy writing gave goes on as that did, wherever each row of a
/// batch is cut; one with another beginning does not.
pub async fn prefixes_go_on(device: &Rc<Device>, goldens: &[Golden]) {
    for golden in goldens {
        let model = golden.load(device, Storage::F32);
        let marian::Reference { sources, tokens, most_tokens, .. } = marian::reference(golden);
        let whole = rows(&model, &marian::task(&sources, most_tokens)).await;
        for cut in 1..4 {
            let mut task = marian::task(&sources, most_tokens);
            let lengths: Vec<usize> =
                tokens.iter().enumerate().map(|(b, row)| (cut + b).min(row.len() - 1)).collect();
            for ((input, row), length) in task.inputs.iter_mut().zip(&tokens).zip(&lengths) {
                input.prefix = row[..*length].to_vec();
            }
            let rest = rows(&model, &task).await;
            for (b, length) in lengths.iter().enumerate() {
                assert_eq!(told(&whole[b][*length..]), told(&rest[b]), "{}: {b}", golden.name);
                let logs = |rows: &[Row]| -> Vec<f32> {
                    rows.iter().map(|row| row.log_probability).collect()
                };
                let [whole, rest] = [logs(&whole[b][*length..]), logs(&rest[b])];
                assert_close("log-probabilities", &whole, &rest, 1e-5);
            }
        }
        let mut task = marian::task(&sources[..1], most_tokens);
        task.inputs[0].prefix = vec![tokens[0][0] % 40 + 1];
        let other = rows(&model, &task).await;
        assert_ne!(told(&other[0]), told(&whole[0][1..]), "{}: another beginning", golden.name);
    }
}

/// What transformers writes greedily after prompts, also with two end tokens.
pub async fn ends_are_those_of_pytorch(device: &Rc<Device>) {
    let mut tried = 0;
    for golden in marian::ALL.iter().chain(&causal::ALL) {
        let model = golden.load(device, Storage::F32);
        let greedy = searches(golden.name).into_iter();
        for search in greedy.filter(|search| search.beams == 1 && !search.forced_end) {
            let input = |tokens: &Vec<u32>| {
                let end_tokens = Some(search.end_tokens.clone());
                Input { max_tokens: Some(search.max_tokens), end_tokens, ..Input::of(tokens) }
            };
            tried += 1;
            let inputs = search.inputs.iter().map(input).collect();
            let rows = rows(&model, &Task::of(inputs)).await;
            for (row, best) in rows.iter().zip(&search.hypotheses) {
                let written: Vec<u32> = row.iter().map(|row| row.token).collect();
                assert_eq!(written, best[0].ids, "{}: {:?}", golden.name, search.inputs);
            }
        }
    }
    assert!(tried >= 10, "{tried} searches");
}

/// A beginning that a target can't have is refused.
pub async fn impossible_beginnings_are_refused(device: &Rc<Device>) {
    let refused = async |golden: &Golden, input: Input, named: &str| {
        let model = golden.load(device, Storage::Int8);
        let error = Run::begin(&model, &Task::of(vec![input])).await.err().expect(named);
        assert!(error.to_string().contains(named), "{error}");
    };
    let of = |prefix: &[u32], max_tokens| Input {
        prefix: prefix.to_vec(),
        max_tokens,
        ..Input::of(&[5, 6, 0])
    };
    refused(&marian::ALL[0], of(&[96], None), "below 96").await;
    refused(&marian::ALL[0], of(&[3, 4], Some(2)), "fewer than 2").await;
    refused(&marian::ALL[0], of(&[3; 64], None), "fewer than 63").await;
    refused(&causal::ALL[0], of(&[3], None), "belong to the prompt").await;
}
