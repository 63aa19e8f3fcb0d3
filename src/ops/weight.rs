//! A weight matrix in the memory of the device, and its rows as a twin reads them.

use crate::kernel::floats;
use crate::tape::Tensor;
use crate::weights::{COLUMN_BLOCK, Storage};

/// A packed matrix `[N, K]` with a scale and a bias for each row.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// What a value is stored as.
    pub storage: Storage,
    /// `[N, words of a row]`
    pub words: Tensor,
    /// `[N, 2]`: scale and bias of each row
    pub rows: Tensor,
    /// N
    pub outputs: u32,
    /// K
    pub inputs: u32,
}

/// The number by which shaders know a storage.
pub fn code(storage: Storage) -> f64 {
    match storage {
        Storage::F32 => 0.0,
        Storage::F16 => 1.0,
        Storage::Int8 => 2.0,
    }
}

/// A matrix as a twin sees it.
pub struct Rows<'a> {
    storage: Storage,
    words: &'a [u32],
    scale_bias: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// The matrix of `width` columns in `words` and `rows`, by the number of its storage.
    pub fn new(code: u32, words: &'a [u32], rows: &'a [u32], width: usize) -> Rows<'a> {
        let storage = Storage::ALL[code as usize];
        Rows { storage, words, scale_bias: floats(rows), width }
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.scale_bias.len() / 2
    }

    /// Writes the values of a row, scaled.
    pub fn unpack(&self, row: usize, values: &mut [f32]) {
        let per_word = self.storage.values_per_word();
        let stride = self.width.next_multiple_of(COLUMN_BLOCK) / per_word;
        let scale = self.scale_bias[2 * row];
        let words = &self.words[row * stride..][..stride];
        for (word, values) in words.iter().zip(values.chunks_mut(per_word)) {
            for (j, value) in values.iter_mut().enumerate() {
                *value = scale * self.storage.value(*word, j);
            }
        }
    }

    /// The bias of a row.
    pub fn bias(&self, row: usize) -> f32 {
        self.scale_bias[2 * row + 1]
    }
}
