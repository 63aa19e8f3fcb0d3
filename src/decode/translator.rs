//! A loaded translator: the model on its device, ready to decode.

use std::io::Read;
use std::rc::Rc;

use crate::decode::loaded::Loaded;
use crate::decode::{Decoding, Options};
use crate::device::Device;
use crate::error::Result;
use crate::loading::Loading;
use crate::models::marian::Marian;
use crate::models::marian_config::Config;
use crate::weights::{Header, Storage};

/// A MarianMT model on a device.
pub type Translator = Loaded<Marian>;

impl Translator {
    /// Reads config.json and generation_config.json, and makes room for the weights of the file
    /// with this head, which are still to come.
    pub fn begin(
        device: Rc<Device>,
        config: &str,
        generation: &str,
        header: Header,
        storage: Option<Storage>,
    ) -> Result<Loading<Translator>> {
        let config = Config::parse(config, generation)?;
        Loaded::begin_with(device, header, storage, |weights, loader| {
            Marian::load(config, weights, loader)
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
    ) -> Result<Translator> {
        Loaded::read(file, length, progress, |header| {
            Translator::begin(device, config, generation, header, Some(storage))
        })
    }

    /// Its sizes and habits.
    pub fn config(&self) -> &Config {
        &self.model.config
    }

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
