// Activations by their number: 0 none, 1 relu, 2 gelu, 3 gelu_tanh, 4 silu, 5 tanh, 6 sigmoid.

fn activate4(kind: u32, x: vec4<f32>) -> vec4<f32> {
    return vec4(activate(kind, x.x), activate(kind, x.y), activate(kind, x.z), activate(kind, x.w));
}

fn activate(kind: u32, x: f32) -> f32 {
    switch (kind) {
        case 1u: { return max(x, 0.0); }
        case 2u: { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }
        case 3u: { return 0.5 * x * (1.0 + safe_tanh(0.79788456080286536 * (x + 0.044715 * x * x * x))); }
        case 4u: { return x / (1.0 + exp(-x)); }
        case 5u: { return safe_tanh(x); }
        case 6u: { return 1.0 / (1.0 + exp(-x)); }
        default: { return x; }
    }
}

// Beyond 10 the result is 1 in f32, and some adapters' tanh overflows to NaN.
fn safe_tanh(x: f32) -> f32 {
    return tanh(clamp(x, -10.0, 10.0));
}

// WGSL has no erf. Near 0 its Maclaurin series; beyond, Abramowitz and Stegun 7.1.26 would lose
// digits, so the continued fraction of erfc, evaluated from a fixed depth.
fn erf(x: f32) -> f32 {
    let size = abs(x);
    let square = size * size;
    if (size < 2.0) {
        var term = size;
        var total = size;
        for (var n = 1u; n < 24u; n++) {
            term *= -square / f32(n);
            total += term / f32(2u * n + 1u);
        }
        return sign(x) * total * 1.1283791670955126;
    }
    var fraction = size;
    for (var n = 24u; n > 0u; n--) { fraction = size + 0.5 * f32(n) / fraction; }
    return sign(x) * (1.0 - exp(-square) / (fraction * 1.7724538509055160));
}
