// Reading packed weights: f32, two f16 a word, or four int8 a word; or blocks of 32 columns with a
// scale and a least value each, of four bytes or eight nibbles a word. Rows are padded to whole pairs
// of vec4<u32>: `let pair = &weight[i];` has its bounds checked once, and a check costs as much as a load.
// In an int8 word bytes 0 to 2 hold the value plus 128, byte 3 two's complement: a mask and a
// conversion give the value times its place, which x absorbs beforehand. Shifts cost far more.
// Nibbles: the low ones of four words are columns 0 to 15, the high ones 16 to 31; of each word the
// highest is in two's complement, its value less 8.

override STORAGE: u32;  // 0 f32, 1 f16, 2 int8, 3 q8, 4 q4

override BLOCKED: bool = STORAGE > 2u;                                  // scales of 32-column blocks
override PAIR: u32 = select(8u << min(STORAGE, 2u), 64u, STORAGE == 4u);  // columns of a pair
override PADDED: u32 = select(32u, 64u, BLOCKED);                       // a row is a multiple of
override COLUMNS: u32 = (K + PADDED - 1u) / PADDED * PADDED;            // of a row, with the padding
override PAIRS: u32 = COLUMNS / PAIR;                                   // of a row
override ROW_WORDS: u32 = 1u + u32(BLOCKED) * (COLUMNS / 64u);          // of `rows`, two together

// Scale and bias of a row.
fn scale_bias(row: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(rows[row * ROW_WORDS]);
}

// The scales of two 32-column blocks, number 2 `two` and the next, for `scale_least`.
fn block_scales(row: u32, two: u32) -> vec2<u32> {
    return rows[row * ROW_WORDS + 1u + two];
}

// Scale and least value of a block: two halves in a word, turned to floats in place; half the cost of
// unpack2x16float. Left shifts by multiplication, since some adapters shift lane by lane.
fn scale_least(word: u32) -> vec2<f32> {
    let low = ((word * 0x2000u) & 0x0fffe000u) | ((word * 0x10000u) & 0x80000000u);
    let high = bitcast<u32>(bitcast<i32>(word) >> 3u) & 0x8fffe000u;
    return bitcast<vec2<f32>>(vec2(low, high)) * 0x1p112;
}

// What x is multiplied with before a product, so that each byte or nibble may keep its place in the
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

// 32 values of a row, or of x. Named fields, since an indexed array would not stay in registers.
struct Columns {
    a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>,
    e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>,
}

// Where a loop puts values of x that become Columns. The same loads one by one would be so much code
// that a pipeline takes three times as long to make.
var<private> taken: array<vec4<f32>, 32>;

fn taken_columns(j: u32) -> Columns {
    return Columns(taken[j], taken[j + 1u], taken[j + 2u], taken[j + 3u],
                   taken[j + 4u], taken[j + 5u], taken[j + 6u], taken[j + 7u]);
}

fn place_columns(x: Columns) -> Columns {
    return Columns(placed(x.a, false), placed(x.b, false), placed(x.c, false), placed(x.d, false),
                   placed(x.e, true), placed(x.f, true), placed(x.g, true), placed(x.h, true));
}

// The offset of the weights, and what the least value of a block is multiplied with.
fn offset_of(x: Columns) -> vec2<f32> {
    let low = x.a + x.b + x.c + x.d;
    let high = x.e + x.f + x.g + x.h;
    return vec2(bias_of(low, false) + bias_of(high, true), dot(low + high, vec4(1.0)));
}

// Four columns of int8, or of nibbles; `odd` in the second 16 columns of a block of 32.
fn unpacked(word: u32, odd: bool) -> vec4<f32> {
    if (STORAGE != 4u) { return bytes(word); }
    if (odd) { return high_nibbles(word); }
    return low_nibbles(word);
}

// A block of 32 columns in words, or of nibbles twice in the same words, times placed values of x.
// Each four are used as soon as they are unpacked: more would not stay in registers.
fn dot_words(v: vec4<u32>, w: vec4<u32>, x: Columns) -> f32 {
    return dot(unpacked(v.x, false), x.a) + dot(unpacked(v.y, false), x.b)
        + dot(unpacked(v.z, false), x.c) + dot(unpacked(v.w, false), x.d)
        + dot(unpacked(w.x, true), x.e) + dot(unpacked(w.y, true), x.f)
        + dot(unpacked(w.z, true), x.g) + dot(unpacked(w.w, true), x.h);
}

// A block of 32 columns of f16 or f32.
fn float_columns(row: u32, block: u32) -> Columns {
    if (STORAGE == 1u) {
        let pair = &weight[row * PAIRS + block * 2u];
        let next = &weight[row * PAIRS + block * 2u + 1u];
        let s = (*pair)[0];
        let t = (*pair)[1];
        let v = (*next)[0];
        let w = (*next)[1];
        return Columns(halves(s.x, s.y), halves(s.z, s.w), halves(t.x, t.y), halves(t.z, t.w),
                       halves(v.x, v.y), halves(v.z, v.w), halves(w.x, w.y), halves(w.z, w.w));
    }
    let p = &weight[row * PAIRS + block * 4u];
    let q = &weight[row * PAIRS + block * 4u + 1u];
    let r = &weight[row * PAIRS + block * 4u + 2u];
    let s = &weight[row * PAIRS + block * 4u + 3u];
    return Columns(bitcast<vec4<f32>>((*p)[0]), bitcast<vec4<f32>>((*p)[1]),
                   bitcast<vec4<f32>>((*q)[0]), bitcast<vec4<f32>>((*q)[1]),
                   bitcast<vec4<f32>>((*r)[0]), bitcast<vec4<f32>>((*r)[1]),
                   bitcast<vec4<f32>>((*s)[0]), bitcast<vec4<f32>>((*s)[1]));
}

// The same as dot_words, of f16 or f32.
fn dot_floats(row: u32, block: u32, x: Columns) -> f32 {
    let w = float_columns(row, block);
    return dot(w.a, x.a) + dot(w.b, x.b) + dot(w.c, x.c) + dot(w.d, x.d)
        + dot(w.e, x.e) + dot(w.f, x.f) + dot(w.g, x.g) + dot(w.h, x.h);
}

// Four columns of a row, without the row's scale.
fn weight4(row: u32, column4: u32) -> vec4<f32> {
    let w = weight[row * PAIRS + column4 * 4u / PAIR][column4 * 8u / PAIR % 2u];
    if (STORAGE == 0u) { return bitcast<vec4<f32>>(w); }
    if (STORAGE == 1u) {
        let pair = select(w.xy, w.zw, column4 % 2u == 1u);
        return halves(pair.x, pair.y);
    }
    let places = vec4(1.0, 0x1p-8, 0x1p-16, 0x1p-24);
    let word = w[column4 % 4u];
    var value = bytes(word) * places - vec4(128.0, 128.0, 128.0, 0.0);
    if (STORAGE == 4u) {
        if (column4 / 4u % 2u == 1u) {
            value = high_nibbles(word) * places * 0x1p-4 + vec4(0.0, 0.0, 0.0, 8.0);
        } else {
            value = low_nibbles(word) * places;
        }
    }
    if (BLOCKED) {
        let own = scale_least(block_scales(row, column4 / 16u)[column4 / 8u % 2u]);
        value = value * own.x + own.y;
    }
    return value;
}
