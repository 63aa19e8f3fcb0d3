//! Shared-memory product: `y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n]`.

use crate::kernel::{Access, Call, Kernel, floats};
use crate::ops::linear::{self, Product};
use crate::tape::{Dispatch, Tape};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "linear_tiled",
    wgsl: &[
        include_str!("../../shaders/linear_tiled.wgsl"),
        include_str!("../../shaders/lib/weight.wgsl"),
        include_str!("../../shaders/lib/epilogue.wgsl"),
    ],
    bindings: &[
        ("x", Access::Read),
        ("weight", Access::Read),
        ("rows", Access::Read),
        ("residual", Access::Read),
        ("y", Access::Write),
        ("before", Access::Write),
    ],
    constants: &["K", "STORAGE", "ACTIVATION", "RESIDUAL", "TRACE"],
    reduces: false,
    twin,
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

fn twin(call: &mut Call) {
    let x = floats(&call.buffers[0]).to_vec();
    linear::twin(call, &x, [1, 2, 3, 4, 5]);
}
