//! The blocks of GGUF: 32 or 256 numbers of few bits, with scales in f16.

use half::f16;

use super::blocks::{BLOCK, Block};

/// Scale, then 32 signed bytes.
pub fn q8_0(block: &[u8]) -> Block {
    let mut numbers = [0; BLOCK];
    numbers.iter_mut().zip(&block[2..]).for_each(|(number, byte)| *number = *byte as i8);
    Block { scale: half(block, 0), least: 0.0, numbers }
}

/// Scale, then 32 nibbles, of which 8 means 0.
pub fn q4_0(block: &[u8]) -> Block {
    let scale = half(block, 0);
    Block { scale, least: -8.0 * scale, numbers: nibbles(&block[2..]) }
}

/// Scale, least value, then 32 nibbles.
pub fn q4_1(block: &[u8]) -> Block {
    Block { scale: half(block, 0), least: half(block, 2), numbers: nibbles(&block[4..]) }
}

/// Scale, 32 fifth bits, then 32 nibbles; 16 means 0.
pub fn q5_0(block: &[u8]) -> Block {
    let scale = half(block, 0);
    let numbers = five_bits(&block[2..6], &block[6..]);
    Block { scale, least: -16.0 * scale, numbers }
}

/// Scale, least value, 32 fifth bits, then 32 nibbles.
pub fn q5_1(block: &[u8]) -> Block {
    let numbers = five_bits(&block[4..8], &block[8..]);
    Block { scale: half(block, 0), least: half(block, 2), numbers }
}

fn half(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// The low halves of 16 bytes are the first 16 numbers, the high halves the others.
fn nibbles(bytes: &[u8]) -> [i8; BLOCK] {
    let mut numbers = [0; BLOCK];
    for (j, byte) in bytes[..16].iter().enumerate() {
        numbers[j] = (byte & 15) as i8;
        numbers[j + 16] = (byte >> 4) as i8;
    }
    numbers
}

/// Nibbles, with the fifth bit of number j in bit j of four bytes.
fn five_bits(high: &[u8], low: &[u8]) -> [i8; BLOCK] {
    let mut numbers = nibbles(low);
    for (j, number) in numbers.iter_mut().enumerate() {
        *number |= ((high[j / 8] >> (j % 8) & 1) << 4) as i8;
    }
    numbers
}

/// 256 values of four bits: two scales in f16, eight pairs of six bits, nibbles.
pub fn q4_k(block: &[u8; 144], values: &mut Vec<f32>) {
    let (head, numbers) = block.split_at(16);
    for (part, (scale, least)) in scales_of_eight(head).into_iter().enumerate() {
        let bytes = &numbers[part / 2 * 32..][..32];
        let number = |byte: &u8| if part % 2 == 0 { byte & 15 } else { byte >> 4 };
        values.extend(bytes.iter().map(|byte| f32::from(number(byte)) * scale - least));
    }
}

/// 256 values of five bits: the same, with the fifth bits of all eight parts in 32 bytes.
pub fn q5_k(block: &[u8; 176], values: &mut Vec<f32>) {
    let (head, rest) = block.split_at(16);
    let (fifth, numbers) = rest.split_at(32);
    for (part, (scale, least)) in scales_of_eight(head).into_iter().enumerate() {
        let bytes = numbers[part / 2 * 32..][..32].iter().zip(fifth);
        values.extend(bytes.map(|(byte, fifth)| {
            let low = if part % 2 == 0 { byte & 15 } else { byte >> 4 };
            f32::from(low | (fifth >> part & 1) << 4) * scale - least
        }));
    }
}

/// Scale and least value of eight parts: two halves, then 12 bytes with six bits for each. The
/// last four parts keep their upper two bits in the bytes of the first four.
fn scales_of_eight(head: &[u8]) -> [(f32, f32); 8] {
    let (scale, least, bits) = (half(head, 0), half(head, 2), &head[4..16]);
    std::array::from_fn(|part| {
        let (s, m) = match part {
            0..4 => (bits[part] & 63, bits[part + 4] & 63),
            _ => (
                bits[part + 4] & 15 | bits[part - 4] >> 6 << 4,
                bits[part + 4] >> 4 | bits[part] >> 6 << 4,
            ),
        };
        (scale * f32::from(s), least * f32::from(m))
    })
}

/// 256 values of six bits, 32 meaning 0: nibbles, upper two bits, a signed scale for every 16, and
/// one scale in f16.
pub fn q6_k(block: &[u8; 210], values: &mut Vec<f32>) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, scale) = rest.split_at(16);
    let scale = half(scale, 0);
    for at in 0..256 {
        // Of each 128 values, four runs of 32 share 64 bytes of nibbles and 32 of upper bits.
        let (side, run, j) = (at / 128, at / 32 % 4, at % 32);
        let byte = low[side * 64 + run % 2 * 32 + j];
        let nibble = if run < 2 { byte & 15 } else { byte >> 4 };
        let upper = high[side * 32 + j] >> (2 * run) & 3;
        let number = i32::from(nibble | upper << 4) - 32;
        values.push(scale * f32::from(scales[at / 16] as i8) * number as f32);
    }
}
