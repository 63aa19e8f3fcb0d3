//! How a matrix lies in memory: f32, f16 in pairs, or int8 with a scale a row, padded to 16 columns.

use half::f16;

use super::Matrix;

/// What a value of a packed matrix is stored as. All arithmetic is in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// One value a word, as it was.
    F32,
    /// Two values a word, the first in the low half.
    F16,
    /// Four values a word: `round(x / scale)` in -127..=127 with one scale a row.
    Int8,
}

impl Storage {
    /// All of them, the most exact first.
    pub const ALL: [Storage; 3] = [Storage::F32, Storage::F16, Storage::Int8];

    /// `f32`, `f16` or `int8`, as the npm package spells it.
    pub fn name(self) -> &'static str {
        match self {
            Storage::F32 => "f32",
            Storage::F16 => "f16",
            Storage::Int8 => "int8",
        }
    }

    /// The storage of that name.
    pub fn parse(name: &str) -> Option<Storage> {
        Storage::ALL.into_iter().find(|storage| storage.name() == name)
    }

    /// Values that share a word.
    pub fn values_per_word(self) -> usize {
        match self {
            Storage::F32 => 1,
            Storage::F16 => 2,
            Storage::Int8 => 4,
        }
    }

    /// Value `j` of a word, before the scale of its row.
    pub fn value(self, word: u32, j: usize) -> f32 {
        match self {
            Storage::F32 => f32::from_bits(word),
            Storage::F16 => f16::from_bits((word >> (16 * j)) as u16).to_f32(),
            Storage::Int8 => match (j, word.to_le_bytes()[j]) {
                (3, byte) => f32::from(byte as i8),
                (_, byte) => (i32::from(byte) - BIAS) as f32,
            },
        }
    }
}

/// Columns that a row is padded to a multiple of, so that a kernel reads whole `vec4<u32>`.
pub const COLUMN_BLOCK: usize = 16;

/// Bytes 0, 1 and 2 of an int8 word hold the value plus this; byte 3 holds two's complement. So a
/// kernel turns each byte to a float with a mask alone, keeping its place in the word (`word & 0xff00`
/// is 256 times the value), and the sign of byte 3 comes with the conversion of the whole word.
const BIAS: i32 = 128;

/// A matrix `[N, K]` packed for the kernels: rows one after the other, padded with zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// What a value is stored as.
    pub storage: Storage,
    /// N.
    pub rows: usize,
    /// K, without the padding.
    pub columns: usize,
    /// `[N, words_per_row]`
    pub words: Vec<u32>,
    /// `[N]`; 1 where the storage needs none.
    pub scales: Vec<f32>,
}

impl Packed {
    /// Packs a row-major matrix `[N, K]`.
    pub fn new(matrix: &Matrix, storage: Storage) -> Packed {
        let padded = matrix.columns.next_multiple_of(COLUMN_BLOCK);
        let mut words = Vec::with_capacity(matrix.rows * padded / storage.values_per_word());
        let mut scales = Vec::with_capacity(matrix.rows);
        let mut row = vec![0.0; padded];
        for values in matrix.data.chunks_exact(matrix.columns) {
            row[..matrix.columns].copy_from_slice(values);
            scales.push(pack_row(&row, storage, &mut words));
        }
        Packed { storage, rows: matrix.rows, columns: matrix.columns, words, scales }
    }

    /// Words from the start of a row to the start of the next.
    pub fn words_per_row(&self) -> usize {
        self.columns.next_multiple_of(COLUMN_BLOCK) / self.storage.values_per_word()
    }

    /// Bytes of words and scales.
    pub fn bytes(&self) -> usize {
        4 * (self.words.len() + self.scales.len())
    }

    /// Writes the K values of a row, as a kernel would read them.
    pub fn unpack_row(&self, row: usize, values: &mut [f32]) {
        assert_eq!(values.len(), self.columns, "unpack_row: a row of {} values", self.columns);
        let width = self.words_per_row();
        let words = &self.words[row * width..][..width];
        let per_word = self.storage.values_per_word();
        for (word, values) in words.iter().zip(values.chunks_mut(per_word)) {
            for (j, value) in values.iter_mut().enumerate() {
                *value = self.scales[row] * self.storage.value(*word, j);
            }
        }
    }
}

/// Appends a padded row to the words; gives its scale.
fn pack_row(row: &[f32], storage: Storage, words: &mut Vec<u32>) -> f32 {
    match storage {
        Storage::F32 => words.extend(row.iter().map(|x| x.to_bits())),
        Storage::F16 => words.extend(row.as_chunks().0.iter().map(|[low, high]| {
            let bits = |x: &f32| u32::from(f16::from_f32(*x).to_bits());
            bits(low) | bits(high) << 16
        })),
        Storage::Int8 => {
            let largest = row.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            words.extend(row.as_chunks().0.iter().map(|four| pack_int8(four, scale)));
            return scale;
        }
    }
    1.0
}

fn pack_int8(values: &[f32; 4], scale: f32) -> u32 {
    let quantised = values.map(|x| (x / scale).round().clamp(-127.0, 127.0) as i32);
    let [a, b, c, d] = quantised;
    u32::from_le_bytes([(a + BIAS) as u8, (b + BIAS) as u8, (c + BIAS) as u8, d as u8])
}
