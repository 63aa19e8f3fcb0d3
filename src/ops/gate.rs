//! Gated activation: `y[t, k] = act(x[t, k]) · x[t, K + k]`.

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::activation::Activation;
use crate::ops::groups;
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "gate",
    wgsl: &[
        include_str!("../../shaders/gate.wgsl"),
        include_str!("../../shaders/lib/activation.wgsl"),
    ],
    bindings: &[("x", Access::Read), ("y", Access::Write)],
    constants: &["WORKGROUP", "K", "GATE"],
    sized: &[],
    reduces: false,
    twin,
};

impl Tape {
    /// `x` `[.., 2K]`, gates and then what they let through, gives `[.., K]`. A matrix-vector
    /// product that reads the result first does this itself.
    pub fn gate(&mut self, x: Tensor, activation: Activation) -> Tensor {
        let mut shape = x.shape().to_vec();
        let width = x.width() / 2;
        *shape.last_mut().expect("x has an axis") = width;
        let y = self.activation(&shape);
        let workgroup = self.tuning.workgroup;
        let dispatch = Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("WORKGROUP", f64::from(workgroup)),
                ("K", f64::from(width)),
                ("GATE", f64::from(activation as u32)),
            ],
            sizes: vec![x.rows()],
            tensors: vec![x, y],
            grid: [groups(y.len() / 4, workgroup, self.tuning.most_workgroups), 1, 1],
        };
        self.defer(dispatch, y);
        y
    }
}

/// The twins' formula.
pub(crate) fn gated(x: &[f32], width: usize, activation: Activation) -> Vec<f32> {
    let halves = x.chunks_exact(2 * width).map(|row| row.split_at(width));
    let values = halves.flat_map(|(gates, ups)| gates.iter().zip(ups));
    values.map(|(gate, up)| (activation.of(f64::from(*gate)) * f64::from(*up)) as f32).collect()
}

fn twin(call: &mut Call) {
    let width = call.constant("K") as usize;
    let activation = Activation::ALL[call.constant("GATE") as usize];
    let rows = call.sizes[0] as usize;
    let y = gated(&floats(&call.buffers[0])[..rows * 2 * width], width, activation);
    floats_mut(&mut call.buffers[1])[..y.len()].copy_from_slice(&y);
}
