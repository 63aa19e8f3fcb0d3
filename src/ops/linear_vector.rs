//! Matrix-vector product for decoding: `y[n] = act(Σ_k norm(x)[k] w[n, k] + bias[n]) + residual[n]`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::linear::{self, Product, lanes};
use crate::ops::{groups, norm};
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "linear_vector",
    wgsl: &[
        include_str!("../../shaders/linear_vector.wgsl"),
        include_str!("../../shaders/lib/weight.wgsl"),
        include_str!("../../shaders/lib/epilogue.wgsl"),
    ],
    bindings: &[
        ("x", Access::Read),
        ("gain_bias", Access::Read),
        ("weight", Access::Read),
        ("rows", Access::Read),
        ("residual", Access::Read),
        ("y", Access::Write),
        ("normed", Access::Write),
        ("before", Access::Write),
    ],
    constants: &[
        "WORKGROUP",
        "LANES",
        "TURN",
        "K",
        "NORM",
        "STORAGE",
        "ACTIVATION",
        "RESIDUAL",
        "TRACE",
    ],
    reduces: true,
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    outputs: u32,
    epsilon: f32,
}

/// Records the product, with the norm that makes x as its prologue if that has not run yet.
pub(crate) fn record(tape: &mut Tape, product: Product) {
    let Product { x, matrix, y, residual, before, mut constants } = product;
    let tuning = tape.tuning;
    let lanes = lanes(matrix.inputs, tuning.workgroup);
    let turn = tuning.rows_in_turn.min(lanes);
    let each = (tuning.workgroup / lanes * turn).max(tuning.least_rows);
    tape.absorb(x, |normalised| {
        let (input, gain_bias, normed, epsilon) = match normalised.map(norm::operands) {
            Some(norm) => (norm.x, norm.gain_bias, x, norm.epsilon),
            None => (x, Tensor::NOTHING, Tensor::NOTHING, 0.0),
        };
        constants.extend([
            ("WORKGROUP", f64::from(tuning.workgroup)),
            ("LANES", f64::from(lanes)),
            ("TURN", f64::from(turn)),
            ("NORM", f64::from(normalised.is_some())),
        ]);
        let sizes = Sizes { outputs: matrix.outputs, epsilon };
        Dispatch {
            kernel: &KERNEL,
            constants,
            sizes: bytemuck::cast_slice(&[sizes]).to_vec(),
            tensors: vec![input, gain_bias, matrix.words, matrix.rows, residual, y, normed, before],
            grid: [groups(matrix.outputs, each, tuning.most_workgroups), x.rows(), 1],
        }
    });
}

fn twin(call: &mut Call) {
    let width = call.constant("K") as usize;
    let mut x = floats(&call.buffers[0]).to_vec();
    if call.on("NORM") {
        let Sizes { epsilon, .. } = call.sizes();
        x = norm::normalise(&x, floats(&call.buffers[1]), width, epsilon);
        floats_mut(&mut call.buffers[6])[..x.len()].copy_from_slice(&x);
    }
    linear::twin(call, &x, [2, 3, 4, 5, 7]);
}
