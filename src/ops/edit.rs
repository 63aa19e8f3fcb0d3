//! A change of a value in place: of the chosen heads `x = x · factor`, or `x = what another run had`.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::groups;
use crate::probe::{Change, Target};
use crate::recording::Dispatch;
use crate::step_state::{self, POSITIONS};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "edit",
    wgsl: &[include_str!("../../shaders/edit.wgsl"), step_state::WGSL],
    bindings: &[("values", Access::Read), ("state", Access::Read), ("x", Access::Write)],
    sizes: &[
        ("B", Word::U32),
        ("T", Word::U32),
        ("width", Word::U32),
        ("row", Word::U32),
        ("first", Word::U32),
        ("inner", Word::U32),
        ("heads", Word::U32),
        ("low", Word::U32),
        ("high", Word::U32),
        ("factor", Word::F32),
        ("only", Word::U32),
    ],
    constants: &["WORKGROUP", "REPLACE"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
};

impl Tape {
    /// Changes a value in place.
    pub fn edit(&mut self, target: Target, change: Change) {
        let Target { tensor, batch, columns: (first, width), rows, heads: (heads, inner), state } =
            target;
        let (mask, factor, values, only) = match change {
            Change::Scale { heads, factor } => (heads, factor, Tensor::NOTHING, None),
            Change::Replace { values, only } => (u64::MAX, 1.0, values, only),
        };
        // Where no position is known, no position is the one.
        let state = state.filter(|_| only.is_some()).unwrap_or(Tensor::NOTHING);
        let only = only.unwrap_or(u32::MAX);
        let workgroup = self.tuning.workgroup;
        let items = batch * rows * width;
        self.dispatch(
            Dispatch::new(&KERNEL, [("values", values), ("state", state), ("x", tensor)])
                .sizes([
                    ("B", batch.into()),
                    ("T", rows.into()),
                    ("width", width.into()),
                    ("row", tensor.width().into()),
                    ("first", first.into()),
                    ("inner", inner.into()),
                    ("heads", heads.into()),
                    ("low", (mask as u32).into()),
                    ("high", ((mask >> 32) as u32).into()),
                    ("factor", factor.into()),
                    ("only", only.into()),
                ])
                .constants([
                    ("WORKGROUP", workgroup.into()),
                    ("REPLACE", matches!(change, Change::Replace { .. }).into()),
                ])
                .grid([groups(items, workgroup, self.tuning.most_workgroups), 1, 1]),
        );
    }
}

fn twin(call: &Call) {
    let [batch, rows, width, stride] = ["B", "T", "width", "row"].map(|size| call.size(size));
    let mask = call.size("low") as u64 | (call.size("high") as u64) << 32;
    let (values, state) = (call.values("values"), call.words("state"));
    let only = call.size("only") as u32;
    let mut x = call.values_mut("x");
    for at in 0..batch * rows * width {
        let head = at / call.size("inner") % call.size("heads");
        if mask >> head & 1 == 0 {
            continue;
        }
        let value = &mut x[at / width * stride + call.size("first") + at % width];
        if !call.on("REPLACE") {
            *value *= call.real("factor");
        } else if only == u32::MAX
            || state[step_state::at(POSITIONS, at / (rows * width), batch)] == only
        {
            *value = values[at % values.len()];
        }
    }
}
