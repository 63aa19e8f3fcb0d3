//! A loaded decoder-only model, ready to write.

use std::io::Read;
use std::rc::Rc;

use crate::decode::loaded::Loaded;
use crate::decode::{GenerateOptions, Generation};
use crate::device::Device;
use crate::error::Result;
use crate::loading::Loading;
use crate::models::causal::Causal;
use crate::models::causal_config::Config;
use crate::weights::{Header, Storage, config_files};

/// A GPT-2 or Llama model on a device.
pub type Generator = Loaded<Causal>;

impl Generator {
    /// Reads config.json and generation_config.json (may be empty), and makes room for the weights of the file
    /// with this head, which are still to come. A GGUF brings its configuration: neither is looked at.
    pub fn begin(
        device: Rc<Device>,
        config: &str,
        generation: &str,
        header: Header,
        storage: Option<Storage>,
    ) -> Result<Loading<Generator>> {
        let own = config_files(&header)?;
        let [config, generation] = match &own {
            Some(files) => files.each_ref().map(String::as_str),
            None => [config, generation],
        };
        let config = Config::parse(config, generation)?;
        Loaded::begin_with(device, header, storage, |weights, loader| {
            Causal::load(config, weights, loader)
        })
    }

    /// The same, and reads the file of `length` bytes, a piece at a time. `progress` is told bytes
    /// done and bytes in all.
    pub fn load(
        device: Rc<Device>,
        config: &str,
        generation: &str,
        file: impl Read,
        length: u64,
        storage: Storage,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Generator> {
        Loaded::read(file, length, progress, |header| {
            Generator::begin(device, config, generation, header, Some(storage))
        })
    }

    /// Its sizes and habits.
    pub fn config(&self) -> &Config {
        &self.model.config
    }

    /// Makes the pipelines that writing needs, and waits until they are ready: what a first text
    /// would otherwise wait for.
    pub async fn warm_up(self: &Rc<Self>) -> Result<()> {
        let options = GenerateOptions { max_tokens: Some(2), ..GenerateOptions::default() };
        let most = self.config().max_positions.saturating_sub(2).max(1);
        let chunk = self.device.tuning().chunk as usize;
        let prompt = vec![0; (chunk + 1).min(most)];
        Generation::begin(self, &prompt, &options).await?.next(2).await?;
        Ok(())
    }
}
