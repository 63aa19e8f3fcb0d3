//! The native adapter.

use glassformer::executor::Device;
use glassformer::executor::gpu::Platform;

use super::report::say;

/// The adapter's device. None at all is a failure, not a reason to skip.
pub fn gpu() -> Device {
    let device = pollster::block_on(Device::gpu(Platform::native())).expect("an adapter");
    say(&format!("adapter: {}, {:?}", device.adapter().name, device.tuning()));
    device
}
