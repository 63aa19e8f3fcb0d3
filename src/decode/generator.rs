//! A loaded decoder-only model, ready to write.

use std::rc::Rc;

use crate::decode::loaded::{Loaded, Model};
use crate::decode::{GenerateOptions, Generation};
use crate::error::Result;
use crate::loading::Loader;
use crate::models::causal::Causal;
use crate::models::causal_config::Config;
use crate::weights::{Header, Weights, config_files};

/// A GPT-2 or Llama model on a device.
pub type Generator = Loaded<Causal>;

impl Model for Causal {
    type Config = Config;

    /// generation_config.json may be empty. A GGUF brings its configuration: neither file is
    /// looked at.
    fn read_config(config: &str, generation: &str, header: &Header) -> Result<Config> {
        match config_files(header)? {
            Some([config, generation]) => Config::parse(&config, &generation),
            None => Config::parse(config, generation),
        }
    }

    fn ask(config: Config, weights: &Weights, loader: &Loader) -> Result<Causal> {
        Causal::load(config, weights, loader)
    }

    fn config(&self) -> &Config {
        &self.config
    }
}

impl Generator {
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
