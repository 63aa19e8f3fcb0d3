// The choice: merges the best tokens of all parts of each row, writes the step's results, and
// advances StepState, so that the next step needs no host. The token is the best one, or the one
// that `sample` has drawn.

override WORKGROUP: u32;
override LANES: u32;           // all of the workgroup
override TRACE: bool = false;    // store the probabilities of all tokens
override SAMPLED: bool = false;  // take the token that was drawn

struct Sizes {
    B: u32, V: u32, P: u32, k: u32,
    eos: u32, pad: u32,  // the token that ends a sentence, and what follows it
    suppressed: u32,     // a token that has no probability, or V
    steps: u32,          // rows of `results`, a ring
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       best: array<u32>;              // [B, P, 2 + 2k]
@group(0) @binding(2) var<storage, read>       logits: array<f32>;            // [B, V]
@group(0) @binding(3) var<storage, read_write> state: array<u32>;             // StepState
@group(0) @binding(4) var<storage, read_write> results: array<u32>;           // [steps, B, 5 + 3k]
@group(0) @binding(5) var<storage, read_write> probabilities: array<f32>;     // [B, V]
@group(0) @binding(6) var<storage, read>       sampling: array<u32>;          // [B, 8] parameters
@group(0) @binding(7) var<storage, read>       draw: array<u32>;              // [B, 8 + V/32] outcome, seen

@compute @workgroup_size(WORKGROUP)
fn choose(@builtin(local_invocation_index) local: u32) {
    for (var b = 0u; b < sizes.B; b++) { choose_row(b, local); }
    if (local == 0u) {
        var alive = 0u;
        for (var b = 0u; b < sizes.B; b++) {
            alive += 1u - state[state_word(STATE_ENDED, b, sizes.B)];
        }
        state[STATE_ALIVE] = alive;
        state[STATE_STEPS] += 1u;
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

    // Each result row: input token, 1 if the sentence had ended before; the token, its
    // log-probability and its chance; k ids, k log-probabilities, k chances.
    let step = state[STATE_STEPS] % sizes.steps;
    let out = (step * sizes.B + b) * (5u + 3u * sizes.k);
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
            let listed = out + 5u + i;
            results[listed] = last_id;
            results[listed + sizes.k] = bitcast<u32>(last_logit - log_sum);
            let chance = chance_of(b, last_id, last_logit, first_id);
            results[listed + 2u * sizes.k] = bitcast<u32>(chance);
        }
    }
    if (TRACE) {
        for (var id = local; id < sizes.V; id += WORKGROUP) {
            let probability = exp(logits[b * sizes.V + id] - log_sum);
            probabilities[b * sizes.V + id] = select(probability, 0.0, id == sizes.suppressed);
        }
    }
    if (local == 0u) {
        let next = state_word(STATE_TOKENS, b, sizes.B);
        let ended = state_word(STATE_ENDED, b, sizes.B);
        let position = state_word(STATE_POSITIONS, b, sizes.B);
        var token = first_id;
        if (SAMPLED) { token = draw[draw_row(b, sizes.V) + DRAWN]; }
        let logit = logits[b * sizes.V + token];
        results[out] = state[next];
        results[out + 1u] = state[ended];
        results[out + 2u] = token;
        results[out + 3u] = bitcast<u32>(logit - log_sum);
        results[out + 4u] = bitcast<u32>(chance_of(b, token, logit, first_id));
        // A row that has ended goes on with padding, and stays where it is.
        state[next] = select(token, sizes.pad, state[ended] == 1u);
        if (state[ended] == 0u) {
            state[position] += 1u;
            let cut = state[position] >= state[state_word(STATE_LIMITS, b, sizes.B)];
            state[ended] = u32(token == sizes.eos || cut);
        }
    }
}

// The probability with which a token is taken: after repetition penalty, temperature and cuts.
fn chance_of(b: u32, id: u32, logit: f32, best: u32) -> f32 {
    var taken = best;
    if (SAMPLED) {
        let own = draw_row(b, sizes.V);
        if (bitcast<f32>(sampling[sampling_word(OCTAVES, b)]) != 0.0) {
            let key = key_of(b, id, logit);
            let octaves = octaves_of(b, key, draw[own + GREATEST]);
            let mass = f32(draw[own + MASS]) * 0x1p-14 + f32(draw[own + MASS + 1u]) * 0x1p-28;
            let left = key >= draw[own + LEAST] && min_p_leaves(b, octaves);
            return select(0.0, exp2(f32(octaves) / UNIT) / mass, left);
        }
        taken = draw[own + DRAWN];
    }
    return select(0.0, 1.0, id == taken);
}
