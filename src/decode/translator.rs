//! A loaded translator: the model on its device, ready to decode.

use std::rc::Rc;

use crate::decode::loaded::{Loaded, Model};
use crate::decode::{Decoding, Options};
use crate::error::Result;
use crate::loading::Loader;
use crate::models::marian::Marian;
use crate::models::marian_config::Config;
use crate::weights::{Header, Weights};

/// A MarianMT model on a device.
pub type Translator = Loaded<Marian>;

impl Model for Marian {
    type Config = Config;

    fn read_config(config: &str, generation: &str, _: &Header) -> Result<Config> {
        Config::parse(config, generation)
    }

    fn ask(config: Config, weights: &Weights, loader: &Loader) -> Result<Marian> {
        Marian::load(config, weights, loader)
    }

    fn config(&self) -> &Config {
        &self.config
    }
}

impl Translator {
    /// Makes the pipelines that decoding needs, and waits until they are ready: what a first
    /// translation would otherwise wait for.
    pub async fn warm_up(self: &Rc<Self>) -> Result<()> {
        let end = self.model.config.generation.end_token;
        let options = Options { max_tokens: Some(2), ..Options::default() };
        let mut decoding = Decoding::begin(self, &[vec![end]], &options).await?;
        decoding.next(2).await?;
        Ok(())
    }
}
