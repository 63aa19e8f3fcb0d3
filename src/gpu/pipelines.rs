//! Pipelines and bind group layouts, made once for each kernel and set of constants.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::kernel::{Access, Kernel};
use crate::ops;
use crate::recording::Recording;
use crate::tape::Dispatch;

#[derive(Default)]
pub(super) struct Pipelines {
    kernels: RefCell<HashMap<(&'static str, bool), KernelParts>>,
    pipelines: RefCell<HashMap<String, wgpu::ComputePipeline>>,
}

/// What all pipelines of a kernel share.
#[derive(Clone)]
struct KernelParts {
    module: wgpu::ShaderModule,
    bindings: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
}

impl Pipelines {
    /// The pipeline of a dispatch, and the layout of its bind group.
    pub fn of(
        &self,
        device: &wgpu::Device,
        dispatch: &Dispatch,
        subgroups: bool,
    ) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
        let known = self.pipelines.borrow().get(&key(dispatch, subgroups)).cloned();
        let pipeline = known.unwrap_or_else(|| {
            let pipeline = self.make(device, dispatch, subgroups);
            let key = key(dispatch, subgroups);
            self.pipelines.borrow_mut().insert(key, pipeline.clone());
            pipeline
        });
        (pipeline, self.parts(device, dispatch.kernel, subgroups).bindings)
    }

    /// A dispatch for each pipeline that recordings need and that has not been made.
    pub fn missing<'a>(&self, recordings: &[&'a Recording], subgroups: bool) -> Vec<&'a Dispatch> {
        let pipelines = self.pipelines.borrow();
        let dispatches = recordings.iter().flat_map(|recording| recording.dispatches());
        let keyed = dispatches.map(|dispatch| (key(dispatch, subgroups), dispatch));
        let missing = keyed.filter(|(key, _)| !pipelines.contains_key(key));
        missing.collect::<HashMap<_, _>>().into_values().collect()
    }

    /// Makes the pipeline of a dispatch.
    pub fn make(
        &self,
        device: &wgpu::Device,
        dispatch: &Dispatch,
        subgroups: bool,
    ) -> wgpu::ComputePipeline {
        let parts = self.parts(device, dispatch.kernel, subgroups);
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&key(dispatch, subgroups)),
            layout: Some(&parts.layout),
            module: &parts.module,
            entry_point: Some(dispatch.kernel.name),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &dispatch.constants,
                ..Default::default()
            },
            cache: None,
        })
    }

    fn parts(
        &self,
        device: &wgpu::Device,
        kernel: &'static Kernel,
        subgroups: bool,
    ) -> KernelParts {
        debug_assert!(ops::ALL.iter().any(|known| known.name == kernel.name), "{kernel:?}");
        let mut kernels = self.kernels.borrow_mut();
        let make = || KernelParts::new(device, kernel, subgroups);
        kernels.entry((kernel.name, subgroups)).or_insert_with(make).clone()
    }
}

impl KernelParts {
    fn new(device: &wgpu::Device, kernel: &Kernel, subgroups: bool) -> KernelParts {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(kernel.source(subgroups).into()),
        });
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
        KernelParts { module, bindings, layout }
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

fn key(dispatch: &Dispatch, subgroups: bool) -> String {
    let start = format!("{} subgroups={subgroups}", dispatch.kernel.name);
    let constants = dispatch.constants.iter().map(|(name, value)| format!(" {name}={value}"));
    std::iter::once(start).chain(constants).collect()
}
