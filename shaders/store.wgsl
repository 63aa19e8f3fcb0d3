// Stores the keys and values of a chunk in the K-V ring, each position in its slot.

override WORKGROUP: u32;

struct Sizes {
    B: u32, T: u32, C: u32, sinks: u32,
    width: u32,                         // vec4s of all keys of a position
    row: u32, key: u32, value: u32,     // vec4s from row to row, and from the start of a row
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       fresh: array<vec4<f32>>;  // [B, T, row]
@group(0) @binding(2) var<storage, read>       state: array<u32>;        // StepState
@group(0) @binding(3) var<storage, read_write> ring: array<vec4<f32>>;   // [B, C, 2, G, K]

@compute @workgroup_size(WORKGROUP)
fn store(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var at = id.x; at < sizes.B * sizes.T * sizes.width; at += groups.x * WORKGROUP) {
        let row = at / sizes.width;
        let column = at % sizes.width;
        let t = row % sizes.T;
        let position = position_of(row / sizes.T) + t;
        let real = fresh_rows(row / sizes.T);
        // Of two positions with one slot the later one stays.
        let stays = position < sizes.sinks || t + sizes.C - sizes.sinks >= real;
        if (t < real && stays) {
            let slot = slot_of(position, sizes.C, sizes.sinks);
            let to = (row / sizes.T * sizes.C + slot) * 2u * sizes.width + column;
            ring[to] = fresh[row * sizes.row + sizes.key + column];
            ring[to + sizes.width] = fresh[row * sizes.row + sizes.value + column];
        }
    }
}
