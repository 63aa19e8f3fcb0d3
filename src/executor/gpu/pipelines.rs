//! Pipelines and bind group layouts, made once for each kernel and set of constants.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::kernel::{Access, Kernel};
use crate::ops;
use crate::recording::{Dispatch, Recording};
use crate::tuning::Tuning;

/// A kernel's name, whether it reduces by subgroups, and the lengths that are compiled in.
type ModuleKey = (&'static str, bool, Vec<u32>);

#[derive(Default)]
pub(super) struct Pipelines {
    layouts: RefCell<HashMap<&'static str, Layout>>,
    modules: RefCell<HashMap<ModuleKey, wgpu::ShaderModule>>,
    pipelines: RefCell<HashMap<String, wgpu::ComputePipeline>>,
}

/// What all pipelines of a kernel share.
#[derive(Clone)]
struct Layout {
    bindings: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
}

impl Pipelines {
    /// The pipeline of a dispatch, and the layout of its bind group.
    pub fn of(
        &self,
        device: &wgpu::Device,
        dispatch: &Dispatch,
        tuning: &Tuning,
    ) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
        let mut pipelines = self.pipelines.borrow_mut();
        let pipeline = pipelines
            .entry(key(dispatch, tuning))
            .or_insert_with(|| self.make(device, dispatch, tuning))
            .clone();
        (pipeline, self.layout(device, dispatch.kernel).bindings)
    }

    /// A dispatch for each pipeline that recordings need and that has not been made.
    pub fn missing<'a>(&self, recordings: &[&'a Recording], tuning: &Tuning) -> Vec<&'a Dispatch> {
        let pipelines = self.pipelines.borrow();
        let dispatches = recordings.iter().flat_map(|recording| recording.dispatches());
        let keyed = dispatches.map(|dispatch| (key(dispatch, tuning), dispatch));
        let missing = keyed.filter(|(key, _)| !pipelines.contains_key(key));
        missing.collect::<HashMap<_, _>>().into_values().collect()
    }

    /// Makes the pipeline of a dispatch.
    pub fn make(
        &self,
        device: &wgpu::Device,
        dispatch: &Dispatch,
        tuning: &Tuning,
    ) -> wgpu::ComputePipeline {
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&key(dispatch, tuning)),
            layout: Some(&self.layout(device, dispatch.kernel).layout),
            module: &self.module(device, dispatch, tuning),
            entry_point: Some(dispatch.kernel.name),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &dispatch.constants,
                ..Default::default()
            },
            cache: None,
        })
    }

    fn module(
        &self,
        device: &wgpu::Device,
        dispatch: &Dispatch,
        tuning: &Tuning,
    ) -> wgpu::ShaderModule {
        let kernel = dispatch.kernel;
        let words = sized_words(dispatch, tuning);
        let make = || {
            let source = kernel.sized_source(tuning.subgroups, &words);
            device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(kernel.name),
                source: wgpu::ShaderSource::Wgsl(source.into()),
            })
        };
        let key = (kernel.name, tuning.subgroups, words.clone());
        self.modules.borrow_mut().entry(key).or_insert_with(make).clone()
    }

    fn layout(&self, device: &wgpu::Device, kernel: &'static Kernel) -> Layout {
        debug_assert!(ops::ALL.iter().any(|known| known.name == kernel.name), "{kernel:?}");
        let mut layouts = self.layouts.borrow_mut();
        layouts.entry(kernel.name).or_insert_with(|| Layout::new(device, kernel)).clone()
    }
}

impl Layout {
    fn new(device: &wgpu::Device, kernel: &Kernel) -> Layout {
        let uniform = entry(0, wgpu::BufferBindingType::Uniform);
        let storage = kernel.bindings.iter().zip(1..).map(|((_, access), binding)| {
            let read_only = *access == Access::Read;
            entry(binding, wgpu::BufferBindingType::Storage { read_only })
        });
        let entries: Vec<_> = std::iter::once(uniform).chain(storage).collect();
        let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(kernel.name),
            entries: &entries,
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        Layout { bindings, layout }
    }
}

fn entry(binding: u32, ty: wgpu::BufferBindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}

fn key(dispatch: &Dispatch, tuning: &Tuning) -> String {
    let start = format!("{} subgroups={}", dispatch.kernel.name, tuning.subgroups);
    let constants = dispatch.constants.iter().map(|(name, value)| format!(" {name}={value}"));
    let lengths = dispatch.kernel.sized.iter().zip(sized_words(dispatch, tuning));
    let lengths = lengths.map(|(name, words)| format!(" {name}[{words}]"));
    std::iter::once(start).chain(constants).chain(lengths).collect()
}

/// The lengths that go into a pipeline's text.
fn sized_words(dispatch: &Dispatch, tuning: &Tuning) -> Vec<u32> {
    if !tuning.known_lengths {
        return vec![];
    }
    dispatch.kernel.sized.iter().map(|name| dispatch.tensor(name).len()).collect()
}
