//! The command `translate`: a row for each token of a translation.

use std::io::{self, BufRead};
use std::rc::Rc;

use glassformer::decode::{Input, Model, Run, Task};
use glassformer::error::{Error, Result};
use glassformer::models::config::Architecture;
use glassformer::text::Text;
use glassformer::weights::Storage;

use super::{Common, Parsed, Print, line, most_attended, open, print_table, value};

/// What it was asked for.
pub struct Arguments {
    common: Common,
    prefix: String,
    texts: Vec<String>,
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Parsed<Arguments> {
    let mut common = Common::new("models/zh-en");
    let mut texts = vec![];
    let mut prefix = String::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            option if common.take(option, &mut words)? => {}
            "--prefix" => prefix = value(&word, &mut words)?,
            "-" => {
                let lines = io::stdin().lock().lines().collect::<io::Result<Vec<_>>>();
                texts.extend(lines.map_err(|error| error.to_string())?);
            }
            option if option.starts_with("--") => return Err(format!("unknown option `{option}`")),
            _ => texts.push(word),
        }
    }
    match texts.is_empty() {
        true => Err("there is no text to translate".to_string()),
        false => Ok(Arguments { common, prefix, texts }),
    }
}

pub async fn run(Arguments { common, prefix, texts }: &Arguments) -> Result<()> {
    let device = common.open_device().await?;
    let [config, generation] =
        [common.text("config.json")?, common.text("generation_config.json")?];
    let (file, length) = open(&common.model.join("model.safetensors"))?;
    let storage = common.storage.unwrap_or(Storage::Int8);
    let files = [config.as_str(), generation.as_str()];
    let model = Model::load(device, files, file, length, Some(storage), &|_, _| {})?;
    if model.config().architecture() != Architecture::EncoderDecoder {
        let expected = "a model that translates";
        return Err(Error::input("the model", expected, model.config().family));
    }
    let end = model.config().generation.end_tokens[0];
    let words = Text::open(&common.model.join("tokenizer.json"), end)?;
    let model = Rc::new(model);
    let prefix = if prefix.is_empty() { vec![] } else { words.beginning(prefix)? };
    for source in texts {
        let blank = source.chars().all(|c| c.is_whitespace() || c.is_control());
        if blank && common.print != Print::Table {
            // Lines of answers stay lines of questions.
            println!();
            continue;
        }
        if blank {
            return Err(Error::input("the text", "at least one character", "none"));
        }
        let tokens = words.encode(source, model.config().max_positions)?;
        let input = Input { prefix: prefix.clone(), ..Input::of(&tokens) };
        show(&model, &words, input, common).await?;
    }
    Ok(())
}

async fn show(model: &Rc<Model>, text: &Text, input: Input, common: &Common) -> Result<()> {
    let print = common.print;
    let ids = input.tokens.clone();
    let last = model.config().decoder.map_or(0, |decoder| decoder.layers - 1);
    let site = format!("decoder.{last}.cross_attention.weights");
    let trace = if print == Print::Table { vec![site] } else { vec![] };
    let mut target = input.prefix.clone();
    let task = Task { trace, edits: common.edits.clone(), ..Task::of(vec![input]) };
    let mut run = Run::begin(model, &task).await?;
    let mut table = vec![["step", "token", "probability", "attends"].map(str::to_string)];
    while !run.is_over() {
        for step in run.next(run.most_steps).await? {
            let row = &step.rows[0];
            if let Some(map) = step.trace.first() {
                // The real source token: those beyond are padding.
                let attended =
                    most_attended(&map.data, map.shape[1], 0..ids.len()).unwrap_or_default();
                table.push([
                    (row.position + 1).to_string(),
                    text.piece(&target, row.token)?,
                    format!("{:.4}", row.log_probability.exp()),
                    text.piece(&ids[..attended], ids[attended])?,
                ]);
            }
            target.push(row.token);
        }
    }
    match print {
        Print::Text => println!("{}", text.decode(&target)?),
        Print::Ids => println!("{}", line(&target)),
        Print::Table => {
            print_table(&table);
            println!("→ {}", text.decode(&target)?);
        }
    }
    Ok(())
}
