//! A loaded translator: the model on its device, ready to decode.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::decode::{Decoding, Options};
use crate::device::Device;
use crate::error::Result;
use crate::layers::Loader;
use crate::models::marian::Marian;
use crate::models::marian_config::Config;
use crate::tape::Buffer;
use crate::weights::{Storage, Weights};

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
    /// Reads config.json, generation_config.json and model.safetensors; brings the weights to the
    /// device. `progress` is told pieces done and pieces in all.
    pub fn load(
        device: Rc<Device>,
        config: &str,
        generation: &str,
        weights: &[u8],
        storage: Storage,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Translator> {
        let config = Config::parse(config, generation)?;
        let weights = Weights::open(weights)?;
        let before = device.allocated_bytes();
        let (done, all) = (Cell::new(0), Marian::pieces(&config));
        let loaded = || {
            done.set(done.get() + 1);
            progress(done.get(), all);
        };
        let buffers = RefCell::default();
        let loader = Loader { device: &device, storage, loaded: &loaded, buffers };
        let model = Marian::load(config, &weights, &loader);
        let buffers = loader.buffers.take();
        let model = match model {
            Ok(model) => model,
            Err(error) => {
                buffers.into_iter().for_each(|buffer| device.release(buffer));
                return Err(error);
            }
        };
        Ok(Translator {
            weight_bytes: device.allocated_bytes() - before,
            parameters: weights.values_read(),
            device,
            model,
            storage,
            buffers,
        })
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
