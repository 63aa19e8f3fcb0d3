//! Register-tiled product: `y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n]`.

use crate::kernel::Kernel;
use crate::ops::groups;
use crate::ops::linear::{self, Product, lanes};
use crate::tape::{Dispatch, Tape};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "linear_rows",
    wgsl: &[
        include_str!("../../shaders/linear_rows.wgsl"),
        include_str!("../../shaders/lib/weight.wgsl"),
        include_str!("../../shaders/lib/epilogue.wgsl"),
        include_str!("../../shaders/lib/activation.wgsl"),
    ],
    bindings: linear::BINDINGS,
    constants: &["WORKGROUP", "LANES", "K", "STORAGE", "ACTIVATION", "RESIDUAL", "TRACE"],
    sized: &["weight", "rows"],
    reduces: true,
    twin: linear::twin_of_rows,
};

/// Rows of x that a workgroup holds in registers.
const ROWS: u32 = 4;

/// Records the product; its sizes are T and N.
pub(crate) fn record(tape: &mut Tape, product: Product) {
    let Product { x, matrix, y, residual, before, mut constants } = product;
    let tuning = tape.tuning;
    let lanes = lanes(matrix.inputs, tuning.workgroup);
    constants.extend([("WORKGROUP", f64::from(tuning.workgroup)), ("LANES", f64::from(lanes))]);
    let down = x.rows().div_ceil(ROWS);
    let each = (tuning.workgroup / lanes).max(tuning.least_rows);
    let across = groups(matrix.outputs, each, (tuning.most_workgroups / down).max(1));
    tape.dispatch(Dispatch {
        kernel: &KERNEL,
        constants,
        sizes: vec![x.rows(), matrix.outputs],
        tensors: vec![x, matrix.words, matrix.rows, residual, y, before],
        grid: [across, down, 1],
    });
}
