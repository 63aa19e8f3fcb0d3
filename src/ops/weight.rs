//! A weight matrix in the memory of the device, and its rows as a twin reads them.

use crate::tensor::Tensor;
use crate::weights::Storage;

/// A packed matrix `[N, K]` with a scale and a bias for each row.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// What a value is stored as.
    pub storage: Storage,
    /// `[N, words of a row]`
    pub words: Tensor,
    /// `[N, 2 + blocks]`: scale and bias of each row, then scale and least value of its blocks
    pub rows: Tensor,
    /// N
    pub outputs: u32,
    /// K
    pub inputs: u32,
}

/// The number by which shaders know a storage.
pub fn code(storage: Storage) -> f64 {
    f64::from(storage as u32)
}

/// A matrix as a twin sees it.
pub struct Matrix<'a> {
    storage: Storage,
    words: &'a [u32],
    rows: &'a [u32],
    width: usize,
}

impl<'a> Matrix<'a> {
    /// The matrix of `width` columns in `words` and `rows`, by the number of its storage.
    pub fn new(code: usize, words: &'a [u32], rows: &'a [u32], width: usize) -> Matrix<'a> {
        Matrix { storage: Storage::ALL[code], words, rows, width }
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.rows.len() / self.words_of_row()
    }

    /// Writes the values of a row, scaled.
    pub fn unpack(&self, row: usize, values: &mut [f32]) {
        let stride = self.storage.words_per_row(self.width);
        let words = &self.words[row * stride..][..stride];
        let [scale, _, blocks @ ..] = self.row(row) else { unreachable!("scale and bias") };
        self.storage.unpack(f32::from_bits(*scale), words, blocks, values);
    }

    /// The bias of a row.
    pub fn bias(&self, row: usize) -> f32 {
        f32::from_bits(self.row(row)[1])
    }

    fn row(&self, row: usize) -> &[u32] {
        let words = self.words_of_row();
        &self.rows[row * words..][..words]
    }

    fn words_of_row(&self) -> usize {
        2 + self.storage.blocks_per_row(self.width)
    }
}
