// Reading packed weights: rows padded to 16 columns; f32, two f16 a word, or four int8 a word.
// In an int8 word bytes 0 to 2 hold the value plus 128, byte 3 two's complement: a mask and a
// conversion give the value times its place, which x absorbs beforehand. Shifts cost far more.

override STORAGE: u32;  // 0 f32, 1 f16, 2 int8

// What x is multiplied with before `dot4`, so that each byte may keep its place in the word.
fn placed(x: vec4<f32>) -> vec4<f32> {
    if (STORAGE == 2u) { return x * vec4(1.0, 0x1p-8, 0x1p-16, 0x1p-24); }
    return x;
}

// The part of a dot product that stems from the 128 in bytes 0 to 2.
fn bias_of(x: vec4<f32>) -> f32 {
    if (STORAGE == 2u) { return -128.0 * (x.x + x.y + x.z); }
    return 0.0;
}

fn bytes(word: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4(word) & vec4(0xffu, 0xff00u, 0xff0000u, 0xff000000u)));
}

fn halves(a: u32, b: u32) -> vec4<f32> {
    return vec4(unpack2x16float(a), unpack2x16float(b));
}

// 16 columns of a row: the 16-column block `block`, each byte or half in its place.
fn weight16(block: u32) -> mat4x4<f32> {
    if (STORAGE == 2u) {
        let w = weight[block];
        return mat4x4(bytes(w.x), bytes(w.y), bytes(w.z), bytes(w.w));
    }
    if (STORAGE == 1u) {
        let v = weight[block * 2u];
        let w = weight[block * 2u + 1u];
        return mat4x4(halves(v.x, v.y), halves(v.z, v.w), halves(w.x, w.y), halves(w.z, w.w));
    }
    let at = block * 4u;
    return mat4x4(bitcast<vec4<f32>>(weight[at]), bitcast<vec4<f32>>(weight[at + 1u]),
                  bitcast<vec4<f32>>(weight[at + 2u]), bitcast<vec4<f32>>(weight[at + 3u]));
}

// Such a block times 16 placed values of x.
fn dot16(block: u32, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> f32 {
    let w = weight16(block);
    return dot(w[0], a) + dot(w[1], b) + dot(w[2], c) + dot(w[3], d);
}

// Four columns of a row of `blocks` 16-column blocks, without the row's scale.
fn weight4(row: u32, blocks: u32, column4: u32) -> vec4<f32> {
    let block = row * blocks + column4 / 4u;
    let part = column4 % 4u;
    if (STORAGE == 2u) {
        let value = bytes(weight[block][part]) * vec4(1.0, 0x1p-8, 0x1p-16, 0x1p-24);
        return value - vec4(128.0, 128.0, 128.0, 0.0);
    }
    if (STORAGE == 1u) {
        let w = weight[block * 2u + part / 2u];
        let pair = select(w.xy, w.zw, part % 2u == 1u);
        return halves(pair.x, pair.y);
    }
    return bitcast<vec4<f32>>(weight[block * 4u + part]);
}
