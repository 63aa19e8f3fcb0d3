//! What small models write, and what their values are, when something in them is changed.

use safetensors::SafeTensors;
use serde_json::Value;

use super::Sites;
use super::json::{list, lists, number, rows, text, whole};

/// The models that have such files: a file of tensors each.
const FILES: [(&str, &[u8]); 3] = [
    ("marian_tied_relu", include_bytes!("../../golden/edits/marian_tied_relu.safetensors")),
    ("gpt2_tied", include_bytes!("../../golden/edits/gpt2_tied.safetensors")),
    ("llama_3_1", include_bytes!("../../golden/edits/llama_3_1.safetensors")),
];

/// One run with edits.
pub struct Case {
    /// A word or a few, once in a model.
    pub name: String,
    /// The folder of the model.
    pub model: String,
    pub task: Task,
    /// In the order in which they apply.
    pub edits: Vec<Edit>,
    /// Sources, or one prompt; to be scored, sources, or one text.
    pub inputs: Vec<Vec<u32>>,
    /// What greedy writing gives, an end token included; to be scored, what each row predicts.
    pub tokens: Vec<Vec<u32>>,
    /// Whether every site is stored, rather than some.
    pub stores_all: bool,
    /// The worst relative error of any site in PyTorch's f32: where it is large, so may ours be.
    pub rounding: f64,
    sites: Sites,
}

/// What is done with the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Greedy writing.
    Write,
    /// One pass over given tokens, all at once.
    Score,
}

/// One edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// As people write it.
    Words(String),
    /// Values of another run.
    Replace {
        /// The name of a site.
        site: String,
        /// The one step at which they apply; without it all steps, the prompt or the encoder: that
        /// which has their shape.
        position: Option<u32>,
        /// As traced, B leads.
        shape: Vec<usize>,
        data: Vec<f32>,
    },
}

/// All cases of a model, in the file's order.
pub fn cases(model: &str) -> Vec<Case> {
    let rows = rows(include_str!("../../golden/edits/edits.json"));
    rows.iter().filter(|row| row["model"] == model).map(case).collect()
}

fn case(row: &Value) -> Case {
    let [name, model] = ["name", "model"].map(|field| text(row, field));
    let sites = sites(&model);
    Case {
        task: match text(row, "task").as_str() {
            "write" => Task::Write,
            "score" => Task::Score,
            task => panic!("{name}: {task} is no task"),
        },
        edits: list(&row["edits"], |value| edit(value, &sites)),
        inputs: lists(&row["inputs"], whole),
        tokens: lists(&row["tokens"], whole),
        stores_all: text(row, "stores") == "all",
        rounding: number(&row["rounding"]),
        name,
        model,
        sites,
    }
}

fn sites(model: &str) -> Sites {
    let found = FILES.iter().find(|(name, _)| *name == model);
    let (_, bytes) = found.unwrap_or_else(|| panic!("{model}: no edits of it"));
    Sites(SafeTensors::deserialize(bytes).expect("a golden file"))
}

fn edit(value: &Value, sites: &Sites) -> Edit {
    if let Some(words) = value.as_str() {
        return Edit::Words(words.to_string());
    }
    let (shape, data) = sites.read(&text(value, "data"));
    let position = value.get("position").map(whole);
    Edit::Replace { site: text(value, "replace"), position, shape, data }
}

impl Case {
    /// Names of the sites that are stored, in no particular order.
    pub fn sites(&self) -> Vec<&str> {
        let all = self.sites.names().filter_map(|key| key.split_once('/'));
        let own = all.filter(|(name, _)| *name == self.name).map(|(_, site)| site);
        own.filter(|site| !["log_probabilities", "replace"].contains(site)).collect()
    }

    /// Shape and values of a site, if it is stored.
    pub fn read(&self, site: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        self.sites.find(&format!("{}/{site}", self.name))
    }

    /// Of `tokens`, a row as long as its tokens.
    pub fn log_probabilities(&self) -> Vec<Vec<f32>> {
        let (shape, values) = self.sites.read(&format!("{}/log_probabilities", self.name));
        let width = *shape.last().expect("a tensor");
        let rows = values.chunks(width).zip(&self.tokens);
        rows.map(|(row, tokens)| row[..tokens.len()].to_vec()).collect()
    }
}
