//! What the commands share: options, the device, files, the table of steps.

mod chat;
mod generate;
mod translate;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use glassformer::error::{Error, Result};
use glassformer::executor::Device;
use glassformer::executor::gpu::Platform;
use glassformer::probe::Edit;
use glassformer::weights::Storage;

/// What the command line asks for.
pub enum Command {
    Translate(translate::Arguments),
    Generate(generate::Arguments),
}

impl Command {
    pub async fn run(&self) -> Result<()> {
        match self {
            Command::Translate(arguments) => translate::run(arguments).await,
            Command::Generate(arguments) => generate::run(arguments).await,
        }
    }
}

/// What is wrong with the command line.
type Parsed<T> = std::result::Result<T, String>;

/// Reads the command line, without the name of the program.
pub fn parse(mut words: impl Iterator<Item = String>) -> Parsed<Command> {
    match words.next().as_deref() {
        Some("translate") => translate::parse(words).map(Command::Translate),
        Some("generate") => generate::parse(words).map(Command::Generate),
        Some(other) => Err(format!("unknown command `{other}`")),
        None => Err("a command is missing".to_string()),
    }
}

/// What is printed.
#[derive(Clone, Copy, PartialEq)]
enum Print {
    Table,
    Text,
    Ids,
}

/// Options of every command.
struct Common {
    print: Print,
    model: PathBuf,
    device: String,
    storage: Option<Storage>,
    edits: Vec<Edit>,
}

impl Common {
    fn new(model: &str) -> Common {
        let device = "gpu".to_string();
        Common { print: Print::Table, model: model.into(), device, storage: None, edits: vec![] }
    }

    /// Takes an option if it is one of these.
    fn take(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Parsed<bool> {
        match word {
            "--plain" => self.print = Print::Text,
            "--ids" => self.print = Print::Ids,
            "--model" => self.model = value(word, words)?.into(),
            "--device" => self.device = value(word, words)?,
            "--edit" => {
                let edit = value(word, words)?.parse().map_err(|error: Error| error.to_string())?;
                self.edits.push(edit);
            }
            "--storage" => {
                let name = value(word, words)?;
                let known = Storage::parse(&name).ok_or(format!("unknown storage `{name}`"))?;
                self.storage = Some(known);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn open_device(&self) -> Result<Rc<Device>> {
        Ok(Rc::new(match self.device.as_str() {
            "cpu" => Device::cpu(),
            _ => Device::gpu(Platform::native()).await?,
        }))
    }

    /// A text of the model's folder.
    fn text(&self, name: &str) -> Result<String> {
        let path = self.model.join(name);
        fs::read_to_string(&path).map_err(|error| unreadable(&path, error))
    }
}

/// A file and its length in bytes.
fn open(path: &Path) -> Result<(fs::File, u64)> {
    let file = fs::File::open(path).map_err(|error| unreadable(path, error))?;
    let length = file.metadata().map_err(|error| unreadable(path, error))?.len();
    Ok((file, length))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::input(path.display().to_string(), "a readable file", error.to_string())
}

/// The word after an option.
fn value(option: &str, words: &mut impl Iterator<Item = String>) -> Parsed<String> {
    words.next().ok_or(format!("{option} needs a value"))
}

/// Ids as a line.
fn line(ids: &[u32]) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// The column, of those `kept`, that all `heads` together look at most; weights are `[H, 1, S]`.
fn most_attended(
    weights: &[f32],
    heads: usize,
    kept: impl Iterator<Item = usize>,
) -> Option<usize> {
    let columns = weights.len() / heads;
    let total = |s: usize| (0..heads).map(|h| weights[h * columns + s]).sum::<f32>();
    kept.max_by(|a, b| total(*a).total_cmp(&total(*b)).then(b.cmp(a)))
}

fn print_table(table: &[[String; 4]]) {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..3).map(|column| width(column).unwrap_or(0)).collect();
    for row in table {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        println!("{}{}", padded.collect::<String>(), row[3]);
    }
}
