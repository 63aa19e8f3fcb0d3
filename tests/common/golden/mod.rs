//! Small models whose every site an independent implementation computed: see tests/golden/README.md.

pub mod beams;
pub mod causal;
pub mod edits;
mod json;
pub mod lens;
pub mod marian;
pub mod score;

use std::collections::BTreeMap;
use std::rc::Rc;

use glassformer::decode::Model;
use glassformer::error::Result;
use glassformer::executor::Device;
use glassformer::site::{Part, Site};
use glassformer::weights::Storage;
use safetensors::SafeTensors;

use super::report::relative_error;

/// A model, and what it computes.
pub struct Golden {
    pub name: &'static str,
    pub config: &'static str,
    pub generation: &'static str,
    pub weights: &'static [u8],
    sites: &'static [u8],
}

macro_rules! golden {
    ($name:literal) => {
        super::Golden {
            name: $name,
            config: include_str!(concat!("../../golden/", $name, "/config.json")),
            generation: include_str!(concat!("../../golden/", $name, "/generation_config.json")),
            weights: include_bytes!(concat!("../../golden/", $name, "/model.safetensors")),
            sites: include_bytes!(concat!("../../golden/", $name, "/sites.safetensors")),
        }
    };
}
use golden;

impl Golden {
    pub fn load(&self, device: &Rc<Device>, storage: Storage) -> Rc<Model> {
        self.load_with(device, storage, self.generation, self.weights)
    }

    /// The same model with another generation_config.json or other weights.
    pub fn load_with(
        &self,
        device: &Rc<Device>,
        storage: Storage,
        generation: &str,
        weights: &[u8],
    ) -> Rc<Model> {
        let loaded = self.try_load(device, storage, generation, weights);
        Rc::new(loaded.unwrap_or_else(|error| panic!("{}: {error}", self.name)))
    }

    /// The same, where it may fail.
    pub fn try_load(
        &self,
        device: &Rc<Device>,
        storage: Storage,
        generation: &str,
        weights: &[u8],
    ) -> Result<Model> {
        let device = Rc::clone(device);
        let length = weights.len() as u64;
        let files = [self.config, generation];
        Model::load(device, files, weights, length, Some(storage), &|_, _| ())
    }

    /// The names of all tensors that the independent implementation computed, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.sites().names().map(ToString::to_string).collect();
        names.sort();
        names
    }

    fn sites(&self) -> Sites {
        Sites::of(self.sites)
    }
}

/// What the independent implementation computed.
struct Sites {
    file: SafeTensors<'static>,
    /// What all names begin with.
    prefix: String,
}

impl Sites {
    fn of(bytes: &'static [u8]) -> Sites {
        let file = SafeTensors::deserialize(bytes).expect("a golden file");
        Sites { file, prefix: String::new() }
    }

    /// Shape and values of a tensor.
    fn read(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        self.find(name).unwrap_or_else(|| panic!("{name} in a golden file"))
    }

    /// The same, of a tensor that may not be there.
    fn find(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensor = self.file.tensor(&format!("{}{name}", self.prefix)).ok()?;
        let words = tensor.data().as_chunks().0.iter();
        let values = words.map(|word| f32::from_le_bytes(*word)).collect();
        Some((tensor.shape().to_vec(), values))
    }

    /// Names of all tensors.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.file.iter().filter_map(|(name, _)| name.strip_prefix(&self.prefix))
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        self.read(name).1.iter().map(|id| *id as u32).collect()
    }
}

/// The expected and the found values of each site, over all steps.
#[derive(Default)]
struct Pairs(BTreeMap<String, (Vec<f32>, Vec<f32>)>);

impl Pairs {
    fn of(&mut self, site: &str) -> &mut (Vec<f32>, Vec<f32>) {
        self.0.entry(site.to_string()).or_default()
    }

    /// The worst relative error of any of the `count` sites, and which one that is.
    fn worst(self, golden: &str, count: usize) -> (f64, String) {
        assert_eq!(self.0.len(), count, "{golden}: all sites");
        self.worst_of_any(golden)
    }

    /// The same, however many there are.
    fn worst_of_any(self, golden: &str) -> (f64, String) {
        let errors = self.0.into_iter().map(|(site, (expected, found))| {
            assert!(!expected.is_empty(), "{golden}: {site} has been compared");
            (relative_error(&expected, &found), site)
        });
        errors.max_by(|a, b| a.0.total_cmp(&b.0)).expect("some site")
    }
}

fn part(site: Site) -> Option<Part> {
    match site {
        Site::Layer { part, .. } => Some(part),
        _ => None,
    }
}
