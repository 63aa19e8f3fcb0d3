//! One file per kernel: descriptor, op method on the tape, twin. `ALL` lists them.

pub mod activation;
pub mod attend;
pub mod attention;
mod attention_twin;
pub mod choose;
pub mod edit;
pub mod embed;
pub mod finish;
pub(crate) mod fixed;
pub mod gate;
pub mod linear;
pub mod linear_rows;
pub mod linear_tiled;
pub mod linear_vector;
pub mod named;
pub mod norm;
pub mod rotary;
pub mod rotate;
pub mod sample;
pub mod sampling;
pub mod share;
pub mod store;
pub mod top_k;
pub mod weight;

use crate::kernel::Kernel;
use crate::recording::Dispatch;
use crate::tensor::Tensor;

/// Every kernel of the engine.
pub const ALL: &[&Kernel] = &[
    &embed::KERNEL,
    &linear_vector::KERNEL,
    &linear_rows::KERNEL,
    &linear_tiled::KERNEL,
    &norm::KERNEL,
    &gate::KERNEL,
    &rotate::KERNEL,
    &store::KERNEL,
    &attention::KERNEL,
    &attend::KERNEL,
    &edit::KERNEL,
    &finish::KERNEL,
    &share::KERNEL,
    &top_k::KERNEL,
    &sample::KERNEL,
    &choose::KERNEL,
];

/// What a dispatch makes that a later one may take in as its prologue.
pub(crate) fn fusable_result(maker: &Dispatch) -> Option<Tensor> {
    matches!(maker.kernel.name, "norm" | "gate").then(|| maker.tensor("y"))
}

/// `reader` with `maker` taken in, if it can do that.
pub(crate) fn fused(maker: &Dispatch, reader: &Dispatch) -> Option<Dispatch> {
    match reader.kernel.name {
        "linear_vector" => linear_vector::taking_in(maker, reader),
        _ => None,
    }
}

/// Workgroups for `items` at `each` a workgroup, where kernels loop over what goes beyond `most`.
fn groups(items: u32, each: u32, most: u32) -> u32 {
    items.div_ceil(each).clamp(1, most)
}

/// The greatest power of two that is at most `limit`.
fn power_of_two_within(limit: u32) -> u32 {
    1 << limit.max(1).ilog2()
}
