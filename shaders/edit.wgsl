// A change of a value in place: of the chosen heads x = x · factor, or x = what another run had.

override WORKGROUP: u32;
override REPLACE: bool = false;

struct Sizes {
    B: u32, T: u32, width: u32,    // rows of each of B, and columns of them that are the value
    row: u32, first: u32,          // words from row to row, and from the start of x
    inner: u32, heads: u32,        // values of a head that follow each other; heads take turns
    low: u32, high: u32,           // a bit for each head that is changed
    factor: f32,
    only: u32,                     // the position at which it is replaced; all ones for any
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       values: array<f32>;  // [B or 1, T, width] of another run
@group(0) @binding(2) var<storage, read>       state: array<u32>;   // StepState
@group(0) @binding(3) var<storage, read_write> x: array<f32>;       // [B, T, row]

@compute @workgroup_size(WORKGROUP)
fn edit(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let each = sizes.T * sizes.width;
    for (var at = id.x; at < sizes.B * each; at += groups.x * WORKGROUP) {
        let head = at / sizes.inner % sizes.heads;
        let bits = select(sizes.low, sizes.high, head >= 32u);
        if (((bits >> (head % 32u)) & 1u) == 0u) { continue; }
        let place = at / sizes.width * sizes.row + sizes.first + at % sizes.width;
        if (REPLACE) {
            let position = state[state_word(STATE_POSITIONS, at / each, sizes.B)];
            if (sizes.only == 0xffffffffu || position == sizes.only) {
                x[place] = values[at % arrayLength(&values)];
            }
        } else {
            x[place] *= sizes.factor;
        }
    }
}
