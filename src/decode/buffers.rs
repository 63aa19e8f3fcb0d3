//! The buffers of one run, given back together.

use std::rc::Rc;

use crate::error::{Error, Result};
use crate::executor::Device;
use crate::tensor::{Buffer, Place, Tensor};

/// The buffers of one run.
pub(super) struct Buffers {
    device: Rc<Device>,
    held: Vec<Buffer>,
}

impl Buffers {
    pub fn new(device: Rc<Device>) -> Buffers {
        Buffers { device, held: vec![] }
    }

    pub fn tensor(&mut self, what: &str, shape: &[u32]) -> Result<Tensor> {
        let words: u64 = shape.iter().map(|size| u64::from(*size)).product();
        let limit = "a tensor has at most 4 GiB".to_string();
        let too_large = |_| Error::Memory { what: what.to_string(), needed: 4 * words, limit };
        let words = u32::try_from(words).ok().filter(|words| *words <= u32::MAX / 4);
        let buffer = self.device.allocate(what, words.ok_or(()).map_err(too_large)?)?;
        self.held.push(buffer);
        Ok(Tensor::resident(buffer, shape))
    }

    pub fn of(&self, tensor: Tensor) -> Buffer {
        match tensor.place {
            Place::Resident(buffer) => buffer,
            place => panic!("{place:?} is no buffer of the device"),
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        self.held.iter().for_each(|buffer| self.device.release(*buffer));
    }
}
