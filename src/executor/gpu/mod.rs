//! Runs recordings on WebGPU. The only folder that knows wgpu.

mod adapter;
mod pipelines;
mod profile;
mod program;
mod readback;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::{Adapter, Executor, Later, Program, Read};
use crate::error::{Error, Result};
use crate::recording::Recording;
use crate::tensor::Buffer;
use crate::tuning::Tuning;

use program::GpuProgram;
use readback::Reading;

/// What a platform knows and can beyond wgpu.
pub struct Platform {
    /// Asked once the device is there: what the adapter is called, and its subgroups.
    pub names: fn(Adapter) -> Adapter,
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
    pub finish: fn() -> Later<'static, ()>,
}

/// Bytes that wait for a submission at most.
const MOST_UNSUBMITTED: usize = 1 << 23;

/// A device with its buffers and pipelines.
pub(super) struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    tuning: Cell<Tuning>,
    adapter: Adapter,
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
        let adapter = (platform.names)(opened.adapter);
        let failure = Arc::new(Mutex::new(None));
        watch(&opened.device, &failure);
        Ok(Gpu {
            pipelines: pipelines::Pipelines::default(),
            ahead: platform.ahead,
            staging: readback::Staging::default(),
            limits: opened.device.limits(),
            device: opened.device,
            queue: opened.queue,
            tuning: Cell::new(Tuning::of(adapter.facts)),
            adapter,
            buffers: RefCell::default(),
            allocated: Cell::new(0),
            unsubmitted: Cell::new(0),
            failure,
        })
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

impl Executor for Gpu {
    fn adapter(&self) -> Adapter {
        self.adapter.clone()
    }

    fn tuning(&self) -> Tuning {
        self.tuning.get()
    }

    fn retune(&self, tuning: Tuning) {
        self.tuning.set(tuning);
    }

    fn allocate(&self, what: &str, words: u32) -> Result<Buffer> {
        let buffer = self.storage(what, words)?;
        let mut buffers = self.buffers.borrow_mut();
        buffers.push(Some(buffer));
        Ok(Buffer(buffers.len() as u32 - 1))
    }

    fn release(&self, buffer: Buffer) {
        // Dropping it would free nothing on the web.
        if let Some(buffer) = self.buffers.borrow_mut()[buffer.0 as usize].take() {
            self.destroy(&buffer);
        }
    }

    fn allocated_bytes(&self) -> u64 {
        self.allocated.get()
    }

    fn upload_at(&self, buffer: Buffer, first: u32, words: &[u32]) {
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

    fn read(&self, Read { buffer, first, words }: Read) -> Later<'_, Result<Vec<u32>>> {
        let staging = self.staging.take(&self.device, words);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let [first, size] = [first, words].map(|count| 4 * u64::from(count));
        encoder.copy_buffer_to_buffer(&self.buffer(buffer), first, &staging, 0, size);
        self.queue.submit([encoder.finish()]);
        let reading = Reading::new(staging, Rc::default(), 0, words);
        Box::pin(async move { Ok(reading.finish(self).await?.words) })
    }

    fn prepare<'a>(&'a self, recordings: &'a [&'a Recording]) -> Later<'a, ()> {
        Box::pin(async move {
            let Some(ahead) = &self.ahead else { return };
            let tuning = self.tuning.get();
            let missing = self.pipelines.missing(recordings, &tuning);
            if missing.is_empty() {
                return;
            }
            (ahead.begin)();
            for dispatch in missing {
                self.pipelines.make(&self.device, dispatch, &tuning);
            }
            (ahead.finish)().await;
        })
    }

    fn compile(self: Rc<Self>, recording: Recording) -> Result<Box<dyn Program>> {
        Ok(Box::new(GpuProgram::new(self, &recording)?))
    }

    fn close(&self) {
        self.device.destroy();
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
