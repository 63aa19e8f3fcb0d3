//! A real model, SmolLM2-135M-Instruct in Q4_1, against transformers on the same file.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use common::native;
use common::report::say;
use glassformer::decode::{Input, Model, Run, Step, Task};
use glassformer::error::Result;
use glassformer::executor::Device;
use glassformer::models::families;
use glassformer::text::Text;
use glassformer::weights::{Opening, Tokens, config_files};
use serde_json::Value;

/// How far the lead of the best logit may be from the f64 one: this, and the digits that were kept.
const TOLERANCE: f32 = 2e-3;
const DIGITS: f32 = 6e-3;
/// Two texts are written to the end, the one with the narrowest lead and the one with the longest
/// prompt; the others so far, since all of them take five minutes on two cores.
const WHOLE: [&str; 2] = ["python", "article"];
const BEGINNING: usize = 50;

/// The path of the file, which is fetched if it is not there. None at all is a failure, not a reason
/// to skip.
fn fetch() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/fetch_smollm2.mjs");
    let fetched = Command::new("node").arg(script).output().expect("Node.js");
    let said = String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success(), "{said}");
    String::from_utf8(fetched.stdout).expect("a path").trim().to_string()
}

/// The model, its matrices as the file has them, and its tokenizer.
fn load(device: Rc<Device>, path: &Path) -> Result<(Model, Text)> {
    let mut file = File::open(path).expect("a file");
    let mut opening = Opening::new(Some(file.metadata().expect("a length").len()));
    let header = opening.read(&mut file)?;
    let [config, generation] = config_files(&header)?.expect("a GGUF");
    let text = Tokens::new(header.metadata.as_ref().expect("a GGUF")).to_json()?;
    let config = families::parse(&config, &generation)?;
    let mut loading = Model::begin(device, config, header, None)?;
    loading.feed(opening.bytes());
    Ok((loading.read(&mut file, &|_, _| ())?, Text::parse(&text, u32::MAX)?))
}

fn numbers(value: &Value) -> impl Iterator<Item = f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number"))
}

/// The first step at which another token was written than expected, or by another lead.
fn parting(case: &Value, steps: &[Step]) -> Option<String> {
    let expected = numbers(&case["tokens"]).map(|id| id as u32);
    let gaps = numbers(&case["gaps"]).map(|gap| gap as f32);
    for (i, ((token, gap), step)) in expected.zip(gaps).zip(steps).enumerate() {
        let [best, second] = &step.rows[0].candidates[..] else { panic!("two candidates") };
        let lead = best.log_probability - second.log_probability;
        if step.rows[0].token != token || (lead - gap).abs() > TOLERANCE + DIGITS * gap {
            return Some(format!("step {i}: {best:?}, {second:?}; expected {token}, by {gap}"));
        }
    }
    None
}

#[test]
fn ten_texts_go_on_as_by_transformers() {
    let golden: Value = serde_json::from_str(include_str!("golden/smollm2.json")).expect("JSON");
    let loaded = load(Rc::new(native::gpu()), Path::new(&fetch()));
    let (generator, text) = loaded.unwrap_or_else(|error| panic!("{error}"));
    let generator = Rc::new(generator);
    let cases = golden["cases"].as_array().expect("cases");
    let partings: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let prompt: Vec<u32> = numbers(&case["ids"]).map(|id| id as u32).collect();
            let whole = case["text"].as_str().expect("a text");
            assert_eq!(text.tokens(whole, true).expect("tokens"), prompt, "{}", case["name"]);
            let all = case["tokens"].as_array().expect("tokens").len();
            let is_whole = WHOLE.iter().any(|name| case["name"] == *name);
            let most = (if is_whole { all } else { BEGINNING }) as u32;
            let row =
                Input { max_tokens: Some(most), end_tokens: Some(vec![]), ..Input::of(&prompt) };
            let task = Task { candidates: 2, ..Task::of(vec![row]) };
            let steps = pollster::block_on(async {
                let mut text = Run::begin(&generator, &task).await?;
                text.next(most).await
            });
            let steps = steps.unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
            assert_eq!(steps.len() as u32, most, "{}", case["name"]);
            let parting = parting(case, &steps);
            say(&format!("{}: {}", case["name"], parting.as_deref().unwrap_or("as expected")));
            parting.map(|parting| format!("{}, {parting}", case["name"]))
        })
        .collect();
    assert!(partings.is_empty(), "{}", partings.join("\n"));
}
