//! The command `generate`: a row for each token that a decoder-only model writes.

use std::io::{self, Write};
use std::rc::Rc;
use std::time::SystemTime;

use glassformer::decode::{Input, Model, Run, Sampling, Task};
use glassformer::error::{Error, Result};
use glassformer::models::config::Architecture;
use glassformer::models::families;
use glassformer::text::Text;
use glassformer::weights::{Opening, Storage, Tokens, config_files};

use super::{Common, Parsed, Print, chat, line, most_attended, open, print_table, value};

/// What it was asked for.
pub struct Arguments {
    common: Common,
    sampling: Sampling,
    tokens: u32,
    chat: bool,
    prompt: String,
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Parsed<Arguments> {
    let mut common = Common::new("models/tang-poems");
    let mut sampling = Sampling { temperature: 0.8, seed: clock(), ..Sampling::default() };
    let mut tokens = 128;
    let [mut chat, mut greedy] = [false; 2];
    let mut prompts = vec![];
    while let Some(word) = words.next() {
        match word.as_str() {
            option if common.take(option, &mut words)? => {}
            "--tokens" => tokens = number(&word, &mut words)?,
            "--greedy" => greedy = true,
            "--temperature" => sampling.temperature = number(&word, &mut words)?,
            "--top-k" => sampling.top_k = number(&word, &mut words)?,
            "--top-p" => sampling.top_p = number(&word, &mut words)?,
            "--min-p" => sampling.min_p = number(&word, &mut words)?,
            "--repetition-penalty" => sampling.repetition_penalty = number(&word, &mut words)?,
            "--seed" => sampling.seed = number(&word, &mut words)?,
            "--chat" => chat = true,
            "-" => {
                prompts.push(io::read_to_string(io::stdin()).map_err(|error| error.to_string())?)
            }
            option if option.starts_with("--") => return Err(format!("unknown option `{option}`")),
            _ => prompts.push(word),
        }
    }
    if greedy {
        sampling = Sampling::default();
    }
    match prompts.is_empty() {
        true => Err("there is no prompt to go on from".to_string()),
        false => {
            let prompt = prompts.join(" ");
            Ok(Arguments { common, sampling, tokens, chat, prompt })
        }
    }
}

/// A seed that no text had before, unless it is asked for.
fn clock() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u32)
}

fn number<T: std::str::FromStr>(
    option: &str,
    words: &mut impl Iterator<Item = String>,
) -> Parsed<T> {
    let word = value(option, words)?;
    word.parse().map_err(|_| format!("{option} wants a number, not `{word}`"))
}

/// A model and its words.
struct Writer {
    model: Rc<Model>,
    text: Text,
    /// tokenizer_config.json, where the template for messages is.
    tokens: String,
}

/// From a folder in the layout of Hugging Face, or from a GGUF, which has all of it inside.
async fn load(common: &Common) -> Result<Writer> {
    let device = common.open_device().await?;
    let alone = common.model.is_file();
    let weights = if alone { common.model.clone() } else { common.model.join("model.safetensors") };
    let (mut file, length) = open(&weights)?;
    let mut opening = Opening::new(Some(length));
    let header = opening.read(&mut file)?;
    let inside = config_files(&header)?.zip(header.metadata.as_ref());
    let (configs, words, tokens) = match inside {
        Some((configs, metadata)) => {
            let tokens = Tokens::new(metadata);
            (configs, tokens.to_json()?, tokens.config_json())
        }
        None if alone => {
            let expected = "a folder, or a GGUF";
            return Err(Error::input("the model", expected, weights.display().to_string()));
        }
        None => (
            // What the last two say is not always needed.
            [
                common.text("config.json")?,
                common.text("generation_config.json").unwrap_or_default(),
            ],
            common.text("tokenizer.json")?,
            common.text("tokenizer_config.json").unwrap_or_default(),
        ),
    };
    let [config, generation] = configs;
    // As in the npm package: what a GGUF says of its matrices stands, a folder's become int8.
    let storage = common.storage.or((!alone).then_some(Storage::Int8));
    let wanted = Some(Architecture::DecoderOnly);
    let config = families::read(&config, &generation, &header, wanted)?;
    let mut loading = Model::begin(device, config, header, storage)?;
    loading.feed(opening.bytes());
    let model = Rc::new(loading.read(&mut file, &|_, _| {})?);
    let end = model.config().generation.end_tokens.first().copied().unwrap_or(u32::MAX);
    Ok(Writer { model, text: Text::parse(&words, end)?, tokens })
}

pub async fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { common, sampling, tokens, prompt, .. } = arguments;
    let Writer { model, text, tokens: template } = load(common).await?;
    let ids = match arguments.chat {
        // A template writes special tokens itself.
        true => text.tokens(&chat::prompt(&template, prompt)?, false)?,
        false => text.tokens(prompt, true)?,
    };
    if sampling.temperature > 0.0 {
        eprintln!("seed {}", sampling.seed);
    }
    // A text begins with its prompt; an answer does not.
    let before = if arguments.chat { "" } else { prompt };
    let last = model.config().decoder.map_or(0, |decoder| decoder.layers - 1);
    let site = format!("decoder.{last}.self_attention.weights");
    let trace = if common.print == Print::Table { vec![site] } else { vec![] };
    let input = Input { max_tokens: Some(*tokens), sampling: *sampling, ..Input::of(&ids) };
    let task = Task { trace, edits: common.edits.clone(), ..Task::of(vec![input]) };
    let mut run = Run::begin(&model, &task).await?;
    let mut written = ids.clone();
    let mut table = vec![["step", "token", "probability", "attends"].map(str::to_string)];
    let mut shown = 0;
    if common.print == Print::Text {
        print!("{before}");
    }
    while !run.is_over() {
        for step in run.next(model.device().tuning().steps).await? {
            let row = &step.rows[0];
            if let Some(map) = step.trace.first() {
                let [heads, position] = [map.shape[1], row.position as usize];
                let slots = map.data.len() / heads;
                let attended = most_attended(&map.data, heads, 0..slots.min(position + 1));
                let at = position_of(attended.unwrap_or_default(), position, slots);
                table.push([
                    (written.len() - ids.len() + 1).to_string(),
                    piece(&text, &written, row.token)?,
                    format!("{:.4}", row.log_probability.exp()),
                    piece(&text, &written[..at], written[at])?,
                ]);
            }
            written.push(row.token);
        }
        if common.print == Print::Text {
            shown = print_more(&text.decode(&written[ids.len()..])?, shown, run.is_over())?;
        }
    }
    match common.print {
        Print::Text => println!(),
        Print::Ids => println!("{}", line(&written[ids.len()..])),
        Print::Table => {
            print_table(&table);
            println!("→ {before}{}", text.decode(&written[ids.len()..])?);
        }
    }
    Ok(())
}

/// The position of the token in a slot of a ring, at the step of `position`.
fn position_of(slot: usize, position: usize, slots: usize) -> usize {
    position - (position + slots - slot) % slots
}

/// A token on one line.
fn piece(text: &Text, before: &[u32], id: u32) -> Result<String> {
    Ok(text.piece(before, id)?.replace('\n', "⏎"))
}

/// Prints what is new of a text, as far as its characters are complete; gives its bytes shown.
fn print_more(text: &str, shown: usize, is_over: bool) -> Result<usize> {
    let complete = if is_over { text } else { text.trim_end_matches('\u{FFFD}') };
    let more = complete.get(shown..).unwrap_or_default();
    print!("{more}");
    io::stdout().flush().map_err(|error| Error::internal("printing", error.to_string()))?;
    Ok(complete.len().max(shown))
}
