// Reading packed weights: f32, two f16 a word, or four int8 a word, in rows padded to 16 columns; or
// blocks of 32 columns with a scale and a least value each, of four bytes or eight nibbles a word.
// In an int8 word bytes 0 to 2 hold the value plus 128, byte 3 two's complement: a mask and a
// conversion give the value times its place, which x absorbs beforehand. Shifts cost far more.
// Nibbles: the low ones of four words are columns 0 to 15, the high ones 16 to 31; of each word the
// highest is in two's complement, its value less 8.

override STORAGE: u32;  // 0 f32, 1 f16, 2 int8, 3 q8, 4 q4

override BLOCKED: u32 = u32(STORAGE > 2u);                    // 32-column blocks, else of 16
override PADDED: u32 = 16u + 16u * BLOCKED;
override BLOCKS: u32 = (K + PADDED - 1u) / PADDED * (1u + BLOCKED);  // of 16 columns, in a row
override ROW_WORDS: u32 = 2u + BLOCKED * (BLOCKS / 2u);       // in `rows`

// Scale and bias of a row.
fn scale_bias(row: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2(rows[row * ROW_WORDS], rows[row * ROW_WORDS + 1u]));
}

// Scale and least value of a 32-column block, by its first 16 columns. Two halves in a word, turned
// to floats in place; half the cost of unpack2x16float.
fn block_scale(row: u32, block: u32) -> vec2<f32> {
    let word = bitcast<i32>(rows[row * ROW_WORDS + 2u + block / 2u]);
    let halves = (vec2(word << 16u, word) >> vec2(3u)) & vec2(bitcast<i32>(0x8fffe000u));
    return bitcast<vec2<f32>>(halves) * 0x1p112;
}

// What x is multiplied with before `dot`, so that each byte or nibble may keep its place in the
// word; `odd` for the second 16 columns of a block of 32.
fn placed(x: vec4<f32>, odd: bool) -> vec4<f32> {
    if (STORAGE < 2u) { return x; }
    let bytes = x * vec4(1.0, 0x1p-8, 0x1p-16, 0x1p-24);
    if (STORAGE == 4u && odd) { return bytes * 0x1p-4; }
    return bytes;
}

// The part of a dot product that stems from the 128 in bytes 0 to 2, or the 8 less in a nibble.
fn bias_of(x: vec4<f32>, odd: bool) -> f32 {
    if (STORAGE == 4u) { return select(0.0, 8.0 * x.w, odd); }
    if (STORAGE >= 2u) { return -128.0 * (x.x + x.y + x.z); }
    return 0.0;
}

fn bytes(word: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4(word) & vec4(0xffu, 0xff00u, 0xff0000u, 0xff000000u)));
}

fn low_nibbles(word: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4(word) & vec4(0xfu, 0xf00u, 0xf0000u, 0xf000000u)));
}

fn high_nibbles(word: u32) -> vec4<f32> {
    return vec4<f32>(bitcast<vec4<i32>>(vec4(word) & vec4(0xf0u, 0xf000u, 0xf00000u, 0xf0000000u)));
}

fn halves(a: u32, b: u32) -> vec4<f32> {
    return vec4(unpack2x16float(a), unpack2x16float(b));
}

// 16 columns of a row: block `block` of 16 columns, each number in its place, without scales.
fn weight16(row: u32, block: u32) -> mat4x4<f32> {
    let at = row * BLOCKS + block;
    if (STORAGE == 4u) {
        let w = weight[at / 2u];
        if (block % 2u == 0u) {
            return mat4x4(low_nibbles(w.x), low_nibbles(w.y), low_nibbles(w.z), low_nibbles(w.w));
        }
        return mat4x4(high_nibbles(w.x), high_nibbles(w.y), high_nibbles(w.z), high_nibbles(w.w));
    }
    if (STORAGE >= 2u) {
        let w = weight[at];
        return mat4x4(bytes(w.x), bytes(w.y), bytes(w.z), bytes(w.w));
    }
    if (STORAGE == 1u) {
        let v = weight[at * 2u];
        let w = weight[at * 2u + 1u];
        return mat4x4(halves(v.x, v.y), halves(v.z, v.w), halves(w.x, w.y), halves(w.z, w.w));
    }
    return mat4x4(bitcast<vec4<f32>>(weight[at * 4u]), bitcast<vec4<f32>>(weight[at * 4u + 1u]),
                  bitcast<vec4<f32>>(weight[at * 4u + 2u]), bitcast<vec4<f32>>(weight[at * 4u + 3u]));
}

// Such a block times 16 placed values of x.
fn dot16(row: u32, block: u32, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> f32 {
    let w = weight16(row, block);
    return dot(w[0], a) + dot(w[1], b) + dot(w[2], c) + dot(w[3], d);
}

// A block of 32 columns with its scale times 32 placed values of x; `offset` is what bias_of gives
// for them, and their sum.
fn dot32(
    row: u32, block: u32, offset: vec2<f32>,
    a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>,
    e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>,
) -> f32 {
    var sum = offset.x;
    if (STORAGE == 4u) {
        let w = weight[(row * BLOCKS + block) / 2u];
        sum += dot(low_nibbles(w.x), a) + dot(low_nibbles(w.y), b)
            + dot(low_nibbles(w.z), c) + dot(low_nibbles(w.w), d)
            + dot(high_nibbles(w.x), e) + dot(high_nibbles(w.y), f)
            + dot(high_nibbles(w.z), g) + dot(high_nibbles(w.w), h);
    } else {
        sum += dot16(row, block, a, b, c, d) + dot16(row, block + 1u, e, f, g, h);
    }
    let own = block_scale(row, block);
    return sum * own.x + offset.y * own.y;
}

// Four columns of a row, without the row's scale.
fn weight4(row: u32, column4: u32) -> vec4<f32> {
    let block = column4 / 4u;
    let at = row * BLOCKS + block;
    let part = column4 % 4u;
    if (STORAGE == 4u) {
        let word = weight[at / 2u][part];
        var value = low_nibbles(word);
        if (block % 2u == 1u) { value = high_nibbles(word) * 0x1p-4; }
        value *= vec4(1.0, 0x1p-8, 0x1p-16, 0x1p-24);
        if (block % 2u == 1u) { value.w += 8.0; }
        let own = block_scale(row, block);
        return value * own.x + own.y;
    }
    if (STORAGE >= 2u) {
        let placed = bytes(weight[at][part]) * vec4(1.0, 0x1p-8, 0x1p-16, 0x1p-24);
        let value = placed - vec4(128.0, 128.0, 128.0, 0.0);
        if (STORAGE == 2u) { return value; }
        let own = block_scale(row, block);
        return value * own.x + own.y;
    }
    if (STORAGE == 1u) {
        let w = weight[at * 2u + part / 2u];
        let pair = select(w.xy, w.zw, part % 2u == 1u);
        return halves(pair.x, pair.y);
    }
    return bitcast<vec4<f32>>(weight[at * 4u + part]);
}
