//! Stores the keys and values of a chunk in the K-V ring, each position in its slot.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel};
use crate::ops::choose::POSITION;
use crate::ops::groups;
use crate::ring::slot_of;
use crate::site::Site;
use crate::tape::{Dispatch, Rows, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "store",
    wgsl: &[
        include_str!("../../shaders/store.wgsl"),
        include_str!("../../shaders/lib/ring.wgsl"),
        include_str!("../../shaders/lib/step_state.wgsl"),
    ],
    bindings: &[("fresh", Access::Read), ("state", Access::Read), ("ring", Access::Write)],
    constants: &["WORKGROUP"],
    sized: &[],
    reduces: false,
    twin,
};

/// A K-V ring: keys and values by slot. Slots `0..sinks` keep the first positions for good, the
/// others are taken in turn.
#[derive(Debug, Clone, Copy)]
pub struct Ring {
    /// `[B, C, 2, G · K]`, C a power of two
    pub slots: Tensor,
    /// Fewer than C.
    pub sinks: u32,
}

impl Ring {
    /// C
    pub fn capacity(&self) -> u32 {
        self.slots.shape()[1]
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    batch: u32,
    times: u32,
    capacity: u32,
    sinks: u32,
    width: u32,
    row: u32,
    key: u32,
    value: u32,
}

impl Tape {
    /// Puts keys and values, which start at two columns of the rows `[B, T, ..]`, into `ring`;
    /// StepState `state` has the position of the first row.
    pub fn store(&mut self, fresh: (Tensor, u32, u32), state: Tensor, ring: Ring) {
        let (rows, key, value) = fresh;
        let [batch, times, row] = rows.shape()[..] else {
            panic!("store: rows {:?} are [B, T, ..]", rows.shape())
        };
        let sizes = Sizes {
            batch,
            times,
            capacity: ring.capacity(),
            sinks: ring.sinks,
            width: ring.slots.width() / 4,
            row: row / 4,
            key: key / 4,
            value: value / 4,
        };
        let workgroup = self.tuning.workgroup;
        let items = batch * times * sizes.width;
        self.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![("WORKGROUP", f64::from(workgroup))],
            sizes: bytemuck::cast_slice(&[sizes]).to_vec(),
            tensors: vec![rows, state, ring.slots],
            grid: [groups(items, workgroup, self.tuning.most_workgroups), 1, 1],
        });
    }

    /// Appends a copy of the slot of `ring` that a step writes, shown as `shape`, or nothing if
    /// nobody asked: the whole ring is C times as much.
    pub fn trace_slot(&mut self, site: Site, ring: Ring, shape: &[u32]) {
        if self.wants(site) {
            let rows = Rows::Slot { sinks: ring.sinks };
            self.observe(site, ring.slots, rows, (0, ring.slots.width()), shape);
        }
    }
}

fn twin(call: &mut Call) {
    let Sizes { batch, times, capacity, sinks, width, row, key, value } = call.sizes();
    let [fresh, state, ring] = &mut call.buffers[..] else {
        unreachable!("store has three bindings")
    };
    // In the order of positions, so that of two with one slot the later one stays.
    for index in 0..batch * times {
        let slot = slot_of(state[POSITION] + index % times, capacity, sinks);
        let to = 8 * ((index / times * capacity + slot) * width) as usize;
        for (half, column) in [key, value].into_iter().enumerate() {
            let from = 4 * (index * row + column) as usize;
            let width = 4 * width as usize;
            ring[to + half * width..][..width].copy_from_slice(&fresh[from..][..width]);
        }
    }
}
