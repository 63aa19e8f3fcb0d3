//! How a matrix lies in memory: f32, f16 in pairs, int8 by rows, or blocks with a scale each.

use half::f16;

use super::blocks::{self, BLOCK, Block};
use super::encoding::Encoding;

/// What a value of a packed matrix is stored as. All arithmetic is in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// One value a word, as it was.
    F32,
    /// Two values a word, the first in the low half.
    F16,
    /// Four values a word: `round(x / scale)` in -127..=127 with one scale a row.
    Int8,
    /// Four values a word: -127 to 127, times a scale, plus a least value, of every 32 columns.
    Q8,
    /// Eight values a word: 0 to 15, times a scale, plus a least value, of every 32 columns.
    Q4,
}

impl Storage {
    /// All of them, by the number that shaders know them by.
    pub const ALL: [Storage; 5] =
        [Storage::F32, Storage::F16, Storage::Int8, Storage::Q8, Storage::Q4];

    /// `f32`, `f16`, `int8`, `q8` or `q4`, as the npm package spells it.
    pub fn name(self) -> &'static str {
        match self {
            Storage::F32 => "f32",
            Storage::F16 => "f16",
            Storage::Int8 => "int8",
            Storage::Q8 => "q8",
            Storage::Q4 => "q4",
        }
    }

    /// The storage of that name.
    pub fn parse(name: &str) -> Option<Storage> {
        Storage::ALL.into_iter().find(|storage| storage.name() == name)
    }

    /// The least storage that holds what several others hold, without a rounding.
    pub fn of_all(storages: impl IntoIterator<Item = Storage>) -> Storage {
        let join = |a: Storage, b: Storage| match (a, b) {
            (a, b) if a == b => a,
            (Storage::Q8, Storage::Q4) | (Storage::Q4, Storage::Q8) => Storage::Q8,
            _ => Storage::F32,
        };
        storages.into_iter().reduce(join).unwrap_or(Storage::F32)
    }

    /// Whether every 32 columns have a scale and a least value of their own.
    pub fn has_blocks(self) -> bool {
        matches!(self, Storage::Q8 | Storage::Q4)
    }

    /// Values that share a word.
    pub fn values_per_word(self) -> usize {
        match self {
            Storage::F32 => 1,
            Storage::F16 => 2,
            Storage::Int8 | Storage::Q8 => 4,
            Storage::Q4 => 8,
        }
    }

    /// Columns that a row is padded to a multiple of: kernels take 32 at a time, and of blocks two.
    pub fn column_block(self) -> usize {
        if self.has_blocks() { 2 * BLOCK } else { BLOCK }
    }

    /// Words from the start of a row of `columns` to the start of the next.
    pub fn words_per_row(self, columns: usize) -> usize {
        columns.next_multiple_of(self.column_block()) / self.values_per_word()
    }

    /// Blocks of a row that have a scale of their own.
    pub fn blocks_per_row(self, columns: usize) -> usize {
        match self.has_blocks() {
            true => columns.next_multiple_of(self.column_block()) / BLOCK,
            false => 0,
        }
    }

    /// Writes the values of a row that is stored in `words` and in `scales` of its blocks.
    pub fn unpack(self, scale: f32, words: &[u32], scales: &[u32], values: &mut [f32]) {
        for (column, value) in values.iter_mut().enumerate() {
            *value = match scales.get(column / BLOCK) {
                None => scale * self.number(words, column),
                Some(word) => {
                    let [own, least] = blocks::scale_least(*word);
                    scale * (own * self.number(words, column) + least)
                }
            };
        }
    }

    /// The stored number of a column, before any scale.
    fn number(self, words: &[u32], column: usize) -> f32 {
        let per_word = self.values_per_word();
        let (word, j) = (|index: usize| words[index], column % per_word);
        match self {
            Storage::F32 => f32::from_bits(word(column)),
            Storage::F16 => f16::from_bits((word(column / 2) >> (16 * j)) as u16).to_f32(),
            Storage::Int8 | Storage::Q8 => match word(column / 4).to_le_bytes()[j] {
                byte if j == 3 => f32::from(byte as i8),
                byte => (i32::from(byte) - BIAS) as f32,
            },
            Storage::Q4 => {
                let at = column / BLOCK * 4 + column % 16 / 4;
                let byte = (word(at) ^ 0x8000_0000).to_le_bytes()[column % 4];
                f32::from(if column % BLOCK < 16 { byte & 15 } else { byte >> 4 })
            }
        }
    }
}

/// Bytes 0, 1 and 2 of an int8 word hold the value plus this; byte 3 holds two's complement. So a
/// kernel turns each byte to a float with a mask alone, keeping its place in the word (`word & 0xff00`
/// is 256 times the value), and the sign of byte 3 comes with the conversion of the whole word.
const BIAS: i32 = 128;

/// Rows of K values packed for the kernels, one after the other, padded with zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// What a value is stored as.
    pub storage: Storage,
    /// K, without the padding.
    pub columns: usize,
    /// `[N, words_per_row]`
    pub words: Vec<u32>,
    /// `[N]`; a power of two where blocks have scales, 1 where the storage needs none.
    pub scales: Vec<f32>,
    /// `[N, blocks_per_row]`: scale and least value of each block, f16 both.
    pub block_scales: Vec<u32>,
}

impl Packed {
    /// No row yet.
    pub fn new(storage: Storage, columns: usize) -> Packed {
        Packed { storage, columns, words: vec![], scales: vec![], block_scales: vec![] }
    }

    /// Rows of values, `[.., K]`.
    pub fn of(storage: Storage, columns: usize, values: &[f32]) -> Packed {
        let mut packed = Packed::new(storage, columns);
        values.chunks_exact(columns).for_each(|row| packed.push_values(row));
        packed
    }

    /// Takes another row of K values.
    pub fn push_values(&mut self, row: &[f32]) {
        let mut padded = row.to_vec();
        padded.resize(row.len().next_multiple_of(self.storage.column_block()), 0.0);
        let scale = pack_row(&padded, self.storage, &mut self.words, &mut self.block_scales);
        self.scales.push(scale);
    }

    /// Takes another row as a file has it, without a rounding where the storage has room for it.
    pub fn push_encoded(&mut self, encoding: Encoding, row: &[u8]) {
        match encoding.blocks(row, self.storage) {
            Some(mut blocks) => {
                blocks.resize(self.storage.blocks_per_row(self.columns), Block::ZERO);
                let Packed { storage, words, scales, block_scales, .. } = self;
                scales.push(blocks::pack(&blocks, *storage, words, block_scales));
            }
            None => {
                let mut values = Vec::with_capacity(self.columns);
                encoding.decode(row, &mut values);
                self.push_values(&values);
            }
        }
    }

    /// N, rows so far.
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// Words from the start of a row to the start of the next.
    pub fn words_per_row(&self) -> usize {
        self.storage.words_per_row(self.columns)
    }

    /// What kernels know of each row: its scale, its bias, and the scales of its blocks.
    pub fn row_words(&self, bias: &[f32]) -> Vec<u32> {
        let blocks = self.storage.blocks_per_row(self.columns);
        let mut words = Vec::with_capacity(self.rows() * (2 + blocks));
        for (row, (scale, bias)) in self.scales.iter().zip(bias).enumerate() {
            words.extend([scale.to_bits(), bias.to_bits()]);
            words.extend(&self.block_scales[row * blocks..][..blocks]);
        }
        words
    }

    /// Writes the K values of a row, as a kernel would read them.
    pub fn unpack_row(&self, row: usize, values: &mut [f32]) {
        assert_eq!(values.len(), self.columns, "unpack_row: a row of {} values", self.columns);
        let width = self.words_per_row();
        let blocks = self.storage.blocks_per_row(self.columns);
        let words = &self.words[row * width..][..width];
        let scales = &self.block_scales[row * blocks..][..blocks];
        self.storage.unpack(self.scales[row], words, scales, values);
    }
}

/// Appends a padded row to the words, and to the scales of blocks; gives the row's own scale.
fn pack_row(row: &[f32], storage: Storage, words: &mut Vec<u32>, scales: &mut Vec<u32>) -> f32 {
    match storage {
        Storage::F32 => words.extend(row.iter().map(|x| x.to_bits())),
        Storage::F16 => words.extend(row.as_chunks().0.iter().map(|[low, high]| {
            let bits = |x: &f32| u32::from(f16::from_f32(*x).to_bits());
            bits(low) | bits(high) << 16
        })),
        Storage::Int8 => {
            let largest = row.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            let number = |x: f32| (x / scale).round().clamp(-127.0, 127.0) as i8;
            words.extend(row.as_chunks().0.iter().map(|four| biased_bytes(four.map(number))));
            return scale;
        }
        Storage::Q8 | Storage::Q4 => return blocks::pack_values(row, storage, words, scales),
    }
    1.0
}

/// Four numbers from -127 to 127 as a word.
pub(super) fn biased_bytes(numbers: [i8; 4]) -> u32 {
    let [a, b, c, d] = numbers.map(i32::from);
    u32::from_le_bytes([(a + BIAS) as u8, (b + BIAS) as u8, (c + BIAS) as u8, d as u8])
}
