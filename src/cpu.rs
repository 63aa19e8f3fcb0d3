//! Runs a tape on the twins: the executor of machines without a GPU, and the truth for kernels.

use std::cell::RefCell;

use crate::error::{Error, Result};
use crate::kernel::{Access, Call};
use crate::recording::Recording;
use crate::site::Snapshot;
use crate::tape::{Buffer, Command, Dispatch, Observation, Place, Tensor};

/// The memory of the CPU executor.
#[derive(Default)]
pub struct Cpu {
    buffers: RefCell<Vec<Option<Vec<u32>>>>,
}

/// A recording with room for its activations.
pub struct Program {
    recording: Recording,
    activations: RefCell<Vec<Vec<u32>>>,
}

impl Program {
    pub(crate) fn dispatches(&self) -> usize {
        self.recording.dispatches().count()
    }
}

impl Cpu {
    /// A buffer of `words` zeros.
    pub fn allocate(&self, what: &str, words: u32) -> Result<Buffer> {
        let mut zeros = Vec::new();
        zeros.try_reserve_exact(words as usize).map_err(|error| Error::Memory {
            what: what.to_string(),
            needed: 4 * u64::from(words),
            limit: error.to_string(),
        })?;
        zeros.resize(words as usize, 0);
        let mut buffers = self.buffers.borrow_mut();
        buffers.push(Some(zeros));
        Ok(Buffer(buffers.len() as u32 - 1))
    }

    /// Gives a buffer back.
    pub fn release(&self, buffer: Buffer) {
        self.buffers.borrow_mut()[buffer.0 as usize] = None;
    }

    /// Bytes of all buffers.
    pub fn allocated_bytes(&self) -> u64 {
        self.buffers.borrow().iter().flatten().map(|words| 4 * words.len() as u64).sum()
    }

    /// Writes words to a buffer, from word `first` on.
    pub fn upload_at(&self, buffer: Buffer, first: u32, words: &[u32]) {
        self.with(buffer, |held| held[first as usize..][..words.len()].copy_from_slice(words));
    }

    /// Words of a buffer.
    pub fn read(&self, buffer: Buffer, first: u32, words: u32) -> Vec<u32> {
        self.with(buffer, |held| held[first as usize..][..words as usize].to_vec())
    }

    /// Makes room for the activations.
    pub fn compile(&self, recording: Recording) -> Program {
        let rooms = recording.activations.iter().map(|words| vec![0; *words as usize]).collect();
        Program { recording, activations: RefCell::new(rooms) }
    }

    /// Runs a program once, for a position; gives what it traced.
    pub fn run(&self, program: &Program, position: u32) -> Vec<Snapshot> {
        let mut snapshots = vec![];
        for command in &program.recording.commands {
            match command {
                Command::Dispatch(dispatch) => self.dispatch(program, dispatch),
                Command::Observe(observation) => {
                    let words = self.observed(program, observation, position);
                    snapshots.push(snapshot(observation, &words));
                }
            }
        }
        snapshots
    }

    /// Fills all activations with NaN, so that a test sees what a twin forgets to write.
    pub fn poison(&self, program: &Program) {
        for words in program.activations.borrow_mut().iter_mut() {
            words.fill(f32::NAN.to_bits());
        }
    }

    fn with<R>(&self, buffer: Buffer, body: impl FnOnce(&mut Vec<u32>) -> R) -> R {
        let mut buffers = self.buffers.borrow_mut();
        let Some(words) = &mut buffers[buffer.0 as usize] else {
            panic!("buffer {} was released and is used", buffer.0)
        };
        body(words)
    }

    /// The words that an observation copies.
    fn observed(&self, program: &Program, observation: &Observation, position: u32) -> Vec<u32> {
        let copy = |words: &[u32]| {
            let pieces = observation.pieces(position);
            let piece = |(first, count)| &words[first as usize..][..count as usize];
            pieces.flat_map(piece).copied().collect()
        };
        match observation.tensor.place {
            Place::Resident(buffer) => self.with(buffer, |words| copy(words)),
            Place::Activation(id) => copy(&program.activations.borrow()[id as usize]),
            Place::Nowhere => vec![],
        }
    }

    fn take(&self, program: &Program, tensor: Tensor) -> Vec<u32> {
        match tensor.place {
            Place::Resident(buffer) => self.with(buffer, std::mem::take),
            Place::Activation(id) => {
                std::mem::take(&mut program.activations.borrow_mut()[id as usize])
            }
            Place::Nowhere => vec![],
        }
    }

    fn give_back(&self, program: &Program, tensor: Tensor, words: Vec<u32>) {
        match tensor.place {
            Place::Resident(buffer) => self.with(buffer, |held| *held = words),
            Place::Activation(id) => program.activations.borrow_mut()[id as usize] = words,
            Place::Nowhere => {}
        }
    }

    /// Lends the words of all bindings to the twin. A tensor that is bound twice is only read
    /// (the tape and WebGPU both see to that), so the second binding gets a copy.
    fn dispatch(&self, program: &Program, dispatch: &Dispatch) {
        let Dispatch { kernel, constants, sizes, tensors, .. } = dispatch;
        let first_of = |index: usize| {
            tensors[..index].iter().position(|earlier| earlier.place == tensors[index].place)
        };
        let mut call = Call { sizes, constants, buffers: Vec::with_capacity(tensors.len()) };
        for (index, tensor) in tensors.iter().enumerate() {
            let words = match first_of(index) {
                Some(earlier) => call.buffers[earlier].clone(),
                None => self.take(program, *tensor),
            };
            call.buffers.push(words);
        }
        (kernel.twin)(&mut call);
        for (index, words) in call.buffers.into_iter().enumerate().rev() {
            if first_of(index).is_none() {
                self.give_back(program, tensors[index], words);
            } else {
                let written = kernel.bindings[index].1 == Access::Write;
                let nowhere = tensors[index].place == Place::Nowhere;
                assert!(!written || nowhere, "{kernel:?}: binding {index} is bound twice");
            }
        }
    }
}

/// The observed columns of the words that were copied.
pub(crate) fn snapshot(observation: &Observation, words: &[u32]) -> Snapshot {
    let Observation { site, tensor, columns: (first, width), shape, .. } = observation;
    let rows = words.chunks_exact(tensor.width() as usize);
    let columns = rows.flat_map(|row| &row[*first as usize..][..*width as usize]);
    let data = columns.map(|word| f32::from_bits(*word)).collect();
    Snapshot { site: *site, shape: shape.clone(), data }
}
