//! A loaded translator: the model on its device, ready to decode.

use std::io::Read;
use std::rc::Rc;

use crate::decode::{Decoding, Options};
use crate::device::Device;
use crate::error::Result;
use crate::loading::{Loader, Loading};
use crate::models::marian::Marian;
use crate::models::marian_config::Config;
use crate::tape::Buffer;
use crate::weights::{Header, Opening, Storage, Weights};

/// A MarianMT model on a device.
pub struct Translator {
    pub(super) device: Rc<Device>,
    pub(super) model: Marian,
    /// How its matrices are stored.
    pub storage: Storage,
    /// Bytes of its weights on the device.
    pub weight_bytes: u64,
    /// Values in all its weights.
    pub parameters: u64,
    buffers: Vec<Buffer>,
}

impl Translator {
    /// Reads config.json and generation_config.json, and makes room for the weights of the file with
    /// this head, which are still to come.
    pub fn begin(
        device: Rc<Device>,
        config: &str,
        generation: &str,
        header: Header,
        storage: Option<Storage>,
    ) -> Result<Loading<Translator>> {
        let config = Config::parse(config, generation)?;
        let weights = Weights::new(header);
        let before = device.allocated_bytes();
        let loader = Loader::new(&device, storage);
        let model = match Marian::load(config, &weights, &loader) {
            Ok(model) => model,
            Err(error) => {
                loader.release();
                return Err(error);
            }
        };
        let mut room = loader.finish();
        let translator = Translator {
            storage: room.storage,
            weight_bytes: device.allocated_bytes() - before,
            parameters: weights.values_read(),
            device: Rc::clone(&device),
            model,
            buffers: std::mem::take(&mut room.buffers),
        };
        Ok(Loading::new(translator, device, room, weights.header()))
    }

    /// The same, and reads the file of `length` bytes, a piece at a time. `progress` is told bytes
    /// done and bytes in all.
    pub fn load(
        device: Rc<Device>,
        config: &str,
        generation: &str,
        mut file: impl Read,
        length: u64,
        storage: Storage,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Translator> {
        let mut opening = Opening::new(Some(length));
        let header = opening.read(&mut file)?;
        let mut loading = Translator::begin(device, config, generation, header, Some(storage))?;
        loading.feed(opening.bytes());
        loading.read(&mut file, progress)
    }

    /// Its sizes and habits.
    pub fn config(&self) -> &Config {
        &self.model.config
    }

    /// The device that it lives on.
    pub fn device(&self) -> &Rc<Device> {
        &self.device
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

impl Drop for Translator {
    fn drop(&mut self) {
        self.buffers.iter().for_each(|buffer| self.device.release(*buffer));
    }
}
