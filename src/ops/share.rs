//! Keys and values shared by heads: `y[t] = queries of x[t], then the mean of each group of its key-value heads`.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::groups;
use crate::recording::Dispatch;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "share",
    wgsl: &[include_str!("../../shaders/share.wgsl")],
    bindings: &[("x", Access::Read), ("y", Access::Write)],
    sizes: &[("T", Word::U32), ("H", Word::U32), ("G", Word::U32), ("means", Word::U32)],
    constants: &["WORKGROUP", "K"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
};

impl Tape {
    /// Rows `[B, T, (H + 2G) · K]` of queries, keys and values with `shared` heads of keys and of
    /// values, each the mean of G / `shared` neighbours (Ainslie et al. 2023, GQA, section 2.1).
    pub fn share(&mut self, x: Tensor, [heads, groups_before, shared]: [u32; 3]) -> Tensor {
        assert!(groups_before.is_multiple_of(shared), "share: {groups_before} heads as {shared}");
        let [batch, times, row] = x.shape()[..] else {
            panic!("share: rows {:?} are [B, T, ..]", x.shape())
        };
        let width = row / (heads + 2 * groups_before);
        let y = self.activation(&[batch, times, (heads + 2 * shared) * width]);
        let workgroup = self.tuning.workgroup;
        self.dispatch(
            Dispatch::new(&KERNEL, [("x", x), ("y", y)])
                .sizes([
                    ("T", (batch * times).into()),
                    ("H", heads.into()),
                    ("G", groups_before.into()),
                    ("means", shared.into()),
                ])
                .constants([("WORKGROUP", workgroup.into()), ("K", width.into())])
                .grid([groups(y.len(), workgroup, self.tuning.most_workgroups), 1, 1]),
        );
        y
    }
}

fn twin(call: &Call) {
    let [times, heads, before, shared] = ["T", "H", "G", "means"].map(|size| call.size(size));
    let width = call.constant("K");
    let x = call.values("x");
    let mut y = call.values_mut("y");
    let rows = x.chunks_exact((heads + 2 * before) * width).take(times);
    let mut made = vec![];
    for row in rows {
        made.extend_from_slice(&row[..heads * width]);
        for half in row[heads * width..].chunks_exact(before * width) {
            for group in half.chunks_exact(before / shared * width) {
                let values =
                    |k: usize| group.chunks_exact(width).map(move |head| f64::from(head[k]));
                let mean = |k| (values(k).sum::<f64>() / (before / shared) as f64) as f32;
                made.extend((0..width).map(mean));
            }
        }
    }
    y[..made.len()].copy_from_slice(&made);
}
