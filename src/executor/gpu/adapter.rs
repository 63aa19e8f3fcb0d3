//! Finds an adapter and opens its device with all that the adapter allows.

use crate::error::{Error, Result};
use crate::executor::Adapter;
use crate::tuning::AdapterFacts;

pub(super) struct Opened {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub adapter: Adapter,
}

pub(super) async fn open() -> Result<Opened> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = instance
        .request_adapter(&options)
        .await
        .map_err(|error| Error::NoWebGpu { found: error.to_string() })?;
    // Subgroups are not a feature that wgpu knows on the web; the wrapper around requestDevice
    // asks for them there.
    let wanted = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY;
    let features = adapter.features() & wanted;
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("glassformer"),
        required_features: features,
        required_limits: adapter.limits(),
        ..Default::default()
    };
    let (device, queue) = adapter
        .request_device(&descriptor)
        .await
        .map_err(|error| Error::NoWebGpu { found: error.to_string() })?;
    let info = adapter.get_info();
    let subgroups = features.contains(wgpu::Features::SUBGROUP);
    let facts = AdapterFacts {
        subgroup_size: if subgroups { info.subgroup_min_size } else { 0 },
        software: info.device_type == wgpu::DeviceType::Cpu,
    };
    let described = Adapter {
        backend: "WebGPU",
        name: info.name,
        vendor: format!("{:#06x}", info.vendor),
        architecture: info.driver,
        facts,
    };
    Ok(Opened { device, queue, adapter: described })
}
