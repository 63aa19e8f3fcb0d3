//! Layer norm: `y = (x − mean) / √(variance + ε) · gain + bias`, over each row.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::groups;
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "norm",
    wgsl: &[include_str!("../../shaders/norm.wgsl")],
    bindings: &[("x", Access::Read), ("gain_bias", Access::Read), ("y", Access::Write)],
    constants: &["WORKGROUP", "LANES", "K", "RMS"],
    sized: &[],
    reduces: true,
    twin,
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
    /// `[2, K]`: gain and bias; `[1, K]` for RMS norm.
    pub gain_bias: Tensor,
    /// ε, added to the variance.
    pub epsilon: f32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    rows: u32,
    epsilon: f32,
}

impl Tape {
    /// `x` `[.., K]` normalised over its last axis. A matrix-vector product that reads the result
    /// first does the norm itself.
    pub fn norm(&mut self, x: Tensor, norm: &Norm) -> Tensor {
        let Norm { kind, gain_bias, epsilon } = *norm;
        let rows = [1, 2][usize::from(kind == Kind::Layer)];
        assert_eq!(gain_bias.shape(), [rows, x.width()], "norm: weights for {:?}", x.shape());
        let y = self.activation(x.shape());
        let lanes = self.tuning.workgroup;
        let dispatch = Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("WORKGROUP", f64::from(lanes)),
                ("LANES", f64::from(lanes)),
                ("K", f64::from(x.width())),
                ("RMS", f64::from(kind == Kind::Rms)),
            ],
            sizes: bytemuck::cast_slice(&[Sizes { rows: x.rows(), epsilon }]).to_vec(),
            tensors: vec![x, gain_bias, y],
            grid: [groups(x.rows(), 1, self.tuning.most_workgroups), 1, 1],
        };
        self.defer(dispatch, y);
        y
    }
}

/// The norm that a dispatch makes, and of what.
pub(crate) fn operands(dispatch: &Dispatch) -> (Tensor, Norm) {
    let sizes: Sizes = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&dispatch.sizes));
    let [x, gain_bias, _] = dispatch.tensors[..] else { unreachable!("norm has three bindings") };
    let kind = match dispatch.constants.contains(&("RMS", 1.0)) {
        true => Kind::Rms,
        false => Kind::Layer,
    };
    (x, Norm { kind, gain_bias, epsilon: sizes.epsilon })
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
            let bias = bias.get(k).copied().unwrap_or(0.0);
            ((x - mean) / deviation * f64::from(*gain) + f64::from(bias)) as f32
        }));
    }
    y
}

fn twin(call: &mut Call) {
    let Sizes { rows, epsilon } = call.sizes();
    let width = call.constant("K") as usize;
    let kind = if call.on("RMS") { Kind::Rms } else { Kind::Layer };
    let x = &floats(&call.buffers[0])[..rows as usize * width];
    let y = normalise(x, floats(&call.buffers[1]), width, kind, epsilon);
    floats_mut(&mut call.buffers[2])[..y.len()].copy_from_slice(&y);
}
