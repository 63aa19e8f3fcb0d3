//! Layer norm: `y = (x − mean) / √(variance + ε) · gain + bias`, over each row.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::groups;
use crate::recording::Dispatch;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "norm",
    wgsl: &[include_str!("../../shaders/norm.wgsl")],
    bindings: &[("x", Access::Read), ("gain_bias", Access::Read), ("y", Access::Write)],
    sizes: &[("T", Word::U32), ("epsilon", Word::F32)],
    constants: &["WORKGROUP", "LANES", "K", "RMS", "BIAS"],
    sized: &[],
    reduces: true,
    twin,
    fast: None,
};

/// Which norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By mean and variance, with a bias.
    Layer,
    /// By the root of the mean square: no mean, no bias.
    Rms,
}

impl Kind {
    /// `layer` or `rms`, as the npm package spells it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Layer => "layer",
            Kind::Rms => "rms",
        }
    }
}

/// A norm with its weights.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    /// Which.
    pub kind: Kind,
    /// `[2, K]`: gain and bias; `[1, K]` without one. RMS norm has none.
    pub gain_bias: Tensor,
    /// ε, added to the variance.
    pub epsilon: f32,
}

impl Tape {
    /// `x` `[.., K]` normalised over its last axis.
    pub fn norm(&mut self, x: Tensor, norm: &Norm) -> Tensor {
        let Norm { kind, gain_bias, epsilon } = *norm;
        assert_eq!(gain_bias.width(), x.width(), "norm: weights for {:?}", x.shape());
        let has_bias = kind == Kind::Layer && gain_bias.rows() == 2;
        let y = self.activation(x.shape());
        let lanes = self.tuning.workgroup;
        self.dispatch(
            Dispatch::new(&KERNEL, [("x", x), ("gain_bias", gain_bias), ("y", y)])
                .sizes([("T", x.rows().into()), ("epsilon", epsilon.into())])
                .constants([
                    ("WORKGROUP", lanes.into()),
                    ("LANES", lanes.into()),
                    ("K", x.width().into()),
                    ("RMS", (kind == Kind::Rms).into()),
                    ("BIAS", has_bias.into()),
                ])
                .grid([groups(x.rows(), 1, self.tuning.most_workgroups), 1, 1]),
        );
        y
    }
}

/// The twins' formula.
pub(crate) fn normalise(
    x: &[f32],
    gain_bias: &[f32],
    width: usize,
    kind: Kind,
    epsilon: f32,
) -> Vec<f32> {
    let (gain, bias) = gain_bias.split_at(width);
    let mut y = Vec::with_capacity(x.len());
    for row in x.chunks_exact(width) {
        let values = || row.iter().map(|x| f64::from(*x));
        let mean = if kind == Kind::Rms { 0.0 } else { values().sum::<f64>() / width as f64 };
        let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let deviation = (variance + f64::from(epsilon)).sqrt();
        y.extend(values().zip(gain).enumerate().map(|(k, (x, gain))| {
            let bias = if kind == Kind::Rms { 0.0 } else { bias.get(k).copied().unwrap_or(0.0) };
            ((x - mean) / deviation * f64::from(*gain) + f64::from(bias)) as f32
        }));
    }
    y
}

fn twin(call: &Call) {
    let width = call.constant("K");
    let kind = if call.on("RMS") { Kind::Rms } else { Kind::Layer };
    let x = &call.values("x")[..call.size("T") * width];
    let y = normalise(x, &call.values("gain_bias"), width, kind, call.real("epsilon"));
    call.values_mut("y")[..y.len()].copy_from_slice(&y);
}
