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
    constants: &["WORKGROUP", "LANES", "K"],
    reduces: true,
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    rows: u32,
    epsilon: f32,
}

impl Tape {
    /// `x` `[.., K]` normalised over its last axis; `gain_bias` is `[2, K]`. A matrix-vector
    /// product that reads the result first does the norm itself.
    pub fn norm(&mut self, x: Tensor, gain_bias: Tensor, epsilon: f32) -> Tensor {
        assert_eq!(gain_bias.shape(), [2, x.width()], "norm: gain and bias for {:?}", x.shape());
        let y = self.activation(x.shape());
        let lanes = self.tuning.workgroup;
        let dispatch = Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("WORKGROUP", f64::from(lanes)),
                ("LANES", f64::from(lanes)),
                ("K", f64::from(x.width())),
            ],
            sizes: bytemuck::cast_slice(&[Sizes { rows: x.rows(), epsilon }]).to_vec(),
            tensors: vec![x, gain_bias, y],
            grid: [groups(x.rows(), 1, self.tuning.most_workgroups), 1, 1],
        };
        self.defer(dispatch, y);
        y
    }
}

/// What a product needs to know of a norm that it takes in.
pub(crate) struct Operands {
    pub x: Tensor,
    pub gain_bias: Tensor,
    pub epsilon: f32,
}

/// The operands of a recorded norm.
pub(crate) fn operands(dispatch: &Dispatch) -> Operands {
    let sizes: Sizes = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&dispatch.sizes));
    let [x, gain_bias, _] = dispatch.tensors[..] else { unreachable!("norm has three bindings") };
    Operands { x, gain_bias, epsilon: sizes.epsilon }
}

/// The twins' formula.
pub(crate) fn normalise(x: &[f32], gain_bias: &[f32], width: usize, epsilon: f32) -> Vec<f32> {
    let (gain, bias) = gain_bias.split_at(width);
    let mut y = Vec::with_capacity(x.len());
    for row in x.chunks_exact(width) {
        let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / width as f64;
        let squares = row.iter().map(|x| (f64::from(*x) - mean).powi(2));
        let variance = squares.sum::<f64>() / width as f64;
        let deviation = (variance + f64::from(epsilon)).sqrt();
        y.extend(row.iter().zip(gain.iter().zip(bias)).map(|(x, (gain, bias))| {
            ((f64::from(*x) - mean) / deviation * f64::from(*gain) + f64::from(*bias)) as f32
        }));
    }
    y
}

fn twin(call: &mut Call) {
    let Sizes { rows, epsilon } = call.sizes();
    let width = call.constant("K") as usize;
    let x = &floats(&call.buffers[0])[..rows as usize * width];
    let y = normalise(x, floats(&call.buffers[1]), width, epsilon);
    floats_mut(&mut call.buffers[2])[..y.len()].copy_from_slice(&y);
}
