//! A recording on the GPU: pipelines, bind groups built once, a static arena; replayed by `run`.

use std::rc::Rc;

use super::Gpu;
use super::profile::Work;
use super::readback::Reading;
use crate::error::Result;
use crate::executor::{Later, Output, Program, Read, Timing};
use crate::kernel::Access;
use crate::recording::{Command, Dispatch, Observation, Recording};
use crate::tensor::{Place, Tensor};

/// Uniforms start at multiples of this, which every adapter allows.
const ALIGNMENT: u64 = 256;

/// A recording that is ready to run.
pub(super) struct GpuProgram {
    pub(super) steps: Vec<Step>,
    pub(super) arena: Arena,
    observations: Rc<Vec<Observation>>,
}

/// The buffers of a program, given back with it.
pub(super) struct Arena {
    pub gpu: Rc<Gpu>,
    /// Slots for activations.
    activations: Vec<wgpu::Buffer>,
    /// All others.
    others: Vec<wgpu::Buffer>,
}

impl Arena {
    fn other(&mut self, buffer: wgpu::Buffer) -> wgpu::Buffer {
        self.others.push(buffer.clone());
        buffer
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.activations.iter().chain(&self.others).for_each(|buffer| self.gpu.destroy(buffer));
    }
}

pub(super) enum Step {
    Dispatch {
        pipeline: wgpu::ComputePipeline,
        bindings: wgpu::BindGroup,
        grid: [u32; 3],
        work: Work,
    },
    Observe {
        source: wgpu::Buffer,
        observation: Observation,
    },
}

impl GpuProgram {
    /// Makes pipelines and bind groups, and places the activations.
    pub fn new(gpu: Rc<Gpu>, recording: &Recording) -> Result<GpuProgram> {
        let (slot_of, slots) = recording.place_activations();
        let mut arena = Arena { gpu: Rc::clone(&gpu), activations: vec![], others: vec![] };
        for words in slots {
            arena.activations.push(gpu.storage("activations", words)?);
        }
        // What unused bindings are bound to: one buffer that is only read, another in pieces,
        // since no two bindings that may be written may overlap.
        let unread = arena.other(gpu.storage("unused, read", 64)?);
        let unwritten = arena.other(gpu.storage("unused, written", 64 * 8)?);
        let uniforms = arena.other(gpu.uniforms(recording));
        let activations = &arena.activations;
        let places =
            Places { gpu: &gpu, slot_of, activations, unread: &unread, unwritten: &unwritten };
        let mut steps = Vec::with_capacity(recording.commands.len());
        let mut offset = 0;
        for command in &recording.commands {
            steps.push(match command {
                Command::Dispatch(dispatch) => {
                    let step = places.dispatch(dispatch, &uniforms, offset);
                    offset += ALIGNMENT;
                    step
                }
                Command::Observe(observation) => Step::Observe {
                    source: places.buffer(observation.tensor),
                    observation: observation.clone(),
                },
            });
        }
        let observations = Rc::new(recording.observations().cloned().collect());
        Ok(GpuProgram { steps, arena, observations })
    }

    /// Submits replays, and copies what is observed and what is to be read.
    fn submit(&self, times: u32, positions: &[u32], read: Option<Read>) -> Reading {
        let gpu = &self.arena.gpu;
        let observed: u32 = self.observations.iter().map(Observation::words).sum();
        let words = read.map_or(0, |read| read.words);
        let staging = gpu.staging.take(&gpu.device, observed * times + words);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut at = 0;
        for step in 0..times {
            let positions: Vec<u32> = positions.iter().map(|position| position + step).collect();
            let mut steps = self.steps.iter().peekable();
            while let Some(step) = steps.next() {
                match step {
                    Step::Observe { source, observation } => {
                        for (first, words) in observation.pieces(&positions) {
                            let [first, size] = [first, words].map(|count| 4 * u64::from(count));
                            encoder.copy_buffer_to_buffer(source, first, &staging, at, size);
                            at += size;
                        }
                    }
                    // One pass for all dispatches up to the next copy.
                    Step::Dispatch { .. } => {
                        let is_dispatch = |step: &&Step| matches!(step, Step::Dispatch { .. });
                        let more = std::iter::from_fn(|| steps.next_if(is_dispatch));
                        record_pass(&mut encoder, std::iter::once(step).chain(more));
                    }
                }
            }
        }
        if let Some(Read { buffer, first, words }) = read {
            let [first, words] = [first, words].map(|count| 4 * u64::from(count));
            encoder.copy_buffer_to_buffer(&gpu.buffer(buffer), first, &staging, at, words);
        }
        gpu.queue.submit([encoder.finish()]);
        Reading::new(staging, Rc::clone(&self.observations), times, words)
    }

    /// Submits dispatches by themselves, with nothing to read but that they are done.
    pub(super) fn submit_alone<'a>(&self, steps: impl Iterator<Item = &'a Step>) -> Reading {
        let gpu = &self.arena.gpu;
        let staging = gpu.staging.take(&gpu.device, 0);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        record_pass(&mut encoder, steps);
        // Mapping waits for what the queue does with the buffer, so it has to do something.
        encoder.clear_buffer(&staging, 0, None);
        gpu.queue.submit([encoder.finish()]);
        Reading::new(staging, Rc::default(), 0, 0)
    }
}

impl Program for GpuProgram {
    fn dispatches(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Dispatch { .. })).count()
    }

    fn poison(&self) {
        for buffer in &self.arena.activations {
            let words = vec![f32::NAN; buffer.size() as usize / 4];
            self.arena.gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&words));
        }
    }

    fn run(
        &self,
        times: u32,
        positions: &[u32],
        read: Option<Read>,
    ) -> Later<'static, Result<Output>> {
        let reading = self.submit(times, positions, read);
        let gpu = Rc::clone(&self.arena.gpu);
        Box::pin(async move { reading.finish(&gpu).await })
    }

    fn profile<'a>(
        &'a self,
        repeats: u32,
        now: &'a dyn Fn() -> f64,
    ) -> Later<'a, Result<Vec<Timing>>> {
        Box::pin(self.time_kinds(repeats, now))
    }
}

impl Gpu {
    /// One buffer with the sizes of every dispatch.
    fn uniforms(&self, recording: &Recording) -> wgpu::Buffer {
        let mut bytes = vec![];
        for dispatch in recording.dispatches() {
            let sizes: &[u8] = bytemuck::cast_slice(&dispatch.sizes);
            assert!(sizes.len() <= ALIGNMENT as usize, "{:?}: sizes", dispatch.kernel);
            bytes.extend_from_slice(sizes);
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
        }
        let size = (bytes.len() as u64).max(ALIGNMENT);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("sizes"),
            size,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.allocated.set(self.allocated.get() + size);
        self.queue.write_buffer(&buffer, 0, &bytes);
        buffer
    }
}

fn record_pass<'a>(encoder: &mut wgpu::CommandEncoder, steps: impl Iterator<Item = &'a Step>) {
    let mut pass = encoder.begin_compute_pass(&Default::default());
    for step in steps {
        if let Step::Dispatch { pipeline, bindings, grid: [x, y, z], .. } = step {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, bindings, &[]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
    }
}

/// Where the tensors of one recording are.
struct Places<'a> {
    gpu: &'a Gpu,
    slot_of: Vec<usize>,
    activations: &'a [wgpu::Buffer],
    unread: &'a wgpu::Buffer,
    unwritten: &'a wgpu::Buffer,
}

impl Places<'_> {
    fn buffer(&self, tensor: Tensor) -> wgpu::Buffer {
        match tensor.place {
            Place::Resident(buffer) => self.gpu.buffer(buffer),
            Place::Activation(id) => self.activations[self.slot_of[id as usize]].clone(),
            Place::Nowhere => self.unread.clone(),
        }
    }

    fn dispatch(&self, dispatch: &Dispatch, uniforms: &wgpu::Buffer, offset: u64) -> Step {
        let Gpu { device, pipelines, tuning, .. } = self.gpu;
        let (pipeline, layout) = pipelines.of(device, dispatch, &tuning.get());
        let buffers: Vec<_> = dispatch.tensors.iter().map(|tensor| self.buffer(*tensor)).collect();
        let whole = |buffer| wgpu::BufferBinding { buffer, offset: 0, size: None };
        let piece = |buffer, offset| {
            let size = wgpu::BufferSize::new(ALIGNMENT);
            wgpu::BufferBinding { buffer, offset, size }
        };
        let mut resources = vec![piece(uniforms, offset)];
        for (index, ((_, access), buffer)) in
            dispatch.kernel.bindings.iter().zip(&buffers).enumerate()
        {
            let nowhere = dispatch.tensors[index].place == Place::Nowhere;
            resources.push(match (nowhere, access) {
                (true, Access::Write) => piece(self.unwritten, ALIGNMENT * index as u64),
                _ => whole(buffer),
            });
        }
        let entries: Vec<_> = resources
            .into_iter()
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(resource),
            })
            .collect();
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(dispatch.kernel.name),
            layout: &layout,
            entries: &entries,
        });
        check_aliases(dispatch, &self.slots(dispatch));
        Step::Dispatch { pipeline, bindings, grid: dispatch.grid, work: Work::of(dispatch) }
    }

    /// A number for the buffer that each binding uses.
    fn slots(&self, dispatch: &Dispatch) -> Vec<Option<Place>> {
        let slot = |tensor: &Tensor| match tensor.place {
            Place::Nowhere => None,
            Place::Activation(id) => Some(Place::Activation(self.slot_of[id as usize] as u32)),
            place => Some(place),
        };
        dispatch.tensors.iter().map(slot).collect()
    }
}

/// WebGPU forbids a buffer that one binding writes at any other binding of the same dispatch.
fn check_aliases(dispatch: &Dispatch, slots: &[Option<Place>]) {
    for (i, (name, access)) in dispatch.kernel.bindings.iter().enumerate() {
        let same = |j: &usize| i != *j && slots[i].is_some() && slots[i] == slots[*j];
        let clash = *access == Access::Write && (0..slots.len()).any(|j| same(&j));
        assert!(!clash, "{:?}: {name} shares its buffer", dispatch.kernel);
    }
}
