//! Small decoder-only models whose every site an independent implementation computed.

use std::collections::BTreeMap;
use std::rc::Rc;

use glassformer::decode::{GenerateOptions, Generation, Generator, Step};
use glassformer::device::Device;
use glassformer::site::{Part, Site, Snapshot};
use glassformer::weights::Storage;
use safetensors::SafeTensors;

use super::report::relative_error;

/// A model and what it computes.
pub struct Golden {
    pub name: &'static str,
    pub config: &'static str,
    pub generation: &'static str,
    pub weights: &'static [u8],
    sites: &'static [u8],
}

macro_rules! golden {
    ($name:literal) => {
        Golden {
            name: $name,
            config: include_str!(concat!("../golden/", $name, "/config.json")),
            generation: include_str!(concat!("../golden/", $name, "/generation_config.json")),
            weights: include_bytes!(concat!("../golden/", $name, "/model.safetensors")),
            sites: include_bytes!(concat!("../golden/", $name, "/sites.safetensors")),
        }
    };
}

pub const ALL: [Golden; 5] = [
    golden!("gpt2_tied"),
    golden!("gpt2_untied"),
    golden!("llama_1_1"),
    golden!("llama_3_1"),
    golden!("llama_8_1"),
];

/// What the independent implementation says.
pub struct Reference {
    file: SafeTensors<'static>,
    pub prompt: Vec<u32>,
    /// What greedy writing adds.
    pub tokens: Vec<u32>,
}

/// The expected and the found values of each site, over all positions.
type Pairs = BTreeMap<String, (Vec<f32>, Vec<f32>)>;

impl Golden {
    pub fn load(&self, device: &Rc<Device>, storage: Storage) -> Rc<Generator> {
        self.load_with(device, storage, self.weights)
    }

    /// The same model with other weights.
    pub fn load_with(
        &self,
        device: &Rc<Device>,
        storage: Storage,
        weights: &[u8],
    ) -> Rc<Generator> {
        let device = Rc::clone(device);
        let [config, generation] = [self.config, self.generation];
        let length = weights.len() as u64;
        let loaded =
            Generator::load(device, config, generation, weights, length, storage, &|_, _| ());
        Rc::new(loaded.unwrap_or_else(|error| panic!("{}: {error}", self.name)))
    }

    pub fn reference(&self) -> Reference {
        let file = SafeTensors::deserialize(self.sites).expect("a golden file");
        let ids = |name| read(&file, name).1.iter().map(|id| *id as u32).collect();
        Reference { prompt: ids("prompt"), tokens: ids("tokens"), file }
    }
}

/// A tensor of the file, of whatever shape.
fn read(file: &SafeTensors, name: &str) -> (Vec<usize>, Vec<f32>) {
    let tensor = file.tensor(name).unwrap_or_else(|_| panic!("{name} in a golden file"));
    let words = tensor.data().as_chunks().0.iter();
    (tensor.shape().to_vec(), words.map(|word| f32::from_le_bytes(*word)).collect())
}

/// All steps of a text.
pub async fn write(
    generator: &Rc<Generator>,
    prompt: &[u32],
    count: usize,
    options: GenerateOptions,
) -> (Generation, Vec<Step>) {
    // Ends are no matter here: the reference writes on.
    let options =
        GenerateOptions { max_tokens: Some(count as u32), end_tokens: Some(vec![]), ..options };
    let begun = Generation::begin(generator, prompt, &options).await;
    let mut generation = begun.expect("a text");
    let steps = generation.next(count as u32).await.expect("all steps");
    (generation, steps)
}

/// The tokens that were written.
pub fn tokens(steps: &[Step]) -> Vec<u32> {
    steps.iter().map(|step| step.rows[0].token).collect()
}

/// The worst relative error of any site, and which one that is. A wrong token is infinitely wrong.
pub async fn worst_error(golden: &Golden, generator: &Rc<Generator>) -> (f64, String) {
    let reference = golden.reference();
    let options = GenerateOptions {
        candidates: 3,
        trace: vec!["*".to_string()],
        ..GenerateOptions::default()
    };
    let count = reference.tokens.len();
    let (generation, steps) = write(generator, &reference.prompt, count, options).await;
    let mut pairs = Pairs::new();
    for (first, snapshots) in &generation.prompt_trace {
        snapshots.iter().for_each(|snapshot| reference.pair(&mut pairs, snapshot, *first));
    }
    for step in &steps {
        step.trace.iter().for_each(|snapshot| reference.pair(&mut pairs, snapshot, step.position));
    }
    let config = generator.config();
    assert_eq!(pairs.len(), config.sites().len(), "{}: all sites", golden.name);
    if tokens(&steps) != reference.tokens {
        return (f64::INFINITY, "tokens".to_string());
    }
    let errors = pairs.into_iter().map(|(site, (expected, found))| {
        assert!(!expected.is_empty(), "{}: {site} has been compared", golden.name);
        (relative_error(&expected, &found), site)
    });
    errors.max_by(|a, b| a.0.total_cmp(&b.0)).expect("some site")
}

impl Reference {
    /// Adds the values of a snapshot whose first row has the position `first`.
    fn pair(&self, pairs: &mut Pairs, snapshot: &Snapshot, first: u32) {
        let Snapshot { site, shape, data } = snapshot;
        let name = site.to_string();
        let first = first as usize;
        let (expected, found) = pairs.entry(name.clone()).or_default();
        match part(*site) {
            Some(Part::Ring) => {
                let width = shape[3] * shape[4];
                let key = read(&self.file, &name.replace(".ring", ".turned_key")).1;
                let value = read(&self.file, &name.replace(".ring", ".value")).1;
                // A ring that has not wrapped; how far a chunk filled it, its other sites say.
                let filled =
                    data.chunks(2 * width).take_while(|slot| slot.iter().any(|x| *x != 0.0));
                for (position, slot) in filled.enumerate() {
                    expected.extend(&key[position * width..][..width]);
                    expected.extend(&value[position * width..][..width]);
                    found.extend(slot);
                }
                assert!(found.len() > first * width, "{name}: the ring has been filled");
            }
            Some(Part::Scores | Part::Weights) => {
                let (golden_shape, golden) = read(&self.file, &name);
                let [_, heads, times, slots] = shape[..] else { panic!("{name}: a map") };
                let all = golden_shape[2];
                for (h, t) in (0..heads).flat_map(|h| (0..times).map(move |t| (h, t))) {
                    let row = &golden[(h * all + first + t) * all..][..first + t + 1];
                    expected.extend(row);
                    expected.extend(vec![0.0; slots - row.len()]);
                    found.extend(&data[(h * times + t) * slots..][..slots]);
                }
            }
            _ => {
                let (golden_shape, golden) = read(&self.file, &name);
                let width: usize = golden_shape[1..].iter().product();
                expected.extend(&golden[first * width..][..data.len()]);
                found.extend(data);
            }
        }
    }

    /// The tokens and the logits `[N, V]` of a text whose ring goes round.
    pub fn endless(&self, label: &str) -> (Vec<u32>, Vec<f32>) {
        let tokens = read(&self.file, &format!("{label}.tokens")).1;
        let logits = read(&self.file, &format!("{label}.logits")).1;
        (tokens.iter().map(|id| *id as u32).collect(), logits)
    }
}

fn part(site: Site) -> Option<Part> {
    match site {
        Site::Layer { part, .. } => Some(part),
        _ => None,
    }
}
