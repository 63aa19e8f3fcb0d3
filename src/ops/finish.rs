//! What a product does with its sums, by itself: `y = act(x) + residual`.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::activation::Activation;
use crate::ops::groups;
use crate::recording::Dispatch;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "finish",
    wgsl: &[
        include_str!("../../shaders/finish.wgsl"),
        include_str!("../../shaders/lib/activation.wgsl"),
    ],
    bindings: &[("x", Access::Read), ("residual", Access::Read), ("y", Access::Write)],
    sizes: &[("N", Word::U32)],
    constants: &["WORKGROUP", "ACTIVATION", "RESIDUAL"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
};

impl Tape {
    /// The same values, elsewhere.
    pub fn copy(&mut self, x: Tensor) -> Tensor {
        self.finish_sums(x, Activation::None, None)
    }

    /// The activation of `x`, plus a residual of its shape if there is one: what products do with
    /// their sums, for a value that was changed before.
    pub fn finish_sums(
        &mut self,
        x: Tensor,
        activation: Activation,
        residual: Option<Tensor>,
    ) -> Tensor {
        let fits = residual.is_none_or(|residual| residual.len() == x.len());
        assert!(fits, "finish: residual {:?} for {:?}", residual.map(|r| r.len()), x.shape());
        assert!(x.len().is_multiple_of(4), "finish: {:?} is a multiple of 4", x.shape());
        let y = self.activation(x.shape());
        let workgroup = self.tuning.workgroup;
        let tensors = [("x", x), ("residual", residual.unwrap_or(Tensor::NOTHING)), ("y", y)];
        self.dispatch(
            Dispatch::new(&KERNEL, tensors)
                .sizes([("N", x.len().into())])
                .constants([
                    ("WORKGROUP", workgroup.into()),
                    ("ACTIVATION", activation.code()),
                    ("RESIDUAL", residual.is_some().into()),
                ])
                .grid([groups(x.len() / 4, workgroup, self.tuning.most_workgroups), 1, 1]),
        );
        y
    }
}

fn twin(call: &Call) {
    let activation = Activation::ALL[call.constant("ACTIVATION")];
    let (x, residual) = (call.values("x"), call.values("residual"));
    let mut y = call.values_mut("y");
    for at in 0..call.size("N") {
        let extra = if call.on("RESIDUAL") { f64::from(residual[at]) } else { 0.0 };
        y[at] = (activation.of(f64::from(x[at])) + extra) as f32;
    }
}
