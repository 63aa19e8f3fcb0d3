//! Gated activation: `y[t, k] = act(x[t, k]) · x[t, K + k]`.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::activation::Activation;
use crate::ops::groups;
use crate::recording::Dispatch;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "gate",
    wgsl: &[
        include_str!("../../shaders/gate.wgsl"),
        include_str!("../../shaders/lib/activation.wgsl"),
    ],
    bindings: &[("x", Access::Read), ("y", Access::Write)],
    sizes: &[("T", Word::U32)],
    constants: &["WORKGROUP", "K", "GATE"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
};

impl Tape {
    /// `x` `[.., 2K]`, gates and then what they let through, gives `[.., K]`.
    pub fn gate(&mut self, x: Tensor, activation: Activation) -> Tensor {
        let mut shape = x.shape().to_vec();
        let width = x.width() / 2;
        *shape.last_mut().expect("x has an axis") = width;
        let y = self.activation(&shape);
        let workgroup = self.tuning.workgroup;
        self.dispatch(
            Dispatch::new(&KERNEL, [("x", x), ("y", y)])
                .sizes([("T", x.rows().into())])
                .constants([
                    ("WORKGROUP", workgroup.into()),
                    ("K", width.into()),
                    ("GATE", activation.code()),
                ])
                .grid([groups(y.len() / 4, workgroup, self.tuning.most_workgroups), 1, 1]),
        );
        y
    }
}

/// The twins' formula.
pub(crate) fn gated(x: &[f32], width: usize, activation: Activation) -> Vec<f32> {
    let halves = x.chunks_exact(2 * width).map(|row| row.split_at(width));
    let values = halves.flat_map(|(gates, ups)| gates.iter().zip(ups));
    values.map(|(gate, up)| (activation.of(f64::from(*gate)) * f64::from(*up)) as f32).collect()
}

fn twin(call: &Call) {
    let width = call.constant("K");
    let activation = Activation::ALL[call.constant("GATE")];
    let y = gated(&call.values("x")[..call.size("T") * 2 * width], width, activation);
    call.values_mut("y")[..y.len()].copy_from_slice(&y);
}
