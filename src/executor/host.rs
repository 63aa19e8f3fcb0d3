//! Runs recordings on the CPU: buffers are vectors, a kernel is a function of its call.

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::rc::Rc;

use super::{Adapter, Executor, Later, Output, Program, Read, Timing};
use crate::error::{Error, Result};
use crate::kernel::{Arithmetic, Call, Kernel, Words};
use crate::recording::{Command, Dispatch, Observation, Recording};
use crate::tensor::{Buffer, Place, Tensor};
use crate::tuning::{AdapterFacts, Tuning};

/// The memory of the CPU, and which function of a kernel it runs.
pub(super) struct Host {
    buffers: RefCell<Vec<Option<Words>>>,
    arithmetic: fn(&Kernel) -> Arithmetic,
    tuning: Cell<Tuning>,
}

/// No GPU: neither subgroups nor an emulation of any.
const FACTS: AdapterFacts = AdapterFacts { subgroup_size: 0, software: false };

impl Host {
    pub fn new(arithmetic: fn(&Kernel) -> Arithmetic) -> Host {
        // How kernels are cut into workgroups is of no matter here.
        let tuning = Tuning { steps: 1, ..Tuning::of(FACTS) };
        Host { buffers: RefCell::default(), arithmetic, tuning: Cell::new(tuning) }
    }

    fn words(&self, buffer: Buffer) -> Words {
        match &self.buffers.borrow()[buffer.0 as usize] {
            Some(words) => Rc::clone(words),
            None => panic!("buffer {} was released and is used", buffer.0),
        }
    }
}

impl Executor for Host {
    fn adapter(&self) -> Adapter {
        Adapter {
            backend: "CPU",
            name: "CPU".to_string(),
            vendor: String::new(),
            architecture: std::env::consts::ARCH.to_string(),
            facts: FACTS,
        }
    }

    fn tuning(&self) -> Tuning {
        self.tuning.get()
    }

    fn retune(&self, tuning: Tuning) {
        self.tuning.set(tuning);
    }

    fn allocate(&self, what: &str, words: u32) -> Result<Buffer> {
        let mut zeros = Vec::new();
        zeros.try_reserve_exact(words as usize).map_err(|error| Error::Memory {
            what: what.to_string(),
            needed: 4 * u64::from(words),
            limit: error.to_string(),
        })?;
        zeros.resize(words as usize, 0);
        let mut buffers = self.buffers.borrow_mut();
        buffers.push(Some(Rc::new(RefCell::new(zeros))));
        Ok(Buffer(buffers.len() as u32 - 1))
    }

    fn release(&self, buffer: Buffer) {
        self.buffers.borrow_mut()[buffer.0 as usize] = None;
    }

    fn allocated_bytes(&self) -> u64 {
        let buffers = self.buffers.borrow();
        buffers.iter().flatten().map(|words| 4 * words.borrow().len() as u64).sum()
    }

    fn upload_at(&self, buffer: Buffer, first: u32, words: &[u32]) {
        let held = self.words(buffer);
        held.borrow_mut()[first as usize..][..words.len()].copy_from_slice(words);
    }

    fn read(&self, Read { buffer, first, words }: Read) -> Later<'_, Result<Vec<u32>>> {
        let held = self.words(buffer);
        let words = held.borrow()[first as usize..][..words as usize].to_vec();
        Box::pin(ready(Ok(words)))
    }

    fn prepare<'a>(&'a self, _: &'a [&'a Recording]) -> Later<'a, ()> {
        Box::pin(ready(()))
    }

    fn compile(self: Rc<Self>, recording: Recording) -> Result<Box<dyn Program>> {
        let room = |words: &u32| Rc::new(RefCell::new(vec![0; *words as usize]));
        let activations = recording.activations.iter().map(room).collect();
        Ok(Box::new(HostProgram { host: self, recording, activations }))
    }

    fn close(&self) {
        self.buffers.borrow_mut().clear();
    }
}

/// A recording with room for its activations.
struct HostProgram {
    host: Rc<Host>,
    recording: Recording,
    activations: Vec<Words>,
}

impl HostProgram {
    fn words(&self, tensor: Tensor) -> Words {
        match tensor.place {
            Place::Resident(buffer) => self.host.words(buffer),
            Place::Activation(id) => Rc::clone(&self.activations[id as usize]),
            Place::Nowhere => Words::default(),
        }
    }

    fn call(&self, dispatch: &Dispatch) {
        let Dispatch { kernel, sizes, constants, tensors, .. } = dispatch;
        let buffers = tensors.iter().map(|tensor| self.words(*tensor)).collect();
        (self.host.arithmetic)(kernel)(&Call { kernel, sizes, constants, buffers });
    }

    /// The words that an observation copies.
    fn observed(&self, observation: &Observation, positions: &[u32]) -> Vec<u32> {
        let words = self.words(observation.tensor);
        let words = words.borrow();
        let pieces = observation.pieces(positions);
        pieces
            .flat_map(|(first, count)| &words[first as usize..][..count as usize])
            .copied()
            .collect()
    }
}

impl Program for HostProgram {
    fn dispatches(&self) -> usize {
        self.recording.dispatches().count()
    }

    fn poison(&self) {
        self.activations.iter().for_each(|words| words.borrow_mut().fill(f32::NAN.to_bits()));
    }

    fn run(
        &self,
        times: u32,
        positions: &[u32],
        read: Option<Read>,
    ) -> Later<'static, Result<Output>> {
        let mut output = Output::default();
        for step in 0..times {
            let positions: Vec<u32> = positions.iter().map(|position| position + step).collect();
            for command in &self.recording.commands {
                match command {
                    Command::Dispatch(dispatch) => self.call(dispatch),
                    Command::Observe(observation) => {
                        let words = self.observed(observation, &positions);
                        output.snapshots.push(observation.snapshot(&words));
                    }
                }
            }
        }
        if let Some(Read { buffer, first, words }) = read {
            let held = self.host.words(buffer);
            output.words = held.borrow()[first as usize..][..words as usize].to_vec();
        }
        Box::pin(ready(Ok(output)))
    }

    fn profile<'a>(&'a self, _: u32, _: &'a dyn Fn() -> f64) -> Later<'a, Result<Vec<Timing>>> {
        Box::pin(ready(Ok(vec![])))
    }
}
