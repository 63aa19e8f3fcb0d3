//! Products with a weight matrix: `y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n]`.

use crate::kernel::{Access, Call, Constant, Kernel, Word};
use crate::ops::activation::Activation;
use crate::ops::named::Value;
use crate::ops::weight::{Matrix, Weight, code};
use crate::ops::{linear_rows, linear_tiled, linear_vector, power_of_two_within};
use crate::recording::{Dispatch, Rows};
use crate::site::Site;
use crate::tape::Tape;
use crate::tensor::Tensor;

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
    pub residual: Tensor,
    /// `[1 or 2, .., N]`: with a second plane for what comes before activation and residual.
    pub y: Tensor,
    pub constants: [Constant; 5],
}

impl Tape {
    /// `x` `[.., K]` by a matrix `[N, K]` gives `[.., N]`. One row of x takes the matrix-vector
    /// kernel, many the shared-memory tile if the adapter profits, else registers.
    pub fn linear(&mut self, x: Tensor, matrix: &Weight, epilogue: Epilogue) -> Tensor {
        let mut shape = x.shape().to_vec();
        *shape.last_mut().expect("x has an axis") = matrix.outputs;
        let (activation, residual, site) = match epilogue {
            Epilogue::Plain => (Activation::None, None, None),
            Epilogue::Activation(activation, site) => (activation, None, Some(site)),
            Epilogue::Residual(residual, site) => (Activation::None, Some(residual), Some(site)),
        };
        if let Some(site) = site.filter(|site| self.opens(*site)) {
            let sums = self.linear(x, matrix, Epilogue::Plain);
            self.at(site, sums);
            return self.finish_sums(sums, activation, residual);
        }
        let traced = site.is_some_and(|site| self.wants(site));
        let planes = self.activation(&[&[1 + u32::from(traced)], &shape[..]].concat());
        self.product(planes, x, matrix, epilogue);
        if let Some(site) = site {
            let (rows, columns) = (Rows::Plane(1), (0, matrix.outputs));
            let shape = &shape;
            self.at_value(site, Value { tensor: planes, rows, columns, shape, heads: (1, 1) });
        }
        planes.with_shape(&shape)
    }

    /// The same, into a tensor that is there already.
    pub fn linear_to(&mut self, y: Tensor, x: Tensor, matrix: &Weight) {
        self.product(y.with_shape(&[1, y.rows(), y.width()]), x, matrix, Epilogue::Plain);
    }

    fn product(&mut self, y: Tensor, x: Tensor, matrix: &Weight, epilogue: Epilogue) {
        let [planes, rows] = [y.shape()[0], x.rows()];
        assert_eq!(
            x.width(),
            matrix.inputs,
            "linear: x {:?} does not fit a matrix of {} columns",
            x.shape(),
            matrix.inputs,
        );
        assert_eq!(
            (y.rows(), y.width()),
            (planes * rows, matrix.outputs),
            "linear: x {:?} does not give y {:?}",
            x.shape(),
            y.shape(),
        );
        let (activation, residual) = match epilogue {
            Epilogue::Plain => (Activation::None, Tensor::NOTHING),
            Epilogue::Activation(activation, _) => (activation, Tensor::NOTHING),
            Epilogue::Residual(residual, _) => (Activation::None, residual),
        };
        let fits = !residual.exists() || residual.len() == rows * matrix.outputs;
        assert!(fits, "linear: residual {:?} for y {:?}", residual.shape(), y.shape());
        let constants = [
            ("K", matrix.inputs.into()),
            ("STORAGE", code(matrix.storage)),
            ("ACTIVATION", activation.code()),
            ("RESIDUAL", residual.exists().into()),
            ("TRACE", (planes == 2).into()),
        ];
        let product = Product { x, matrix, residual, y, constants };
        let dispatch = match rows {
            1 => linear_vector::dispatch(self.tuning, product),
            rows if rows >= self.tuning.tiled_from => linear_tiled::dispatch(product),
            _ => linear_rows::dispatch(self.tuning, product),
        };
        self.dispatch(dispatch);
    }
}

/// The bindings of the products of many rows.
pub(crate) const BINDINGS: &[(&str, Access)] = &[
    ("x", Access::Read),
    ("weight", Access::Read),
    ("rows", Access::Read),
    ("residual", Access::Read),
    ("y", Access::Write),
];

/// Their sizes.
pub(crate) const SIZES: &[(&str, Word)] = &[("T", Word::U32), ("N", Word::U32)];

/// A product of many rows, but for constants and grid.
pub(crate) fn of_rows(kernel: &'static Kernel, product: &Product) -> Dispatch {
    let Product { x, matrix, residual, y, .. } = *product;
    let tensors = [
        ("x", x),
        ("weight", matrix.words),
        ("rows", matrix.rows),
        ("residual", residual),
        ("y", y),
    ];
    let sizes = [("T", x.rows().into()), ("N", matrix.outputs.into())];
    Dispatch::new(kernel, tensors).sizes(sizes)
}

/// Their twin.
pub(crate) fn twin_of_rows(call: &Call) {
    twin(call, &call.values("x"));
}

/// Lanes that share a row of `width` columns: one for each 32-column block, as far as they go.
pub(crate) fn lanes(width: u32, workgroup: u32) -> u32 {
    power_of_two_within(width.div_ceil(32)).clamp(4, workgroup)
}

/// The twins' formula, for x after what stands before the product.
pub(crate) fn twin(call: &Call, x: &[f32]) {
    let [width, outputs] = [call.constant("K"), call.size("N")];
    let activation = Activation::ALL[call.constant("ACTIVATION")];
    let [weight, rows] = [call.words("weight"), call.words("rows")];
    let matrix = Matrix::new(call.constant("STORAGE"), &weight, &rows, width);
    let residual = call.values("residual");
    let mut y = call.values_mut("y");
    let plane = call.size("T") * outputs;
    let mut row = vec![0.0; width];
    for n in 0..outputs {
        matrix.unpack(n, &mut row);
        for (t, x) in x.chunks_exact(width).enumerate().take(call.size("T")) {
            let products = x.iter().zip(&row).map(|(x, w)| f64::from(*x) * f64::from(*w));
            let value = products.sum::<f64>() + f64::from(matrix.bias(n));
            let at = t * outputs + n;
            if call.on("TRACE") {
                y[plane + at] = value as f32;
            }
            let extra = if call.on("RESIDUAL") { f64::from(residual[at]) } else { 0.0 };
            y[at] = (activation.of(value) + extra) as f32;
        }
    }
}
