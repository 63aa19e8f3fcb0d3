//! The activations of feed-forward layers, as an epilogue of products.

/// Which activation; the numbers are those of `shaders/lib/epilogue.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x
    None = 0,
    /// max(x, 0)
    Relu = 1,
    /// x Φ(x), Φ the normal distribution
    Gelu = 2,
    /// GELU by its tanh approximation
    GeluTanh = 3,
    /// x σ(x), also called swish
    Silu = 4,
    /// tanh x
    Tanh = 5,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid = 6,
}

impl Activation {
    /// All of them, in the order of their numbers.
    pub const ALL: [Activation; 7] = [
        Activation::None,
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Silu,
        Activation::Tanh,
        Activation::Sigmoid,
    ];

    /// The activation that transformers knows by that name.
    pub fn parse(name: &str) -> Option<Activation> {
        Some(match name {
            "relu" => Activation::Relu,
            "gelu" | "gelu_python" => Activation::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_python_tanh" => {
                Activation::GeluTanh
            }
            "silu" | "swish" => Activation::Silu,
            "tanh" => Activation::Tanh,
            "sigmoid" => Activation::Sigmoid,
            _ => return None,
        })
    }

    /// Its common name.
    pub fn name(self) -> &'static str {
        match self {
            Activation::None => "none",
            Activation::Relu => "relu",
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_new",
            Activation::Silu => "silu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
        }
    }

    /// The number by which shaders know it.
    pub(crate) fn code(self) -> f64 {
        f64::from(self as u32)
    }

    /// The value at x.
    pub fn of(self, x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            Activation::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh())
            }
            Activation::Silu => x * sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => sigmoid(x),
        }
    }
}

/// The error function: its Maclaurin series near 0, the continued fraction of erfc beyond.
pub fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size < 2.5 {
        let mut term = size;
        let mut total = size;
        for n in 1..60 {
            term *= -size * size / f64::from(n);
            total += term / f64::from(2 * n + 1);
        }
        return x.signum() * total * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let fraction = (1..=80).rev().fold(size, |inner, n| size + 0.5 * f64::from(n) / inner);
    x.signum() * (1.0 - (-size * size).exp() / (fraction * std::f64::consts::PI.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_meets_known_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, value) in
            [(0.0, 0.0), (0.5, 0.5204998778), (1.0, 0.8427007929), (2.0, 0.9953222650)]
        {
            assert!((erf(x) - value).abs() < 1e-9, "erf({x})");
            assert!((erf(-x) + value).abs() < 1e-9, "erf(-{x})");
        }
        assert!((erf(2.5) - 0.999593048).abs() < 1e-9, "where the two formulas meet");
    }

    #[test]
    fn laws() {
        for x in [-7.0, -1.3, -0.2, 0.4, 3.1] {
            let of = |activation: Activation, x: f64| activation.of(x);
            assert!((of(Activation::Sigmoid, x) + of(Activation::Sigmoid, -x) - 1.0).abs() < 1e-12);
            for odd_part in [Activation::Gelu, Activation::GeluTanh, Activation::Silu] {
                assert!((of(odd_part, x) - of(odd_part, -x) - x).abs() < 1e-12, "{odd_part:?}");
            }
        }
    }
}
