// A lane's share of a head's vector: PART vec4s of its K4, of which a lane beyond the end has fewer.

// Named fields, since an indexed array would not stay in registers.
struct Part {
    a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>,
    e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>,
}

// Whether the lane that starts at vec4 `part` of a head has a vec4 of number `j`.
fn inside(part: u32, j: u32) -> bool {
    return j < PART && (LANES * PART == K4 || part + j < K4);
}

fn dot_parts(x: Part, y: Part) -> f32 {
    var total = dot(x.a, y.a);
    if (PART > 1u) { total += dot(x.b, y.b); }
    if (PART > 2u) { total += dot(x.c, y.c) + dot(x.d, y.d); }
    if (PART > 4u) { total += dot(x.e, y.e) + dot(x.f, y.f); }
    if (PART > 6u) { total += dot(x.g, y.g) + dot(x.h, y.h); }
    return total;
}

fn mix_parts(x: Part, p: f32, y: Part, q: f32) -> Part {
    var z: Part;
    z.a = x.a * p + y.a * q;
    if (PART > 1u) { z.b = x.b * p + y.b * q; }
    if (PART > 2u) { z.c = x.c * p + y.c * q; z.d = x.d * p + y.d * q; }
    if (PART > 4u) { z.e = x.e * p + y.e * q; z.f = x.f * p + y.f * q; }
    if (PART > 6u) { z.g = x.g * p + y.g * q; z.h = x.h * p + y.h * q; }
    return z;
}
