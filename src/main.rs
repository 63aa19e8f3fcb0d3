//! The native command line: translates with the engine on this machine's GPU, or on its CPU.
// The tests in the browser make cargo build every binary for wasm32, where this one is empty.
#![cfg_attr(target_arch = "wasm32", no_main)]
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use glassformer::decode::{Decoding, Options, Translator};
use glassformer::device::Device;
use glassformer::error::{Error, Result};
use glassformer::gpu::{Gpu, Platform};
use glassformer::text::Text;
use glassformer::weights::Storage;

const USAGE: &str = "\
usage: glassformer translate [--plain | --ids] [--model FOLDER] [--device gpu|cpu]
                             [--storage int8|q8|q4|f16|f32] TEXT... | -

Translates each TEXT, or each line of standard input for `-`, and prints a row a token:
the step, the token, its probability, and the source token that the last decoder layer's
cross-attention looks at most (mean of heads). --plain prints translations only, --ids their tokens' ids.";

/// What is printed of a translation.
#[derive(Clone, Copy, PartialEq)]
enum Print {
    Table,
    Text,
    Ids,
}

struct Arguments {
    print: Print,
    model: PathBuf,
    device: String,
    storage: Storage,
    texts: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("{wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match pollster::block_on(translate(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("glassformer: {error}");
            ExitCode::from(1)
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> std::result::Result<Arguments, String> {
    match words.next().as_deref() {
        Some("translate") => {}
        Some(other) => return Err(format!("unknown command `{other}`")),
        None => return Err("a command is missing".to_string()),
    }
    let mut arguments = Arguments {
        print: Print::Table,
        model: PathBuf::from("models/zh-en"),
        device: "gpu".to_string(),
        storage: Storage::Int8,
        texts: vec![],
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--plain" => arguments.print = Print::Text,
            "--ids" => arguments.print = Print::Ids,
            "--model" => arguments.model = value()?.into(),
            "--device" => arguments.device = value()?,
            "--storage" => {
                let name = value()?;
                arguments.storage =
                    Storage::parse(&name).ok_or(format!("unknown storage `{name}`"))?;
            }
            "-" => {
                let lines = io::stdin().lock().lines().collect::<io::Result<Vec<_>>>();
                arguments.texts.extend(lines.map_err(|error| error.to_string())?);
            }
            option if option.starts_with("--") => return Err(format!("unknown option `{option}`")),
            _ => arguments.texts.push(word),
        }
    }
    match arguments.texts.is_empty() {
        true => Err("there is no text to translate".to_string()),
        false => Ok(arguments),
    }
}

async fn translate(arguments: &Arguments) -> Result<()> {
    let device = match arguments.device.as_str() {
        "cpu" => Device::cpu(),
        _ => Device::Gpu(Box::new(Gpu::open(Platform::native()).await?)),
    };
    let device = Rc::new(device);
    let unreadable = |name: &str, error: io::Error| {
        let path = arguments.model.join(name).display().to_string();
        Error::input(path, "a readable file", error.to_string())
    };
    let text = |name: &str| {
        fs::read_to_string(arguments.model.join(name)).map_err(|error| unreadable(name, error))
    };
    let [config, generation] = [text("config.json")?, text("generation_config.json")?];
    let name = "model.safetensors";
    let file = fs::File::open(arguments.model.join(name));
    let file = file.map_err(|error| unreadable(name, error))?;
    let length = file.metadata().map_err(|error| unreadable(name, error))?.len();
    let storage = arguments.storage;
    let translator =
        Translator::load(device, &config, &generation, file, length, storage, &|_, _| {})?;
    let end = translator.config().generation.end_token;
    let words = Text::open(&arguments.model.join("tokenizer.json"), end)?;
    let translator = Rc::new(translator);
    for source in &arguments.texts {
        let blank = source.chars().all(|c| c.is_whitespace() || c.is_control());
        if blank && arguments.print != Print::Table {
            // Lines of answers stay lines of questions.
            println!();
            continue;
        }
        if blank {
            return Err(Error::input("the text", "at least one character", "none"));
        }
        show(&translator, &words, source, arguments.print).await?;
    }
    Ok(())
}

async fn show(translator: &Rc<Translator>, text: &Text, source: &str, print: Print) -> Result<()> {
    let config = translator.config();
    let ids = text.encode(source, config.max_positions)?;
    let last = config.decoder.layers - 1;
    let site = format!("decoder.{last}.cross_attention.weights");
    let trace = if print == Print::Table { vec![site] } else { vec![] };
    let options = Options { trace, ..Options::default() };
    let mut decoding = Decoding::begin(translator, std::slice::from_ref(&ids), &options).await?;
    let mut target: Vec<u32> = vec![];
    let mut table = vec![["step", "token", "probability", "attends"].map(str::to_string)];
    while !decoding.is_over() {
        for step in decoding.next(decoding.max_tokens()).await? {
            let row = &step.rows[0];
            if let Some(map) = step.trace.first() {
                let attended = most_attended(&map.data, map.shape[1], ids.len());
                table.push([
                    (step.position + 1).to_string(),
                    text.piece(&target, row.token)?,
                    format!("{:.4}", row.candidates[0].log_probability.exp()),
                    text.piece(&ids[..attended], ids[attended])?,
                ]);
            }
            target.push(row.token);
        }
    }
    match print {
        Print::Text => println!("{}", text.decode(&target)?),
        Print::Ids => {
            println!("{}", target.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
        }
        Print::Table => {
            print_table(&table);
            println!("→ {}", text.decode(&target)?);
        }
    }
    Ok(())
}

/// The real source token that all `heads` together look at most; weights are `[H, 1, S]`.
fn most_attended(weights: &[f32], heads: usize, tokens: usize) -> usize {
    let padded = weights.len() / heads;
    let total = |s: &usize| (0..heads).map(|h| weights[h * padded + s]).sum::<f32>();
    (0..tokens).max_by(|a, b| total(a).total_cmp(&total(b)).then(b.cmp(a))).unwrap_or(0)
}

fn print_table(table: &[[String; 4]]) {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..3).map(|column| width(column).unwrap_or(0)).collect();
    for row in table {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        println!("{}{}", padded.collect::<String>(), row[3]);
    }
}
