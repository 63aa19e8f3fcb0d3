// Rotary positions: pair i of a head turns by position · θ^(−2i/K). The table has the angles of
// multiples of 1024 and of what is left of them, so that f32 keeps its digits up to position 2^20.

// Vec4 number `j` of a head, two adjacent pairs, at a position.
fn turned(x: vec4<f32>, position: u32, j: u32) -> vec4<f32> {
    let high = rotary[position / 1024u * K4 + j];
    let low = rotary[(1024u + position % 1024u) * K4 + j];
    // Cosine and sine of a sum, for both pairs.
    let c = high.xz * low.xz - high.yw * low.yw;
    let s = high.yw * low.xz + high.xz * low.yw;
    return vec4(x.x * c.x - x.y * s.x, x.x * s.x + x.y * c.x, x.z * c.y - x.w * s.y, x.z * s.y + x.w * c.y);
}
