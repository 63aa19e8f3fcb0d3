//! Executors: what keeps buffers and runs recordings; three of them behind one trait.
//!
//! [`twins`](Device::twins) are the truth, in f64; [`cpu`](Device::cpu) is what machines without a
//! GPU run; [`gpu`] is WebGPU.

pub mod gpu;
mod host;

use std::pin::Pin;
use std::rc::Rc;

use crate::error::Result;
use crate::recording::Recording;
use crate::site::Snapshot;
use crate::tensor::Buffer;
use crate::tuning::{AdapterFacts, Tuning};

use gpu::{Gpu, Platform};
use host::Host;

/// Something that will be there later, on this thread.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Keeps buffers and runs recordings.
pub trait Executor {
    /// What it runs on.
    fn adapter(&self) -> Adapter;
    /// How recordings for it are cut.
    fn tuning(&self) -> Tuning;
    /// Takes other numbers than the table has: for tests and benchmarks that compare them.
    fn retune(&self, tuning: Tuning);
    /// A buffer of `words` zeros.
    fn allocate(&self, what: &str, words: u32) -> Result<Buffer>;
    /// Gives a buffer back.
    fn release(&self, buffer: Buffer);
    /// Bytes of all buffers.
    fn allocated_bytes(&self) -> u64;
    /// Writes words to a buffer, from word `first` on.
    fn upload_at(&self, buffer: Buffer, first: u32, words: &[u32]);
    /// Words of a buffer, once all that was started is done.
    fn read(&self, read: Read) -> Later<'_, Result<Vec<u32>>>;
    /// Makes what recordings will need, all at once where the platform can.
    fn prepare<'a>(&'a self, recordings: &'a [&'a Recording]) -> Later<'a, ()>;
    /// Makes a recording ready to run.
    fn compile(self: Rc<Self>, recording: Recording) -> Result<Box<dyn Program>>;
    /// Frees everything; it can't be used any more.
    fn close(&self);
}

/// A recording that is ready to run; its own memory goes with it.
pub trait Program {
    /// Kernels that one run dispatches.
    fn dispatches(&self) -> usize;
    /// Fills all activations with NaN, so that a test sees what a kernel forgets to write.
    fn poison(&self);
    /// Starts `times` replays, after which `read` is read. `positions` are those of the rows at the
    /// first replay. Where they lie in rings is all that they matter for here: kernels know them
    /// from StepState.
    fn run(
        &self,
        times: u32,
        positions: &[u32],
        read: Option<Read>,
    ) -> Later<'static, Result<Output>>;
    /// Times every kernel by itself, `repeats` times; `now` gives milliseconds. None where there are
    /// no kernels to time. Results are worthless afterwards.
    fn profile<'a>(
        &'a self,
        repeats: u32,
        now: &'a dyn Fn() -> f64,
    ) -> Later<'a, Result<Vec<Timing>>>;
}

/// Words to be read after a run.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// Where they are.
    pub buffer: Buffer,
    /// The first of them.
    pub first: u32,
    /// How many.
    pub words: u32,
}

/// What a run gave.
#[derive(Debug, Default)]
pub struct Output {
    /// The words that were asked for.
    pub words: Vec<u32>,
    /// What was observed, in order.
    pub snapshots: Vec<Snapshot>,
}

/// What an executor runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// `WebGPU` or `CPU`
    pub backend: &'static str,
    /// e.g. `NVIDIA GeForce RTX 4070`
    pub name: String,
    /// e.g. `nvidia`
    pub vendor: String,
    /// e.g. `ada lovelace`
    pub architecture: String,
    /// What the tuning table asks.
    pub facts: AdapterFacts,
}

/// What one dispatch takes and does.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Kernel and shape, e.g. `linear_vector 256→1024`.
    pub label: String,
    /// A run of it: the mean of all dispatches of its kind.
    pub microseconds: f64,
    /// Multiplications and additions, for products; 0 for other kernels.
    pub operations: f64,
    /// Bytes of weights that it reads, for products; 0 for other kernels.
    pub weight_bytes: f64,
}

/// The device that a model lives on: an executor, whichever.
pub struct Device(Rc<dyn Executor>);

impl Device {
    /// The twins: f64, slow, the truth.
    pub fn twins() -> Device {
        Device(Rc::new(Host::new(|kernel| kernel.twin)))
    }

    /// The CPU, for machines without a GPU.
    pub fn cpu() -> Device {
        Device(Rc::new(Host::new(|kernel| kernel.fast.unwrap_or(kernel.twin))))
    }

    /// The best GPU of a platform.
    pub async fn gpu(platform: Platform) -> Result<Device> {
        Ok(Device(Rc::new(Gpu::open(platform).await?)))
    }

    /// A buffer of these words.
    pub fn keep(&self, what: &str, words: &[u32]) -> Result<Buffer> {
        let buffer = self.allocate(what, words.len() as u32)?;
        self.upload_at(buffer, 0, words);
        Ok(buffer)
    }

    /// Writes words to the start of a buffer.
    pub fn upload(&self, buffer: Buffer, words: &[u32]) {
        self.upload_at(buffer, 0, words);
    }

    /// Makes a recording ready to run.
    pub fn compile(&self, recording: Recording) -> Result<Box<dyn Program>> {
        Rc::clone(&self.0).compile(recording)
    }
}

impl std::ops::Deref for Device {
    type Target = dyn Executor;

    fn deref(&self) -> &(dyn Executor + 'static) {
        &*self.0
    }
}
