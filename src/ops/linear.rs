//! Products with a weight matrix: `y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n]`.

use crate::kernel::{Access, Call, Constant, floats, floats_mut};
use crate::ops::activation::Activation;
use crate::ops::weight::{Rows, Weight, code};
use crate::ops::{linear_rows, linear_tiled, linear_vector, power_of_two_within};
use crate::site::Site;
use crate::tape::{Tape, Tensor};

/// What a product does with its sums before it stores them.
#[derive(Debug, Clone, Copy)]
pub enum Epilogue {
    /// Nothing.
    Plain,
    /// Applies an activation; the site names the value before it.
    Activation(Activation, Site),
    /// Adds a tensor of the shape of the result; the site names the value before it.
    Residual(Tensor, Site),
}

/// A product as the three kernels are given it.
pub(crate) struct Product<'a> {
    pub x: Tensor,
    pub matrix: &'a Weight,
    pub y: Tensor,
    pub residual: Tensor,
    pub before: Tensor,
    pub constants: Vec<Constant>,
}

impl Tape {
    /// `x` `[.., K]` by a matrix `[N, K]` gives `[.., N]`. One row of x takes the matrix-vector
    /// kernel, many the shared-memory tile if the adapter profits, else registers.
    pub fn linear(&mut self, x: Tensor, matrix: &Weight, epilogue: Epilogue) -> Tensor {
        let mut shape = x.shape().to_vec();
        *shape.last_mut().expect("x has an axis") = matrix.outputs;
        let y = self.activation(&shape);
        self.linear_to(y, x, matrix, epilogue);
        y
    }

    /// The same, into a tensor that is there already.
    pub fn linear_to(&mut self, y: Tensor, x: Tensor, matrix: &Weight, epilogue: Epilogue) {
        assert_eq!(
            x.width(),
            matrix.inputs,
            "linear: x {:?} does not fit a matrix of {} columns",
            x.shape(),
            matrix.inputs,
        );
        assert_eq!(
            (y.rows(), y.width()),
            (x.rows(), matrix.outputs),
            "linear: x {:?} does not give y {:?}",
            x.shape(),
            y.shape(),
        );
        let (activation, residual, site) = match epilogue {
            Epilogue::Plain => (Activation::None, Tensor::NOTHING, None),
            Epilogue::Activation(activation, site) => (activation, Tensor::NOTHING, Some(site)),
            Epilogue::Residual(residual, site) => (Activation::None, residual, Some(site)),
        };
        let has_residual = residual != Tensor::NOTHING;
        assert!(!has_residual || residual.len() == y.len(), "linear: residual {residual:?}");
        let traced = site.is_some_and(|site| self.wants(site));
        let before = self.activation_if(traced, y.shape());
        let constants = vec![
            ("K", f64::from(matrix.inputs)),
            ("STORAGE", code(matrix.storage)),
            ("ACTIVATION", f64::from(activation as u32)),
            ("RESIDUAL", f64::from(has_residual)),
            ("TRACE", f64::from(traced)),
        ];
        let product = Product { x, matrix, y, residual, before, constants };
        match x.rows() {
            1 => linear_vector::record(self, product),
            rows if rows >= self.tuning.tiled_from => linear_tiled::record(self, product),
            _ => linear_rows::record(self, product),
        }
        if let Some(site) = site.filter(|_| traced) {
            self.trace(site, before);
        }
    }
}

/// The bindings of the products of many rows.
pub(crate) const BINDINGS: &[(&str, Access)] = &[
    ("x", Access::Read),
    ("weight", Access::Read),
    ("rows", Access::Read),
    ("residual", Access::Read),
    ("y", Access::Write),
    ("before", Access::Write),
];

/// Their twin.
pub(crate) fn twin_of_rows(call: &mut Call) {
    let x = floats(&call.buffers[0]).to_vec();
    twin(call, &x, [1, 2, 3, 4, 5]);
}

/// Lanes that share a row of `width` columns: one for each 32-column block, as far as they go.
pub(crate) fn lanes(width: u32, workgroup: u32) -> u32 {
    power_of_two_within(width.div_ceil(32)).clamp(4, workgroup)
}

/// The twins' formula. `bindings` are x, weight, rows, residual, y, before, by their indices.
pub(crate) fn twin(call: &mut Call, x: &[f32], bindings: [usize; 5]) {
    let [weight, rows, residual, y, before] = bindings;
    let width = call.constant("K") as usize;
    let activation = Activation::ALL[call.constant("ACTIVATION") as usize];
    let [has_residual, traced] = [call.on("RESIDUAL"), call.on("TRACE")];
    let mut result = std::mem::take(&mut call.buffers[y]);
    let mut sums = std::mem::take(&mut call.buffers[before]);
    let matrix =
        Rows::new(call.constant("STORAGE"), &call.buffers[weight], &call.buffers[rows], width);
    let added = floats(&call.buffers[residual]);
    let outputs = matrix.count();
    let mut row = vec![0.0; width];
    for n in 0..outputs {
        matrix.unpack(n, &mut row);
        for (t, x) in x.chunks_exact(width).enumerate() {
            let products = x.iter().zip(&row).map(|(x, w)| f64::from(*x) * f64::from(*w));
            let value = products.sum::<f64>() + f64::from(matrix.bias(n));
            let at = t * outputs + n;
            if traced {
                floats_mut(&mut sums)[at] = value as f32;
            }
            let extra = if has_residual { f64::from(added[at]) } else { 0.0 };
            floats_mut(&mut result)[at] = (activation.of(value) + extra) as f32;
        }
    }
    call.buffers[y] = result;
    call.buffers[before] = sums;
}
