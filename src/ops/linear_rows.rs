//! Register-tiled product: `y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n]`.

use crate::kernel::Kernel;
use crate::ops::groups;
use crate::ops::linear::{self, Product, lanes};
use crate::recording::Dispatch;
use crate::tuning::Tuning;

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
    sizes: linear::SIZES,
    constants: &["WORKGROUP", "LANES", "K", "STORAGE", "ACTIVATION", "RESIDUAL", "TRACE"],
    sized: &["weight", "rows"],
    reduces: true,
    twin: linear::twin_of_rows,
    fast: None,
};

/// Rows of x that a workgroup holds in registers.
const ROWS: u32 = 4;

/// The product.
pub(crate) fn dispatch(tuning: Tuning, product: Product) -> Dispatch {
    let Product { x, matrix, constants, .. } = product;
    let lanes = lanes(matrix.inputs, tuning.workgroup);
    let down = x.rows().div_ceil(ROWS);
    let each = (tuning.workgroup / lanes).max(tuning.least_rows);
    let across = groups(matrix.outputs, each, (tuning.most_workgroups / down).max(1));
    linear::of_rows(&KERNEL, &product)
        .constants(constants)
        .constants([("WORKGROUP", tuning.workgroup.into()), ("LANES", lanes.into())])
        .grid([across, down, 1])
}
