//! The command `translate`: a row for each token of a translation.

use std::io::{self, BufRead};
use std::rc::Rc;

use glassformer::decode::{Decoding, Options, Translator};
use glassformer::error::{Error, Result};
use glassformer::text::Text;
use glassformer::weights::Storage;

use super::{Common, Parsed, Print, line, most_attended, open, print_table};

/// What it was asked for.
pub struct Arguments {
    common: Common,
    texts: Vec<String>,
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Parsed<Arguments> {
    let mut common = Common::new("models/zh-en");
    let mut texts = vec![];
    while let Some(word) = words.next() {
        match word.as_str() {
            option if common.take(option, &mut words)? => {}
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
        false => Ok(Arguments { common, texts }),
    }
}

pub async fn run(Arguments { common, texts }: &Arguments) -> Result<()> {
    let device = common.open_device().await?;
    let [config, generation] =
        [common.text("config.json")?, common.text("generation_config.json")?];
    let (file, length) = open(&common.model.join("model.safetensors"))?;
    let storage = common.storage.unwrap_or(Storage::Int8);
    let translator =
        Translator::load(device, &config, &generation, file, length, storage, &|_, _| {})?;
    let end = translator.config().generation.end_token;
    let words = Text::open(&common.model.join("tokenizer.json"), end)?;
    let translator = Rc::new(translator);
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
        show(&translator, &words, source, common.print).await?;
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
                // The real source token: those beyond are padding.
                let attended =
                    most_attended(&map.data, map.shape[1], 0..ids.len()).unwrap_or_default();
                table.push([
                    (step.position + 1).to_string(),
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
