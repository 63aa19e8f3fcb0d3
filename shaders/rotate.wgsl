// Rotary positions, in place: pair i of each head turns by position · θ^(−2i/K).

override WORKGROUP: u32;
override K4: u32;  // width of a head in vec4s

struct Sizes {
    B: u32, T: u32, H: u32,  // H heads, one after the other: those of queries and of keys
    row: u32, first: u32,    // vec4s from row to row, and from the start of a row
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       state: array<u32>;         // StepState
@group(0) @binding(2) var<storage, read>       rotary: array<vec4<f32>>;  // [2, 1024, K/2, cos sin]
@group(0) @binding(3) var<storage, read_write> rows: array<vec4<f32>>;    // [B, T, row]

@compute @workgroup_size(WORKGROUP)
fn rotate(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let width = sizes.H * K4;
    for (var at = id.x; at < sizes.B * sizes.T * width; at += groups.x * WORKGROUP) {
        let place = at / width * sizes.row + sizes.first + at % width;
        let t = at / width;
        let position = state[state_word(STATE_POSITIONS, t / sizes.T, sizes.B)] + t % sizes.T;
        rows[place] = turned(rows[place], position, at % K4);
    }
}
