//! Matrix-vector product for decoding: `y[n] = act(Σ_k p(x)[k] w[n, k] + bias[n]) + residual[n]`, where p is what stands before it.

use crate::kernel::{Access, Call, Kernel, Size, Word};
use crate::ops::activation::Activation;
use crate::ops::linear::{self, Product, lanes};
use crate::ops::norm::{self, Kind};
use crate::ops::{gate, groups};
use crate::recording::Dispatch;
use crate::tensor::Tensor;
use crate::tuning::Tuning;

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
    ],
    sizes: &[("T", Word::U32), ("N", Word::U32), ("epsilon", Word::F32)],
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
    fast: None,
};

/// What is done to x before it is multiplied, by the shader's numbers.
const LAYER_NORM: u32 = 1;
const RMS_NORM: u32 = 2;
const GATED: u32 = 3;

/// The product, with nothing before it.
pub(crate) fn dispatch(tuning: Tuning, product: Product) -> Dispatch {
    let Product { x, matrix, residual, y, constants } = product;
    let lanes = lanes(matrix.inputs, tuning.workgroup);
    let turn = tuning.rows_in_turn.min(lanes);
    let each = (tuning.workgroup / lanes * turn).max(tuning.least_rows);
    let tensors = [
        ("x", x),
        ("gain_bias", Tensor::NOTHING),
        ("weight", matrix.words),
        ("rows", matrix.rows),
        ("residual", residual),
        ("y", y),
        ("prepared", Tensor::NOTHING),
    ];
    Dispatch::new(&KERNEL, tensors)
        .sizes([("T", x.rows().into()), ("N", matrix.outputs.into()), ("epsilon", Size::F32(0.0))])
        .constants(constants)
        .constants([
            ("WORKGROUP", tuning.workgroup.into()),
            ("LANES", lanes.into()),
            ("TURN", turn.into()),
            ("PROLOGUE", 0.0),
            ("GATE", 0.0),
        ])
        .grid([groups(matrix.outputs, each, tuning.most_workgroups), x.rows(), 1])
}

/// `reader` with what `maker` does as its prologue, if it can be: it reads the result as its x, at
/// no other binding, and has no prologue yet.
pub(crate) fn taking_in(maker: &Dispatch, reader: &Dispatch) -> Option<Dispatch> {
    let [made, x] = [maker.tensor("y"), reader.tensor("x")];
    let once = reader.tensors.iter().filter(|tensor| tensor.shares(made)).count() == 1;
    let whole = x.shares(made) && x.len() == made.len() && x.width() == made.width();
    if !once || !whole || reader.constant("PROLOGUE") != Some(0.0) {
        return None;
    }
    let mut fused = reader.clone();
    let prologue = match maker.kernel.name {
        "norm" => {
            fused.rebind("gain_bias", maker.tensor("gain_bias"));
            fused.resize("epsilon", f32::from_bits(maker.size("epsilon")).into());
            match [maker.constant("RMS")?, maker.constant("BIAS")?] {
                [0.0, 1.0] => LAYER_NORM,
                [1.0, _] => RMS_NORM,
                // A layer norm without a bias is nobody's own.
                _ => return None,
            }
        }
        "gate" => {
            fused.reset("GATE", maker.constant("GATE")?);
            GATED
        }
        _ => return None,
    };
    fused.reset("PROLOGUE", prologue.into());
    fused.rebind("x", maker.tensor("x"));
    fused.rebind("prepared", made);
    Some(fused)
}

fn twin(call: &Call) {
    let width = call.constant("K");
    let is_gated = call.constant("PROLOGUE") as u32 == GATED;
    let given = call.values("x");
    // A second plane behind the rows is somebody else's.
    let x = &given[..call.size("T") * if is_gated { 2 * width } else { width }];
    let normal =
        |kind| norm::normalise(x, &call.values("gain_bias"), width, kind, call.real("epsilon"));
    let prepared = match call.constant("PROLOGUE") as u32 {
        LAYER_NORM => normal(Kind::Layer),
        RMS_NORM => normal(Kind::Rms),
        GATED => gate::gated(x, width, Activation::ALL[call.constant("GATE")]),
        _ => return linear::twin(call, x),
    };
    call.values_mut("prepared")[..prepared.len()].copy_from_slice(&prepared);
    linear::twin(call, &prepared);
}
