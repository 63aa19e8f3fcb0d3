//! Rotary positions, in place: pair i of each head turns by `position · θ^(−2i/K)`.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::{groups, rotary};
use crate::recording::Dispatch;
use crate::step_state::{self, POSITIONS};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "rotate",
    wgsl: &[
        include_str!("../../shaders/rotate.wgsl"),
        include_str!("../../shaders/lib/rotary.wgsl"),
        step_state::WGSL,
    ],
    bindings: &[("state", Access::Read), ("rotary", Access::Read), ("rows", Access::Write)],
    sizes: &[
        ("B", Word::U32),
        ("T", Word::U32),
        ("H", Word::U32),
        ("row", Word::U32),
        ("first", Word::U32),
    ],
    constants: &["WORKGROUP", "K4"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
};

impl Tape {
    /// Turns `heads` heads from column `first` on of `rows` `[B, T, ..]`, where StepState `state`
    /// has the position of each first row; `rotary` is a table `[2, 1024, K]`.
    pub fn rotate(&mut self, rows: Tensor, first: u32, heads: u32, state: Tensor, rotary: Tensor) {
        let [batch, times, row] = rows.shape()[..] else {
            panic!("rotate: rows {:?} are [B, T, ..]", rows.shape())
        };
        let width = rotary.width();
        assert!(first + heads * width <= row, "rotate: {heads} heads of {width} in {row} columns");
        let workgroup = self.tuning.workgroup;
        let items = batch * times * heads * width / 4;
        self.dispatch(
            Dispatch::new(&KERNEL, [("state", state), ("rotary", rotary), ("rows", rows)])
                .sizes([
                    ("B", batch.into()),
                    ("T", times.into()),
                    ("H", heads.into()),
                    ("row", (row / 4).into()),
                    ("first", (first / 4).into()),
                ])
                .constants([("WORKGROUP", workgroup.into()), ("K4", (width / 4).into())])
                .grid([groups(items, workgroup, self.tuning.most_workgroups), 1, 1]),
        );
    }
}

fn twin(call: &Call) {
    let [batch, times, heads] = ["B", "T", "H"].map(|size| call.size(size));
    let width = 4 * call.constant("K4");
    let (state, table) = (call.words("state"), call.values("rotary"));
    let mut rows = call.values_mut("rows");
    let rows = rows.chunks_exact_mut(4 * call.size("row"));
    for (index, row) in rows.enumerate().take(batch * times) {
        let first = state[step_state::at(POSITIONS, index / times, batch)];
        let position = first + (index % times) as u32;
        let columns = &mut row[4 * call.size("first")..][..heads * width];
        for head in columns.chunks_exact_mut(width) {
            head.copy_from_slice(&rotary::turned(&table, position, head));
        }
    }
}
