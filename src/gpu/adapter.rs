//! Finds an adapter and opens its device with all that the adapter allows.

use crate::error::{Error, Result};
use crate::tuning::AdapterFacts;

/// What an adapter is called, and what kernels are tuned by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterNames {
    /// e.g. `NVIDIA GeForce RTX 4070`
    pub name: String,
    /// e.g. `nvidia`
    pub vendor: String,
    /// e.g. `ada lovelace`
    pub architecture: String,
    /// What the tuning table asks.
    pub facts: AdapterFacts,
}

pub(super) struct Opened {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub names: AdapterNames,
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
    let names = AdapterNames {
        name: info.name,
        vendor: format!("{:#06x}", info.vendor),
        architecture: info.driver,
        facts,
    };
    Ok(Opened { device, queue, names })
}
