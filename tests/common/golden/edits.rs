//! What small models write, and what their values are, when something in them is changed.

use std::rc::Rc;

use glassformer::decode::{self, Input, Model, Run, Step};
use glassformer::probe;
use glassformer::site::Snapshot;
use serde_json::Value;

use super::json::{list, lists, number, rows, text, whole};
use super::{Pairs, Sites, causal, marian};

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
    let sites = sites(&model, &name);
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

fn bytes_of(model: &str) -> &'static [u8] {
    let found = FILES.iter().find(|(known, _)| *known == model);
    found.unwrap_or_else(|| panic!("{model}: no edits of it")).1
}

fn sites(model: &str, name: &str) -> Sites {
    let bytes = bytes_of(model);
    Sites { prefix: format!("{name}/"), ..Sites::of(bytes) }
}

fn edit(value: &Value, sites: &Sites) -> Edit {
    if let Some(words) = value.as_str() {
        return Edit::Words(words.to_string());
    }
    let name = text(value, "data");
    let (shape, data) = sites.read(name.strip_prefix(&sites.prefix).unwrap_or(&name));
    let position = value.get("position").map(whole);
    Edit::Replace { site: text(value, "replace"), position, shape, data }
}

impl Case {
    /// Names of the sites that are stored, in no particular order.
    pub fn sites(&self) -> Vec<&str> {
        let others = ["log_probabilities", "replace"];
        self.sites.names().filter(|site| !others.contains(site)).collect()
    }

    /// Shape and values of a site, if it is stored.
    pub fn read(&self, site: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        self.sites.find(site)
    }

    /// Of `tokens`, a row as long as its tokens.
    pub fn log_probabilities(&self) -> Vec<Vec<f32>> {
        let (shape, values) = self.sites.read("log_probabilities");
        let width = *shape.last().expect("a tensor");
        let rows = values.chunks(width).zip(&self.tokens);
        rows.map(|(row, tokens)| row[..tokens.len()].to_vec()).collect()
    }
}

impl Case {
    /// As the engine takes them.
    pub fn probe_edits(&self) -> Vec<probe::Edit> {
        let edit = |edit: &Edit| match edit {
            Edit::Words(words) => words.parse().unwrap_or_else(|error| panic!("{words}: {error}")),
            Edit::Replace { site, position, shape, data } => probe::Edit::Replace {
                site: site.clone(),
                shape: shape.clone(),
                data: data.clone(),
                position: *position,
            },
        };
        self.edits.iter().map(edit).collect()
    }

    /// Whether all that is compared at a site is stored.
    fn stores(&self, snapshot: &Snapshot) -> bool {
        let name = snapshot.site.to_string();
        let held = |name: &str| self.sites.find(name).is_some();
        let slots = |key: &str, block: &str| {
            held(&format!("{block}.{key}")) && held(&format!("{block}.value"))
        };
        match name.rsplit_once('.') {
            Some((block, "slot" | "ring")) if self.model.starts_with("marian") => {
                slots("key", block)
            }
            Some((block, "slot" | "ring")) => slots("turned_key", block),
            _ => held(&name),
        }
    }

    /// The worst relative error of any stored site of a written case, and which one that is. A
    /// wrong token is infinitely wrong.
    pub async fn worst_error(&self, model: &Rc<Model>) -> (f64, String) {
        let inputs = self.inputs.iter().map(|input| match self.model.starts_with("marian") {
            true => Input { max_tokens: Some(self.times()), ..Input::of(input) },
            false => causal::endless(input, self.tokens[0].len()),
        });
        let task = decode::Task {
            candidates: 3,
            edits: self.probe_edits(),
            ..decode::Task::of(inputs.collect()).tracing(&["*"])
        };
        let begun = Run::begin(model, &task).await;
        let mut run = begun.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let steps = run.next(self.times()).await.expect("all steps");
        if marian::written(&steps) != self.tokens {
            return (f64::INFINITY, format!("tokens {:?}", marian::written(&steps)));
        }
        let mut pairs = Pairs::default();
        match self.model.starts_with("marian") {
            true => self.pair_targets(&mut pairs, &run, &steps),
            false => self.pair_texts(&mut pairs, &run, &steps),
        }
        pairs.worst_of_any(&self.name)
    }

    /// T
    fn times(&self) -> u32 {
        match self.model.starts_with("marian") {
            true => self.sites.read("logits").0[1] as u32,
            false => self.tokens[0].len() as u32,
        }
    }

    fn pair_targets(&self, pairs: &mut Pairs, run: &Run, steps: &[Step]) {
        let reference = marian::Reference {
            sites: sites(&self.model, &self.name),
            sources: self.inputs.clone(),
            tokens: self.tokens.clone(),
            most_tokens: self.times() as usize,
        };
        let encoded = run.read[0].trace.iter().filter(|snapshot| self.stores(snapshot));
        encoded.for_each(|snapshot| reference.pair(pairs, snapshot, None));
        for (t, step) in steps.iter().enumerate() {
            let own = step.trace.iter().filter(|snapshot| self.stores(snapshot));
            own.for_each(|snapshot| reference.pair(pairs, snapshot, Some(t)));
        }
        reference.pair_log_probabilities(pairs, steps);
    }

    fn pair_texts(&self, pairs: &mut Pairs, run: &Run, steps: &[Step]) {
        let reference = causal::Reference {
            sites: sites(&self.model, &self.name),
            prompt: self.inputs[0].clone(),
            tokens: self.tokens[0].clone(),
        };
        for part in &run.read {
            let own = part.trace.iter().filter(|snapshot| self.stores(snapshot));
            own.for_each(|snapshot| reference.pair(pairs, snapshot, part.first));
        }
        for step in steps {
            let own = step.trace.iter().filter(|snapshot| self.stores(snapshot));
            own.for_each(|snapshot| reference.pair(pairs, snapshot, step.rows[0].position));
        }
    }
}
