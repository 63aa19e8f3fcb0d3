//! A loaded model: its weights on its device, given back with it.

use std::io::Read;
use std::rc::Rc;

use crate::decode::{Input, Run, Task};
use crate::error::Result;
use crate::executor::Device;
use crate::loading::{Loader, Loading};
use crate::models::config::{Architecture, Config};
use crate::models::families;
use crate::models::transformer::Transformer;
use crate::tensor::Buffer;
use crate::weights::{Header, Opening, Storage, Weights};

/// A model on a device.
pub struct Model {
    pub(super) device: Rc<Device>,
    pub(super) transformer: Transformer,
    /// How its matrices are stored, most of them at least.
    pub storage: Storage,
    /// Bytes of its weights on the device.
    pub weight_bytes: u64,
    /// Values in all its weights.
    pub parameters: u64,
    buffers: Vec<Buffer>,
}

impl Model {
    /// Makes room for the weights of the file with this head, which are still to come. `config` is
    /// what [`families::read`] makes of the other files.
    pub fn begin(
        device: Rc<Device>,
        config: Config,
        header: Header,
        storage: Option<Storage>,
    ) -> Result<Loading<Model>> {
        let weights = Weights::new(header);
        let before = device.allocated_bytes();
        let loader = Loader::new(&device, storage);
        let transformer = match families::load(config, &weights, &loader) {
            Ok(transformer) => transformer,
            Err(error) => {
                loader.release();
                return Err(error);
            }
        };
        let mut room = loader.finish();
        let model = Model {
            storage: room.storage,
            weight_bytes: device.allocated_bytes() - before,
            parameters: weights.values_read(),
            device: Rc::clone(&device),
            transformer,
            buffers: std::mem::take(&mut room.buffers),
        };
        Ok(Loading::new(model, device, room, weights.header()))
    }

    /// The same, and reads the file of `length` bytes, a piece at a time. `progress` is told bytes
    /// done and bytes in all.
    pub fn load(
        device: Rc<Device>,
        [config, generation]: [&str; 2],
        mut file: impl Read,
        length: u64,
        storage: Option<Storage>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Model> {
        let mut opening = Opening::new(Some(length));
        let header = opening.read(&mut file)?;
        let config = families::read(config, generation, &header, None)?;
        let mut loading = Model::begin(device, config, header, storage)?;
        loading.feed(opening.bytes());
        loading.read(&mut file, progress)
    }

    /// Its sizes and habits.
    pub fn config(&self) -> &Config {
        &self.transformer.config
    }

    /// The device that it lives on.
    pub fn device(&self) -> &Rc<Device> {
        &self.device
    }

    /// Makes the pipelines that a run needs, and waits until they are ready: what a first run would
    /// otherwise wait for.
    pub async fn warm_up(self: &Rc<Self>) -> Result<()> {
        let config = self.config();
        let length = match config.architecture() {
            Architecture::DecoderOnly => {
                let chunk = self.device.tuning().chunk as usize;
                (chunk + 1).min(config.max_positions.saturating_sub(2).max(1))
            }
            _ => 1,
        };
        let input = Input { max_tokens: Some(2), ..Input::of(&vec![0; length]) };
        Run::begin(self, &Task::of(vec![input])).await?.next(2).await?;
        Ok(())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.buffers.iter().for_each(|buffer| self.device.release(*buffer));
    }
}
