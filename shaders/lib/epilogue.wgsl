// What a product does with a sum before it stores it: y = act(sum · scale + bias) + residual.

override RESIDUAL: bool = false;
override TRACE: bool = false;    // a second plane of y has what comes before both
override ACTIVATION: u32 = 0u;  // 0 none, 1 relu, 2 gelu, 3 gelu_tanh, 4 silu, 5 tanh, 6 sigmoid

// Finishes the sum of row n of the weights for place `at` of y.
fn finish(at: u32, n: u32, sum: f32) {
    let own = scale_bias(n);
    let value = sum * own.x + own.y;
    if (TRACE) { y[sizes.T * sizes.N + at] = value; }
    var result = activate(ACTIVATION, value);
    if (RESIDUAL) { result += residual[at]; }
    y[at] = result;
}
