// Greedy choice: merges the best tokens of all parts of each row, writes the step's results, and
// advances StepState, so that the next step needs no host.

override WORKGROUP: u32;
override LANES: u32;           // all of the workgroup
override TRACE: bool = false;  // store the probabilities of all tokens

struct Sizes {
    B: u32, V: u32, P: u32, k: u32,
    eos: u32, pad: u32,  // the token that ends a sentence, and what follows it
    suppressed: u32,     // a token that has no probability, or V
    steps: u32,          // rows of `results`
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       best: array<u32>;              // [B, P, 2 + 2k]
@group(0) @binding(2) var<storage, read>       logits: array<f32>;            // [B, V]
@group(0) @binding(3) var<storage, read_write> state: array<u32>;             // StepState
@group(0) @binding(4) var<storage, read_write> results: array<u32>;           // [steps, B, 2 + 2k]
@group(0) @binding(5) var<storage, read_write> probabilities: array<f32>;     // [B, V]

@compute @workgroup_size(WORKGROUP)
fn choose(@builtin(local_invocation_index) local: u32) {
    for (var b = 0u; b < sizes.B; b++) { choose_row(b, local); }
    if (local == 0u) {
        var alive = 0u;
        for (var b = 0u; b < sizes.B; b++) { alive += 1u - state[STATE_TOKENS + sizes.B + b]; }
        state[STATE_ALIVE] = alive;
        state[STATE_POSITION] += 1u;
    }
}

fn choose_row(b: u32, local: u32) {
    let width = 2u + 2u * sizes.k;
    let start = b * sizes.P * width;
    var most = -1e30;
    for (var p = local; p < sizes.P; p += WORKGROUP) {
        most = max(most, bitcast<f32>(best[start + p * width]));
    }
    most = max_lanes(most, local);
    var exponentials = 0.0;
    for (var p = local; p < sizes.P; p += WORKGROUP) {
        let part = start + p * width;
        exponentials += bitcast<f32>(best[part + 1u]) * exp(bitcast<f32>(best[part]) - most);
    }
    let log_sum = most + log(sum_lanes(exponentials, local));

    // Each result row: input token, 1 if the sentence had ended before, k ids, k log-probabilities.
    let position = min(state[STATE_POSITION], sizes.steps - 1u);
    let out = (position * sizes.B + b) * width;
    var first_id = sizes.V;
    var last_logit = 1e38;
    var last_id = 0u;
    for (var i = 0u; i < sizes.k; i++) {
        var logit = -1e38;
        var winner = sizes.V;
        for (var c = local; c < sizes.P * sizes.k; c += WORKGROUP) {
            let at = start + c / sizes.k * width + 2u + c % sizes.k;
            let value = bitcast<f32>(best[at]);
            let id = best[at + sizes.k];
            let is_after = value < last_logit || (value == last_logit && id > last_id);
            if (is_after && (value > logit || (value == logit && id < winner))) {
                logit = value;
                winner = id;
            }
        }
        last_logit = max_lanes(logit, local);
        last_id = least_lanes(select(sizes.V, winner, logit == last_logit), local);
        if (i == 0u) { first_id = last_id; }
        if (local == 0u) {
            results[out + 2u + i] = last_id;
            results[out + 2u + sizes.k + i] = bitcast<u32>(last_logit - log_sum);
        }
    }
    if (TRACE) {
        for (var id = local; id < sizes.V; id += WORKGROUP) {
            let probability = exp(logits[b * sizes.V + id] - log_sum);
            probabilities[b * sizes.V + id] = select(probability, 0.0, id == sizes.suppressed);
        }
    }
    if (local == 0u) {
        let token = STATE_TOKENS + b;
        let ended = STATE_TOKENS + sizes.B + b;
        results[out] = state[token];
        results[out + 1u] = state[ended];
        // A sentence that has ended goes on with padding.
        state[token] = select(first_id, sizes.pad, state[ended] == 1u);
        if (first_id == sizes.eos) { state[ended] = 1u; }
    }
}
