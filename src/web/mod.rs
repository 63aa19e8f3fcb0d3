//! The engine's face in JavaScript; the only folder that knows `JsValue`.

mod browser;
mod edits;
mod head;
mod model;
mod objects;

use std::rc::Rc;

use js_sys::Object;
use wasm_bindgen::prelude::*;

use crate::decode;
use crate::error::{Error, Result};
use crate::executor::Device;
use crate::models::config::Architecture;
use crate::models::families;
use crate::weights::Storage;
use objects::object;

pub use browser::open_gpu;
pub use head::FileHead;
pub use model::{Loading, Model, Run};

/// A device, on which models may be loaded.
#[wasm_bindgen]
pub struct Engine {
    device: Rc<Device>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens `gpu` or `cpu`.
    pub async fn create(device: String) -> Result<Engine> {
        console_error_panic_hook::set_once();
        let device = match device.as_str() {
            "cpu" => Device::cpu(),
            "gpu" => open_gpu().await?,
            other => return Err(Error::input("device", "gpu or cpu", other)),
        };
        Ok(Engine { device: Rc::new(device) })
    }

    /// What it runs on.
    #[wasm_bindgen(getter)]
    pub fn adapter(&self) -> Object {
        let adapter = self.device.adapter();
        object([
            ("backend", adapter.backend.into()),
            ("name", adapter.name.into()),
            ("vendor", adapter.vendor.into()),
            ("architecture", adapter.architecture.into()),
            ("software", adapter.facts.software.into()),
            ("subgroupSize", adapter.facts.subgroup_size.into()),
        ])
    }

    /// Makes room for a model whose weight file begins with `head`. A GGUF says itself what model
    /// it is, and then neither config is looked at. `storage` is empty to keep matrices as the file
    /// has them, `architecture` if any will do.
    pub fn load(
        &self,
        config: &str,
        generation_config: &str,
        head: FileHead,
        storage: &str,
        architecture: &str,
    ) -> Result<Loading> {
        let (header, opening) = head.complete()?;
        let wanted = Architecture::parse(architecture);
        let config = families::read(config, generation_config, &header, wanted)?;
        let device = Rc::clone(&self.device);
        let mut loading = decode::Model::begin(device, config, header, parse_storage(storage)?)?;
        loading.feed(opening.bytes());
        Ok(Loading { loading })
    }

    /// Bytes of all buffers that exist now.
    #[wasm_bindgen(js_name = allocatedBytes)]
    pub fn allocated_bytes(&self) -> f64 {
        self.device.allocated_bytes() as f64
    }

    /// Frees the device and everything on it.
    pub fn dispose(self) {
        self.device.close();
    }
}

fn parse_storage(storage: &str) -> Result<Option<Storage>> {
    match (storage, Storage::parse(storage)) {
        ("", _) => Ok(None),
        (_, Some(known)) => Ok(Some(known)),
        (other, None) => Err(Error::input("storage", "int8, q8, q4, f16 or f32", other)),
    }
}
