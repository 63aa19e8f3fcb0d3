//! The native adapter.

use glassformer::device::Device;
use glassformer::gpu::{Gpu, Platform};

use super::report::say;

/// The adapter's device. None at all is a failure, not a reason to skip.
pub fn gpu() -> Device {
    let gpu = pollster::block_on(Gpu::open(Platform::native())).expect("an adapter");
    say(&format!("adapter: {}, {:?}", gpu.names().name, gpu.tuning()));
    Device::Gpu(Box::new(gpu))
}
