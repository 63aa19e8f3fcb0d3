//! Stores the keys and values of a chunk in the K-V ring, each position in its slot.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::groups;
use crate::ops::named::Value;
use crate::recording::{Dispatch, Rows};
use crate::ring::slot_of;
use crate::site::Site;
use crate::step_state::{self, FRESH, POSITIONS};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "store",
    wgsl: &[
        include_str!("../../shaders/store.wgsl"),
        include_str!("../../shaders/lib/ring.wgsl"),
        step_state::WGSL,
    ],
    bindings: &[("fresh", Access::Read), ("state", Access::Read), ("ring", Access::Write)],
    sizes: &[
        ("B", Word::U32),
        ("T", Word::U32),
        ("C", Word::U32),
        ("sinks", Word::U32),
        ("width", Word::U32),
        ("row", Word::U32),
        ("key", Word::U32),
        ("value", Word::U32),
    ],
    constants: &["WORKGROUP"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
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

impl Tape {
    /// Puts keys and values, which start at two columns of the rows `[B, T, ..]`, into `ring`;
    /// StepState `state` has the position of each first row, and how many rows are real.
    pub fn store(&mut self, fresh: (Tensor, u32, u32), state: Tensor, ring: Ring) {
        let (rows, key, value) = fresh;
        let [batch, times, row] = rows.shape()[..] else {
            panic!("store: rows {:?} are [B, T, ..]", rows.shape())
        };
        let width = ring.slots.width() / 4;
        let workgroup = self.tuning.workgroup;
        let items = batch * times * width;
        self.dispatch(
            Dispatch::new(&KERNEL, [("fresh", rows), ("state", state), ("ring", ring.slots)])
                .sizes([
                    ("B", batch.into()),
                    ("T", times.into()),
                    ("C", ring.capacity().into()),
                    ("sinks", ring.sinks.into()),
                    ("width", width.into()),
                    ("row", (row / 4).into()),
                    ("key", (key / 4).into()),
                    ("value", (value / 4).into()),
                ])
                .constants([("WORKGROUP", workgroup.into())])
                .grid([groups(items, workgroup, self.tuning.most_workgroups), 1, 1]),
        );
    }

    /// Names the slot of `ring` that a step writes, shown as `shape`: of the whole ring 1/C.
    pub fn at_slot(&mut self, site: Site, ring: Ring, shape: &[u32]) {
        let Ring { slots: tensor, sinks } = ring;
        let (columns, rows) = ((0, tensor.width()), Rows::Slot { sinks });
        self.at_result(site, Value { tensor, rows, columns, shape, heads: (1, 1) });
    }
}

fn twin(call: &Call) {
    let [batch, times, capacity] = ["B", "T", "C"].map(|size| call.size(size));
    let width = 4 * call.size("width");
    let (fresh, state) = (call.values("fresh"), call.words("state"));
    let mut ring = call.values_mut("ring");
    // In the order of positions, so that of two with one slot the later one stays.
    for (b, t) in (0..batch).flat_map(|b| (0..times).map(move |t| (b, t))) {
        let [position, real] = [POSITIONS, FRESH].map(|list| state[step_state::at(list, b, batch)]);
        if t as u32 >= real {
            continue;
        }
        let sinks = call.size("sinks") as u32;
        let slot = slot_of(position + t as u32, capacity as u32, sinks) as usize;
        for (half, column) in ["key", "value"].into_iter().enumerate() {
            let from = 4 * ((b * times + t) * call.size("row") + call.size(column));
            let to = ((b * capacity + slot) * 2 + half) * width;
            ring[to..][..width].copy_from_slice(&fresh[from..][..width]);
        }
    }
}
