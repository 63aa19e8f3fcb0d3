//! The device that a model lives on: a GPU, or the CPU executor with the same calls.

use std::ops::Range;

use crate::cpu::{self, Cpu};
use crate::error::Result;
pub use crate::gpu::Timing;
use crate::gpu::{self, Gpu};
use crate::recording::Recording;
use crate::tape::{Buffer, Output};
use crate::tuning::Tuning;

/// Something that keeps buffers and runs tapes.
pub enum Device {
    /// The twins.
    Cpu(Cpu),
    /// WebGPU.
    Gpu(Box<Gpu>),
}

/// A recording that is ready to run on its device.
pub enum Program {
    /// On the twins.
    Cpu(cpu::Program),
    /// On WebGPU.
    Gpu(gpu::Program),
}

impl Program {
    /// Kernels that one run dispatches.
    pub fn dispatches(&self) -> usize {
        match self {
            Program::Cpu(program) => program.dispatches(),
            Program::Gpu(program) => program.dispatches(),
        }
    }
}

/// A run whose results are on their way.
pub enum Running {
    /// Already there.
    Done(Output),
    /// On their way.
    Gpu(gpu::Reading),
}

impl Device {
    /// The CPU executor.
    pub fn cpu() -> Device {
        Device::Cpu(Cpu::default())
    }

    /// How tapes for this device are recorded.
    pub fn tuning(&self) -> Tuning {
        match self {
            Device::Cpu(_) => Tuning::cpu(),
            Device::Gpu(gpu) => gpu.tuning(),
        }
    }

    /// A buffer of `words` zeros.
    pub fn allocate(&self, what: &str, words: u32) -> Result<Buffer> {
        match self {
            Device::Cpu(cpu) => cpu.allocate(what, words),
            Device::Gpu(gpu) => gpu.allocate(what, words),
        }
    }

    /// A buffer of these words.
    pub fn keep(&self, what: &str, words: &[u32]) -> Result<Buffer> {
        let buffer = self.allocate(what, words.len() as u32)?;
        self.upload(buffer, words);
        Ok(buffer)
    }

    /// Gives a buffer back.
    pub fn release(&self, buffer: Buffer) {
        match self {
            Device::Cpu(cpu) => cpu.release(buffer),
            Device::Gpu(gpu) => gpu.release(buffer),
        }
    }

    /// Bytes of all buffers.
    pub fn allocated_bytes(&self) -> u64 {
        match self {
            Device::Cpu(cpu) => cpu.allocated_bytes(),
            Device::Gpu(gpu) => gpu.allocated_bytes(),
        }
    }

    /// Writes words to the start of a buffer.
    pub fn upload(&self, buffer: Buffer, words: &[u32]) {
        self.upload_at(buffer, 0, words);
    }

    /// Writes words to a buffer, from word `first` on.
    pub fn upload_at(&self, buffer: Buffer, first: u32, words: &[u32]) {
        match self {
            Device::Cpu(cpu) => cpu.upload_at(buffer, first, words),
            Device::Gpu(gpu) => gpu.upload_at(buffer, first, words),
        }
    }

    /// Makes pipelines that recordings will need, all at once where the platform can.
    pub async fn prepare(&self, recordings: &[&Recording]) {
        if let Device::Gpu(gpu) = self {
            gpu.prepare(recordings).await;
        }
    }

    /// Makes a recording ready to run.
    pub fn compile(&self, recording: Recording) -> Result<Program> {
        Ok(match self {
            Device::Cpu(cpu) => Program::Cpu(cpu.compile(recording)),
            Device::Gpu(gpu) => Program::Gpu(gpu.compile(&recording)?),
        })
    }

    /// Gives the memory of a program back.
    pub fn discard(&self, program: &Program) {
        if let (Device::Gpu(gpu), Program::Gpu(program)) = (self, program) {
            gpu.discard(program);
        }
    }

    /// Fills all activations of a program with NaN.
    pub fn poison(&self, program: &Program) {
        match (self, program) {
            (Device::Cpu(cpu), Program::Cpu(program)) => cpu.poison(program),
            (Device::Gpu(gpu), Program::Gpu(program)) => gpu.poison(program),
            _ => panic!("a program is poisoned on the device that compiled it"),
        }
    }

    /// Starts a replay of a program for each of `positions`, after which `words` words of `results`
    /// from `first` on are read. Where they lie in rings is all that positions matter for here:
    /// kernels know theirs from StepState.
    pub fn run(
        &self,
        program: &Program,
        positions: Range<u32>,
        results: Option<(Buffer, u32, u32)>,
    ) -> Running {
        match (self, program) {
            (Device::Cpu(cpu), Program::Cpu(program)) => {
                let snapshots = positions.flat_map(|position| cpu.run(program, position)).collect();
                let words = results.map(|(buffer, first, words)| cpu.read(buffer, first, words));
                Running::Done(Output { words: words.unwrap_or_default(), snapshots })
            }
            (Device::Gpu(gpu), Program::Gpu(program)) => {
                Running::Gpu(gpu.run(program, positions, results))
            }
            _ => panic!("a program runs on the device that compiled it"),
        }
    }

    /// Times every kernel of a program by itself; the CPU executor has no kernels to time.
    pub async fn profile(
        &self,
        program: &Program,
        repeats: u32,
        now: &dyn Fn() -> f64,
    ) -> Result<Vec<Timing>> {
        match (self, program) {
            (Device::Gpu(gpu), Program::Gpu(program)) => gpu.profile(program, repeats, now).await,
            _ => Ok(vec![]),
        }
    }

    /// Waits for a run.
    pub async fn finish(&self, running: Running) -> Result<Output> {
        match (self, running) {
            (_, Running::Done(output)) => Ok(output),
            (Device::Gpu(gpu), Running::Gpu(reading)) => reading.finish(gpu).await,
            _ => panic!("a run is finished on the device that started it"),
        }
    }
}
