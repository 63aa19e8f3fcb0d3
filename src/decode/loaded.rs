//! A loaded model: its weights on its device, given back with it.

use std::io::Read;
use std::rc::Rc;

use crate::device::Device;
use crate::error::Result;
use crate::loading::{Loader, Loading};
use crate::tape::Buffer;
use crate::weights::{Header, Opening, Storage, Weights};

/// What is loaded: a family of models, which knows its configuration and its weights.
pub trait Model: Sized {
    /// Sizes and habits.
    type Config;

    /// Reads config.json and generation_config.json, or what the head of the weights has in place
    /// of them.
    fn read_config(config: &str, generation: &str, header: &Header) -> Result<Self::Config>;

    /// Asks for its weights.
    fn ask(config: Self::Config, weights: &Weights, loader: &Loader) -> Result<Self>;

    /// Its sizes and habits.
    fn config(&self) -> &Self::Config;
}

/// A model on a device.
pub struct Loaded<M> {
    pub(super) device: Rc<Device>,
    pub(super) model: M,
    /// How its matrices are stored, most of them at least.
    pub storage: Storage,
    /// Bytes of its weights on the device.
    pub weight_bytes: u64,
    /// Values in all its weights.
    pub parameters: u64,
    buffers: Vec<Buffer>,
}

impl<M: Model> Loaded<M> {
    /// Reads config.json and generation_config.json, and makes room for the weights of the file
    /// with this head, which are still to come.
    pub fn begin(
        device: Rc<Device>,
        config: &str,
        generation: &str,
        header: Header,
        storage: Option<Storage>,
    ) -> Result<Loading<Loaded<M>>> {
        let config = M::read_config(config, generation, &header)?;
        let weights = Weights::new(header);
        let before = device.allocated_bytes();
        let loader = Loader::new(&device, storage);
        let model = match M::ask(config, &weights, &loader) {
            Ok(model) => model,
            Err(error) => {
                loader.release();
                return Err(error);
            }
        };
        let mut room = loader.finish();
        let loaded = Loaded {
            storage: room.storage,
            weight_bytes: device.allocated_bytes() - before,
            parameters: weights.values_read(),
            device: Rc::clone(&device),
            model,
            buffers: std::mem::take(&mut room.buffers),
        };
        Ok(Loading::new(loaded, device, room, weights.header()))
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
    ) -> Result<Loaded<M>> {
        let mut opening = Opening::new(Some(length));
        let header = opening.read(&mut file)?;
        let mut loading = Loaded::begin(device, config, generation, header, Some(storage))?;
        loading.feed(opening.bytes());
        loading.read(&mut file, progress)
    }

    /// Its sizes and habits.
    pub fn config(&self) -> &M::Config {
        self.model.config()
    }

    /// The device that it lives on.
    pub fn device(&self) -> &Rc<Device> {
        &self.device
    }
}

impl<M> Drop for Loaded<M> {
    fn drop(&mut self) {
        self.buffers.iter().for_each(|buffer| self.device.release(*buffer));
    }
}
