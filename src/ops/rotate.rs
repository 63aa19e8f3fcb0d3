//! Rotary positions, in place: pair i of each head turns by `position · θ^(−2i/K)`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::choose::POSITION;
use crate::ops::{groups, rotary};
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "rotate",
    wgsl: &[
        include_str!("../../shaders/rotate.wgsl"),
        include_str!("../../shaders/lib/rotary.wgsl"),
        include_str!("../../shaders/lib/step_state.wgsl"),
    ],
    bindings: &[("state", Access::Read), ("rotary", Access::Read), ("rows", Access::Write)],
    constants: &["WORKGROUP", "K4"],
    sized: &[],
    reduces: false,
    twin,
};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    batch: u32,
    times: u32,
    heads: u32,
    row: u32,
    first: u32,
}

impl Tape {
    /// Turns `heads` heads from column `first` on of `rows` `[B, T, ..]`, where StepState `state`
    /// has the position of the first row; `rotary` is a table `[2, 1024, K]`.
    pub fn rotate(&mut self, rows: Tensor, first: u32, heads: u32, state: Tensor, rotary: Tensor) {
        let [batch, times, row] = rows.shape()[..] else {
            panic!("rotate: rows {:?} are [B, T, ..]", rows.shape())
        };
        let width = rotary.width();
        assert!(first + heads * width <= row, "rotate: {heads} heads of {width} in {row} columns");
        let workgroup = self.tuning.workgroup;
        let items = batch * times * heads * width / 4;
        self.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![("WORKGROUP", f64::from(workgroup)), ("K4", f64::from(width / 4))],
            sizes: bytemuck::cast_slice(&[Sizes {
                batch,
                times,
                heads,
                row: row / 4,
                first: first / 4,
            }])
            .to_vec(),
            tensors: vec![state, rotary, rows],
            grid: [groups(items, workgroup, self.tuning.most_workgroups), 1, 1],
        });
    }
}

fn twin(call: &mut Call) {
    let Sizes { batch, times, heads, row, first } = call.sizes();
    let width = 4 * call.constant("K4") as usize;
    let [state, table, rows] = &mut call.buffers[..] else {
        unreachable!("rotate has three bindings")
    };
    let rows = floats_mut(rows).chunks_exact_mut(4 * row as usize);
    for (index, row) in rows.enumerate().take((batch * times) as usize) {
        let position = state[POSITION] + index as u32 % times;
        let columns = &mut row[4 * first as usize..][..heads as usize * width];
        for head in columns.chunks_exact_mut(width) {
            head.copy_from_slice(&rotary::turned(floats(table), position, head));
        }
    }
}
