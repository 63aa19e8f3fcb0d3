//! How a file encodes the values of a tensor.

use half::{bf16, f16};

use super::blocks::{BLOCK, Block};
use super::quantised;
use super::storage::Storage;

/// What the values of a tensor in a file are encoded as. Names are those of GGUF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Four bytes a value.
    F32,
    /// Two bytes a value.
    F16,
    /// The upper two bytes of an f32.
    Bf16,
    /// A row is its scale, an f32, and a byte for each of its values: only rows of matrices are so.
    Int8,
    /// Blocks of 32 bytes with a scale.
    Q8_0,
    /// Blocks of 32 nibbles with a scale, 8 being zero.
    Q4_0,
    /// Blocks of 32 nibbles with a scale and a least value.
    Q4_1,
    /// Blocks of 32 numbers of five bits with a scale, 16 being zero.
    Q5_0,
    /// Blocks of 32 numbers of five bits with a scale and a least value.
    Q5_1,
    /// 256 nibbles, with a scale and a least value for every 32.
    Q4K,
    /// 256 numbers of five bits, with a scale and a least value for every 32.
    Q5K,
    /// 256 numbers of six bits, with a scale for every 16.
    Q6K,
}

/// Bytes in front of a row of `Int8`.
pub const INT8_SCALE: usize = 4;

impl Encoding {
    /// Values that are encoded together, and the bytes that they take.
    pub fn block(self) -> (usize, usize) {
        match self {
            Encoding::F32 => (1, 4),
            Encoding::F16 | Encoding::Bf16 => (1, 2),
            Encoding::Int8 => (1, 1),
            Encoding::Q8_0 => (32, 34),
            Encoding::Q4_0 => (32, 18),
            Encoding::Q4_1 => (32, 20),
            Encoding::Q5_0 => (32, 22),
            Encoding::Q5_1 => (32, 24),
            Encoding::Q4K => (256, 144),
            Encoding::Q5K => (256, 176),
            Encoding::Q6K => (256, 210),
        }
    }

    /// Bytes of a row of `columns`, which are a multiple of a block.
    pub fn row_bytes(self, columns: usize) -> usize {
        let (values, bytes) = self.block();
        let scale = if self == Encoding::Int8 { INT8_SCALE } else { 0 };
        scale + columns / values * bytes
    }

    /// The storage that holds all that such a tensor says, in the fewest bytes.
    pub fn own_storage(self) -> Storage {
        match self {
            Encoding::F32 | Encoding::Bf16 => Storage::F32,
            Encoding::F16 => Storage::F16,
            Encoding::Int8 => Storage::Int8,
            Encoding::Q4_0 | Encoding::Q4_1 => Storage::Q4,
            _ => Storage::Q8,
        }
    }

    /// The values of encoded bytes; of one row, where rows have scales.
    pub fn decode(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Encoding::F32 => decode_words(bytes, values, f32::from_le_bytes),
            Encoding::F16 => {
                decode_words(bytes, values, |word| f16::from_le_bytes(word).to_f32());
            }
            Encoding::Bf16 => {
                decode_words(bytes, values, |word| bf16::from_le_bytes(word).to_f32());
            }
            Encoding::Int8 => {
                let Some((scale, numbers)) = bytes.split_first_chunk() else { return };
                let scale = f32::from_le_bytes(*scale);
                values.extend(numbers.iter().map(|number| scale * f32::from(*number as i8)));
            }
            Encoding::Q4K => decode_blocks(bytes, values, quantised::q4_k),
            Encoding::Q5K => decode_blocks(bytes, values, quantised::q5_k),
            Encoding::Q6K => decode_blocks(bytes, values, quantised::q6_k),
            _ => {
                for block in bytes.chunks_exact(self.block().1) {
                    let Block { scale, least, numbers } = self.numbers(block);
                    values.extend(numbers.map(|number| f32::from(number) * scale + least));
                }
            }
        }
    }

    /// The blocks of a row, if a storage takes them as they are.
    pub(super) fn blocks(self, row: &[u8], storage: Storage) -> Option<Vec<Block>> {
        let (values, bytes) = self.block();
        let is_narrow = self.own_storage() == Storage::Q4;
        let fits = storage == Storage::Q8 || storage == Storage::Q4 && is_narrow;
        (fits && values == BLOCK)
            .then(|| row.chunks_exact(bytes).map(|block| self.numbers(block)).collect())
    }

    fn numbers(self, block: &[u8]) -> Block {
        match self {
            Encoding::Q8_0 => quantised::q8_0(block),
            Encoding::Q4_0 => quantised::q4_0(block),
            Encoding::Q4_1 => quantised::q4_1(block),
            Encoding::Q5_0 => quantised::q5_0(block),
            Encoding::Q5_1 => quantised::q5_1(block),
            other => panic!("{other:?} has no blocks of 32"),
        }
    }
}

fn decode_words<const N: usize>(
    bytes: &[u8],
    values: &mut Vec<f32>,
    value: impl Fn([u8; N]) -> f32,
) {
    values.extend(bytes.as_chunks().0.iter().map(|word| value(*word)));
}

fn decode_blocks<const N: usize>(
    bytes: &[u8],
    values: &mut Vec<f32>,
    decode: impl Fn(&[u8; N], &mut Vec<f32>),
) {
    bytes.as_chunks().0.iter().for_each(|block| decode(block, values));
}
