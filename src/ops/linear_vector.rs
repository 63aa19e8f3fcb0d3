//! Matrix-vector product for decoding: `y[n] = act(Σ_k p(x)[k] w[n, k] + bias[n]) + residual[n]`, where p is what stands before it.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::activation::Activation;
use crate::ops::linear::{self, Product, lanes};
use crate::ops::norm::{self, Kind, Norm};
use crate::ops::{gate, groups};
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "linear_vector",
    wgsl: &[
        include_str!("../../shaders/linear_vector.wgsl"),
        include_str!("../../shaders/lib/weight.wgsl"),
        include_str!("../../shaders/lib/epilogue.wgsl"),
        include_str!("../../shaders/lib/activation.wgsl"),
    ],
    bindings: &[
        ("x", Access::Read),
        ("gain_bias", Access::Read),
        ("weight", Access::Read),
        ("rows", Access::Read),
        ("residual", Access::Read),
        ("y", Access::Write),
        ("prepared", Access::Write),
        ("before", Access::Write),
    ],
    constants: &[
        "WORKGROUP",
        "LANES",
        "TURN",
        "K",
        "PROLOGUE",
        "GATE",
        "STORAGE",
        "ACTIVATION",
        "RESIDUAL",
        "TRACE",
    ],
    sized: &["weight", "rows"],
    reduces: true,
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    outputs: u32,
    epsilon: f32,
}

/// What is done to x before it is multiplied; the numbers are those of the shader.
#[derive(Default)]
struct Prologue {
    code: u32,
    gain_bias: Option<Tensor>,
    epsilon: f32,
    gate: f64,
}

/// What a deferred dispatch reads, and does to it.
fn prologue(dispatch: &Dispatch) -> (Tensor, Prologue) {
    match dispatch.kernel.name {
        "norm" => {
            let (x, Norm { kind, gain_bias, epsilon }) = norm::operands(dispatch);
            let code = [1, 2][usize::from(kind == Kind::Rms)];
            (x, Prologue { code, gain_bias: Some(gain_bias), epsilon, gate: 0.0 })
        }
        "gate" => {
            let gate = dispatch.constants.iter().find(|(name, _)| *name == "GATE");
            let gate = gate.map_or(0.0, |(_, activation)| *activation);
            (dispatch.tensors[0], Prologue { code: 3, gate, ..Prologue::default() })
        }
        other => panic!("linear_vector: {other} is no prologue"),
    }
}

/// Records the product, with what makes x as its prologue if that has not run yet.
pub(crate) fn record(tape: &mut Tape, product: Product) {
    let Product { x, matrix, y, residual, before, mut constants } = product;
    let tuning = tape.tuning;
    let lanes = lanes(matrix.inputs, tuning.workgroup);
    let turn = tuning.rows_in_turn.min(lanes);
    let each = (tuning.workgroup / lanes * turn).max(tuning.least_rows);
    tape.absorb(x, |deferred| {
        let (input, prologue) = deferred.map_or((x, Prologue::default()), prologue);
        let Prologue { code, gain_bias, epsilon, gate } = prologue;
        let gain_bias = gain_bias.unwrap_or(Tensor::NOTHING);
        let prepared = if code == 0 { Tensor::NOTHING } else { x };
        constants.extend([
            ("WORKGROUP", f64::from(tuning.workgroup)),
            ("LANES", f64::from(lanes)),
            ("TURN", f64::from(turn)),
            ("PROLOGUE", f64::from(code)),
            ("GATE", gate),
        ]);
        let sizes = Sizes { outputs: matrix.outputs, epsilon };
        Dispatch {
            kernel: &KERNEL,
            constants,
            sizes: bytemuck::cast_slice(&[sizes]).to_vec(),
            tensors: vec![
                input,
                gain_bias,
                matrix.words,
                matrix.rows,
                residual,
                y,
                prepared,
                before,
            ],
            grid: [groups(matrix.outputs, each, tuning.most_workgroups), x.rows(), 1],
        }
    });
}

fn twin(call: &mut Call) {
    let width = call.constant("K") as usize;
    let Sizes { epsilon, .. } = call.sizes();
    let x = floats(&call.buffers[0]);
    let norm = |kind| norm::normalise(x, floats(&call.buffers[1]), width, kind, epsilon);
    let x = match call.constant("PROLOGUE") {
        1 => norm(Kind::Layer),
        2 => norm(Kind::Rms),
        3 => gate::gated(x, width, Activation::ALL[call.constant("GATE") as usize]),
        _ => x.to_vec(),
    };
    if call.constant("PROLOGUE") != 0 {
        floats_mut(&mut call.buffers[6])[..x.len()].copy_from_slice(&x);
    }
    linear::twin(call, &x, [2, 3, 4, 5, 7]);
}
