//! The engine's face in JavaScript; the only folder that knows `JsValue`.

mod browser;
mod generator;
mod objects;
mod translator;

use std::rc::Rc;

use js_sys::Object;
use wasm_bindgen::prelude::*;

use crate::decode;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::loading::Loading;
use crate::weights::{Header, Opening, Storage, Tokens};
use browser::cpu_names;
use objects::object;

pub use browser::open_gpu;
pub use generator::{Generator, LoadingGenerator, Writing};
pub use translator::{Decoding, LoadingTranslator, Model};

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
            "gpu" => Device::Gpu(Box::new(open_gpu().await?)),
            other => return Err(Error::input("device", "gpu or cpu", other)),
        };
        Ok(Engine { device: Rc::new(device) })
    }

    /// What the adapter is called.
    #[wasm_bindgen(getter)]
    pub fn adapter(&self) -> Object {
        let (backend, names) = match &*self.device {
            Device::Gpu(gpu) => ("WebGPU", gpu.names().clone()),
            Device::Cpu(_) => ("CPU", cpu_names()),
        };
        object([
            ("backend", backend.into()),
            ("name", names.name.into()),
            ("vendor", names.vendor.into()),
            ("architecture", names.architecture.into()),
            ("software", names.facts.software.into()),
            ("subgroupSize", names.facts.subgroup_size.into()),
        ])
    }

    /// Makes room for a MarianMT model whose weight file begins with `head`; `storage` is empty to
    /// keep matrices as the file has them.
    #[wasm_bindgen(js_name = beginTranslator)]
    pub fn begin_translator(
        &self,
        config: &str,
        generation_config: &str,
        head: FileHead,
        storage: &str,
    ) -> Result<LoadingTranslator> {
        Ok(LoadingTranslator { loading: self.begin(config, generation_config, head, storage)? })
    }

    /// Makes room for a model that writes, whose weight file begins with `head`. A GGUF says itself
    /// what model it is, and then neither file is looked at.
    #[wasm_bindgen(js_name = beginGenerator)]
    pub fn begin_generator(
        &self,
        config: &str,
        generation_config: &str,
        head: FileHead,
        storage: &str,
    ) -> Result<LoadingGenerator> {
        Ok(LoadingGenerator { loading: self.begin(config, generation_config, head, storage)? })
    }

    /// Bytes of all buffers that exist now.
    #[wasm_bindgen(js_name = allocatedBytes)]
    pub fn allocated_bytes(&self) -> f64 {
        self.device.allocated_bytes() as f64
    }

    /// Frees the device and everything on it.
    pub fn dispose(self) {
        if let Device::Gpu(gpu) = &*self.device {
            gpu.close();
        }
    }
}

impl Engine {
    fn begin<M: decode::Model>(
        &self,
        config: &str,
        generation_config: &str,
        head: FileHead,
        storage: &str,
    ) -> Result<Loading<decode::Loaded<M>>> {
        let (header, opening) = head.complete()?;
        let device = Rc::clone(&self.device);
        let storage = parse_storage(storage)?;
        let mut loading =
            decode::Loaded::begin(device, config, generation_config, header, storage)?;
        loading.feed(opening.bytes());
        Ok(loading)
    }
}

fn parse_storage(storage: &str) -> Result<Option<Storage>> {
    match (storage, Storage::parse(storage)) {
        ("", _) => Ok(None),
        (_, Some(known)) => Ok(Some(known)),
        (other, None) => Err(Error::input("storage", "int8, q8, q4, f16 or f32", other)),
    }
}

/// The first bytes of a weight file, which are collected until its head is complete.
#[wasm_bindgen]
pub struct FileHead {
    opening: Opening,
    header: Option<Header>,
}

#[wasm_bindgen]
impl FileHead {
    /// Of a file of `length` bytes; 0 when that is unknown.
    #[wasm_bindgen(constructor)]
    pub fn new(length: f64) -> FileHead {
        let length = (length > 0.0).then_some(length as u64);
        FileHead { opening: Opening::new(length), header: None }
    }

    /// Takes the next bytes; says whether the head is complete.
    pub fn push(&mut self, chunk: &[u8]) -> Result<bool> {
        self.header = self.opening.push(chunk)?;
        Ok(self.header.is_some())
    }

    /// The tokenizer.json that the metadata of a GGUF amounts to.
    #[wasm_bindgen(js_name = tokenizerJson)]
    pub fn tokenizer_json(&self) -> Result<String> {
        self.tokens()?.to_json()
    }

    /// The template that makes a prompt of messages, if the model is for chats.
    #[wasm_bindgen(getter, js_name = chatTemplate)]
    pub fn chat_template(&self) -> Option<String> {
        self.tokens().ok()?.chat_template().map(str::to_string)
    }

    /// The token that begins every text, if there is one.
    #[wasm_bindgen(getter, js_name = beginToken)]
    pub fn begin_token(&self) -> Option<u32> {
        self.tokens().ok()?.begin()
    }

    /// The token that ends a text, if there is one.
    #[wasm_bindgen(getter, js_name = endToken)]
    pub fn end_token(&self) -> Option<u32> {
        self.tokens().ok()?.end()
    }
}

impl FileHead {
    /// The complete head, and the opening with all bytes that were taken.
    fn complete(self) -> Result<(Header, Opening)> {
        let FileHead { opening, header } = self;
        let Some(header) = header else {
            let found = format!("{} bytes: the file is truncated", opening.bytes().len());
            return Err(Error::weights("header", "the head of a weight file", found));
        };
        Ok((header, opening))
    }

    /// What a GGUF says of its tokens.
    fn tokens(&self) -> Result<Tokens<'_>> {
        let metadata = self.header.as_ref().and_then(|header| header.metadata.as_ref());
        let expected = "a GGUF, which says itself what model it is";
        let found = "another kind of file: load the folder in which it lies";
        metadata.map(Tokens::new).ok_or_else(|| Error::weights("header", expected, found))
    }
}
