//! Blocks of 32 columns with a scale and a least value each: `x = q · scale + least`.

use half::f16;

use super::Storage;

/// Columns of a block.
pub const BLOCK: usize = 32;

/// A block: `x[j] = q[j] · scale + least`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// What the numbers are multiplied with.
    pub scale: f32,
    /// What is added.
    pub least: f32,
    /// From -127 to 127 in Q8, from 0 to 15 in Q4.
    pub numbers: [i8; BLOCK],
}

impl Block {
    /// Columns of padding.
    pub const ZERO: Block = Block { scale: 0.0, least: 0.0, numbers: [0; BLOCK] };

    /// The nearest block of a storage, with a scale that f16 holds.
    fn nearest(values: &[f32; BLOCK], storage: Storage) -> Block {
        let rounded = |x: f32| f16::from_f32(x).to_f32();
        let (least, [lowest, highest]) = match storage {
            Storage::Q4 => (values.iter().copied().fold(f32::INFINITY, f32::min), [0.0, 15.0]),
            _ => (0.0, [-127.0, 127.0]),
        };
        let least = rounded(least);
        let furthest = values.iter().fold(0.0f32, |furthest, x| furthest.max((x - least).abs()));
        let scale = rounded(furthest / highest);
        let number = |x: f32| match scale > 0.0 {
            true => ((x - least) / scale).round().clamp(lowest, highest) as i8,
            false => 0,
        };
        Block { scale, least, numbers: values.map(number) }
    }

    /// Its words, in the order and the places in which kernels mask them.
    fn words(&self, storage: Storage, words: &mut Vec<u32>) {
        let numbers = self.numbers.as_chunks().0;
        if storage == Storage::Q8 {
            words.extend(numbers.iter().map(|four| super::storage::biased_bytes(*four)));
            return;
        }
        // Columns 0 to 15 are the low halves of the bytes, 16 to 31 the high ones; the highest of
        // a word is in two's complement, so that a conversion to i32 gets it right.
        let (low, high) = numbers.split_at(numbers.len() / 2);
        words.extend(low.iter().zip(high).map(|(low, high)| {
            let [low, high] = [low, high].map(|four| u32::from_le_bytes(four.map(|q| q as u8)));
            (low | high << 4) ^ 0x8000_0000
        }));
    }
}

/// Appends a row's blocks to `words`, and a word of scale and least value for each to `scales`:
/// f16 both, the scale in the low half, as multiples of a power of two that is given back. That
/// power keeps them clear of the smallest halves, which some adapters take for zeros.
pub fn pack(
    blocks: &[Block],
    storage: Storage,
    words: &mut Vec<u32>,
    scales: &mut Vec<u32>,
) -> f32 {
    let sizes = blocks.iter().flat_map(|block| [block.scale.abs(), block.least.abs()]);
    let unit = unit(sizes.fold(0.0, f32::max), f16::MAX_EXP - 1);
    for block in blocks {
        block.words(storage, words);
        let half = |x: f32| u32::from(f16::from_f32(x / unit).to_bits());
        scales.push(half(block.scale) | half(block.least) << 16);
    }
    unit
}

/// The same for values that have no blocks yet; their number is a multiple of 32.
pub fn pack_values(
    row: &[f32],
    storage: Storage,
    words: &mut Vec<u32>,
    scales: &mut Vec<u32>,
) -> f32 {
    let unit = unit(row.iter().fold(0.0f32, |most, x| most.max(x.abs())), f16::MAX_EXP - 2);
    let values = row.as_chunks().0.iter();
    let blocks: Vec<Block> =
        values.map(|values| Block::nearest(&values.map(|x| x / unit), storage)).collect();
    unit * pack(&blocks, storage, words, scales)
}

/// The power of two of which `largest` is a multiple by 2^`top` or somewhat more.
fn unit(largest: f32, top: i32) -> f32 {
    let exponent = (largest.to_bits() >> 23) as i32 - 127;
    let power = (exponent - top).clamp(-100, 100);
    f32::from_bits(((power + 127) as u32) << 23)
}

/// The scale and the least value in a word.
pub fn scale_least(word: u32) -> [f32; 2] {
    [word as u16, (word >> 16) as u16].map(|bits| f16::from_bits(bits).to_f32())
}
