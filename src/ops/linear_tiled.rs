//! Shared-memory product: `y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n]`.

use crate::kernel::Kernel;
use crate::ops::linear::{self, Product};
use crate::recording::Dispatch;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "linear_tiled",
    wgsl: &[
        include_str!("../../shaders/linear_tiled.wgsl"),
        include_str!("../../shaders/lib/weight.wgsl"),
        include_str!("../../shaders/lib/epilogue.wgsl"),
        include_str!("../../shaders/lib/activation.wgsl"),
    ],
    bindings: linear::BINDINGS,
    sizes: linear::SIZES,
    constants: &["K", "STORAGE", "ACTIVATION", "RESIDUAL", "TRACE"],
    sized: &["weight", "rows"],
    reduces: false,
    twin: linear::twin_of_rows,
    fast: None,
};

/// Rows and columns of the tile of a workgroup.
const TILE: u32 = 32;

/// The product.
pub(crate) fn dispatch(product: Product) -> Dispatch {
    let across = product.matrix.outputs.div_ceil(TILE);
    let down = product.x.rows().div_ceil(TILE);
    linear::of_rows(&KERNEL, &product).constants(product.constants).grid([across, down, 1])
}
