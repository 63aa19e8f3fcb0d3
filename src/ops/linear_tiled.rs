//! Shared-memory product: `y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n]`.

use crate::kernel::Kernel;
use crate::ops::linear::{self, Product};
use crate::tape::{Dispatch, Tape};

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
    constants: &["K", "STORAGE", "ACTIVATION", "RESIDUAL", "TRACE"],
    sized: &["weight", "rows"],
    reduces: false,
    twin: linear::twin_of_rows,
};

/// Rows and columns of the tile of a workgroup.
const TILE: u32 = 32;

/// Records the product; its sizes are T and N.
pub(crate) fn record(tape: &mut Tape, product: Product) {
    let Product { x, matrix, y, residual, before, constants } = product;
    tape.dispatch(Dispatch {
        kernel: &KERNEL,
        constants,
        sizes: vec![x.rows(), matrix.outputs],
        tensors: vec![x, matrix.words, matrix.rows, residual, y, before],
        grid: [matrix.outputs.div_ceil(TILE), x.rows().div_ceil(TILE), 1],
    });
}
