// Token embedding, scaled, plus position: y[t] = scale · table[token[t]] + positions[position[t]].
// Models with rotary positions add none here.

override WORKGROUP: u32;
override K: u32;               // width of an embedding, a multiple of 4
override STEP: bool = false;   // tokens and position come from StepState
override CHUNK: bool = false;  // the first position comes from StepState
override PLACED: bool = true;  // positions are added
override TRACE: bool = false;  // store both terms

struct Sizes { T: u32, S: u32, scale: f32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       tokens: array<u32>;           // [T]
@group(0) @binding(2) var<storage, read>       state: array<u32>;            // StepState
@group(0) @binding(3) var<storage, read>       weight: array<array<vec4<u32>, 2>>;  // [V, K] packed
@group(0) @binding(4) var<storage, read>       rows: array<vec2<u32>>;    // [V, scale bias, blocks]
@group(0) @binding(5) var<storage, read>       positions: array<vec4<f32>>;  // [P, K]
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;          // [T, K]
@group(0) @binding(7) var<storage, read_write> terms: array<vec4<f32>>;      // [2, T, K] both

override K4: u32 = K / 4u;

@compute @workgroup_size(WORKGROUP)
fn embed(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var at = id.x; at < sizes.T * K4; at += groups.x * WORKGROUP) {
        let t = at / K4;
        let column4 = at % K4;
        // Of S positions in a row of tokens, or the one of the step.
        var token = 0u;
        var p = 0u;
        if (STEP) {
            token = state[state_word(STATE_TOKENS, t, sizes.T)];
            p = state[state_word(STATE_POSITIONS, t, sizes.T)];
        } else {
            token = tokens[t];
            p = t % sizes.S;
            if (CHUNK) { p += state[state_word(STATE_POSITIONS, t / sizes.S, sizes.T / sizes.S)]; }
        }
        let e = weight4(token, column4) * scale_bias(token).x * sizes.scale;
        var q = vec4(0.0);
        if (PLACED) { q = positions[p * K4 + column4]; }
        if (TRACE) {
            terms[at] = e;
            terms[sizes.T * K4 + at] = q;
        }
        y[at] = e + q;
    }
}
