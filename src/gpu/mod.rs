//! Runs tapes on WebGPU. The only folder that knows wgpu.

mod adapter;
mod pipelines;
mod profile;
mod program;
mod readback;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::recording::Recording;
use crate::tape::Buffer;
use crate::tuning::Tuning;

pub use adapter::AdapterNames;
pub use profile::Timing;
pub use program::Program;
pub use readback::Reading;

/// What a platform knows and can beyond wgpu.
pub struct Platform {
    /// Asked once the device is there: what the adapter is called, and its subgroups.
    pub names: fn(AdapterNames) -> AdapterNames,
    /// How pipelines are made in parallel, where wgpu itself can't.
    pub ahead: Option<Ahead>,
}

impl Platform {
    /// Native: wgpu knows it all.
    pub fn native() -> Platform {
        Platform { names: |names| names, ahead: None }
    }
}

/// Pipelines requested between `begin` and `finish` are thrown away, but made meanwhile, all at
/// once; after `finish` the same request is answered at once.
pub struct Ahead {
    /// From here on requests are only collected.
    pub begin: fn(),
    /// Ends the collecting at once; done when all pipelines are ready.
    pub finish: fn() -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Bytes that wait for a submission at most.
const MOST_UNSUBMITTED: usize = 1 << 23;

/// A device with its buffers and pipelines.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    tuning: Tuning,
    names: AdapterNames,
    limits: wgpu::Limits,
    buffers: RefCell<Vec<Option<wgpu::Buffer>>>,
    allocated: Cell<u64>,
    unsubmitted: Cell<usize>,
    pipelines: pipelines::Pipelines,
    ahead: Option<Ahead>,
    staging: readback::Staging,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Gpu {
    /// Opens the best adapter.
    pub async fn open(platform: Platform) -> Result<Gpu> {
        let opened = adapter::open().await?;
        let names = (platform.names)(opened.names);
        let failure = Arc::new(Mutex::new(None));
        watch(&opened.device, &failure);
        Ok(Gpu {
            pipelines: pipelines::Pipelines::default(),
            ahead: platform.ahead,
            staging: readback::Staging::default(),
            limits: opened.device.limits(),
            device: opened.device,
            queue: opened.queue,
            tuning: Tuning::of(names.facts),
            names,
            buffers: RefCell::default(),
            allocated: Cell::new(0),
            unsubmitted: Cell::new(0),
            failure,
        })
    }

    /// How kernels are cut on this adapter.
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// Takes other numbers than the table has: for tests and benchmarks that compare them.
    pub fn retune(&mut self, tuning: Tuning) {
        self.tuning = tuning;
    }

    /// What the adapter is called and can.
    pub fn names(&self) -> &AdapterNames {
        &self.names
    }

    /// A buffer of `words` zeros.
    pub fn allocate(&self, what: &str, words: u32) -> Result<Buffer> {
        let buffer = self.storage(what, words)?;
        let mut buffers = self.buffers.borrow_mut();
        buffers.push(Some(buffer));
        Ok(Buffer(buffers.len() as u32 - 1))
    }

    /// Gives a buffer back. Dropping it would free nothing on the web.
    pub fn release(&self, buffer: Buffer) {
        if let Some(buffer) = self.buffers.borrow_mut()[buffer.0 as usize].take() {
            self.destroy(&buffer);
        }
    }

    /// Bytes of all buffers that tapes use.
    pub fn allocated_bytes(&self) -> u64 {
        self.allocated.get()
    }

    /// Writes words to a buffer, from word `first` on.
    pub fn upload_at(&self, buffer: Buffer, first: u32, words: &[u32]) {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        self.queue.write_buffer(&self.buffer(buffer), 4 * u64::from(first), bytes);
        // wgpu keeps a copy of what is written until the next submission.
        let unsubmitted = self.unsubmitted.get() + bytes.len();
        self.unsubmitted.set(unsubmitted);
        if unsubmitted > MOST_UNSUBMITTED {
            self.queue.submit([]);
            self.unsubmitted.set(0);
        }
    }

    /// Frees everything; the device can't be used any more.
    pub fn close(&self) {
        self.device.destroy();
    }

    /// Makes the pipelines that recordings need and that are not there yet, all at once.
    pub async fn prepare(&self, recordings: &[&Recording]) {
        let Some(ahead) = &self.ahead else { return };
        let missing = self.pipelines.missing(recordings, &self.tuning);
        if missing.is_empty() {
            return;
        }
        (ahead.begin)();
        for dispatch in missing {
            self.pipelines.make(&self.device, dispatch, &self.tuning);
        }
        (ahead.finish)().await;
    }

    /// What went wrong since the device was opened, if anything did.
    pub fn check(&self) -> Result<()> {
        match self.failure.lock() {
            Ok(failure) => failure.clone().map_or(Ok(()), Err),
            Err(_) => Err(Error::internal("watching the GPU device", "a poisoned lock")),
        }
    }

    fn buffer(&self, buffer: Buffer) -> wgpu::Buffer {
        match &self.buffers.borrow()[buffer.0 as usize] {
            Some(buffer) => buffer.clone(),
            None => panic!("buffer {} was released and is used", buffer.0),
        }
    }

    fn storage(&self, what: &str, words: u32) -> Result<wgpu::Buffer> {
        let size = 4 * u64::from(words.max(4));
        let limits = [
            ("maxStorageBufferBindingSize", self.limits.max_storage_buffer_binding_size),
            ("maxBufferSize", self.limits.max_buffer_size),
        ];
        if let Some((name, limit)) = limits.into_iter().find(|(_, limit)| size > *limit) {
            let limit = format!("this adapter's {name} is {limit}");
            return Err(Error::Memory { what: what.to_string(), needed: size, limit });
        }
        self.allocated.set(self.allocated.get() + size);
        Ok(self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::COPY_SRC
                | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }))
    }

    fn destroy(&self, buffer: &wgpu::Buffer) {
        self.allocated.set(self.allocated.get() - buffer.size());
        buffer.destroy();
    }
}

/// Keeps the first error that no call returned: a lost device, or a refused command.
fn watch(device: &wgpu::Device, failure: &Arc<Mutex<Option<Error>>>) {
    let keep = |failure: &Mutex<Option<Error>>, error: Error| {
        if let Ok(mut failure) = failure.lock() {
            failure.get_or_insert(error);
        }
    };
    let lost = Arc::clone(failure);
    device.set_device_lost_callback(move |reason, message| {
        let found = format!("{reason:?}, {message}");
        keep(&lost, Error::DeviceLost { found });
    });
    let refused = Arc::clone(failure);
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let error = match error {
            wgpu::Error::OutOfMemory { .. } => Error::Memory {
                what: "The model".to_string(),
                needed: 0,
                limit: "the GPU has no memory left".to_string(),
            },
            error => Error::internal("a GPU command", error.to_string()),
        };
        keep(&refused, error);
    }));
}
