//! A loaded model: its weights on its device, given back with it.

use std::io::Read;
use std::rc::Rc;

use crate::device::Device;
use crate::error::Result;
use crate::loading::{Loader, Loading};
use crate::tape::Buffer;
use crate::weights::{Header, Opening, Storage, Weights};

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

impl<M> Loaded<M> {
    /// Makes room for the weights that `model` asks for of the file with this head, which are still
    /// to come.
    pub(super) fn begin_with(
        device: Rc<Device>,
        header: Header,
        storage: Option<Storage>,
        model: impl FnOnce(&Weights, &Loader) -> Result<M>,
    ) -> Result<Loading<Loaded<M>>> {
        let weights = Weights::new(header);
        let before = device.allocated_bytes();
        let loader = Loader::new(&device, storage);
        let model = match model(&weights, &loader) {
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

    /// Reads the file of `length` bytes, a piece at a time, after `begin` has made room for what its
    /// head speaks of. `progress` is told bytes done and bytes in all.
    pub(super) fn read(
        mut file: impl Read,
        length: u64,
        progress: &dyn Fn(u64, u64),
        begin: impl FnOnce(Header) -> Result<Loading<Loaded<M>>>,
    ) -> Result<Loaded<M>> {
        let mut opening = Opening::new(Some(length));
        let header = opening.read(&mut file)?;
        let mut loading = begin(header)?;
        loading.feed(opening.bytes());
        loading.read(&mut file, progress)
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
