//! A tensor: a shape over words that lie in a buffer of the device or in a program's own memory.

/// A buffer that outlives a tape: weights, K-V rings, the state of decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Buffer(pub(crate) u32);

/// Where a tensor's words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In a buffer of the device.
    Resident(Buffer),
    /// In the arena of the program, valid from its first write to its last read.
    Activation(u32),
    /// Nowhere: a binding that this dispatch does not use.
    Nowhere,
}

/// A handle to words with a shape, slowest axis first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    /// Where the words are.
    pub place: Place,
    shape: [u32; 4],
    rank: u8,
}

impl Tensor {
    /// For a binding that is not used.
    pub const NOTHING: Tensor = Tensor { place: Place::Nowhere, shape: [0; 4], rank: 0 };

    /// A tensor in a buffer of the device.
    pub fn resident(buffer: Buffer, shape: &[u32]) -> Tensor {
        Tensor::at(Place::Resident(buffer), shape)
    }

    pub(crate) fn at(place: Place, shape: &[u32]) -> Tensor {
        let mut sizes = [1; 4];
        sizes[..shape.len()].copy_from_slice(shape);
        Tensor { place, shape: sizes, rank: shape.len() as u8 }
    }

    /// The same words, or the first of them, in another shape.
    pub fn with_shape(self, shape: &[u32]) -> Tensor {
        let tensor = Tensor::at(self.place, shape);
        assert!(tensor.len() <= self.len(), "{shape:?} does not fit into {:?}", self.shape());
        tensor
    }

    /// The sizes of its axes.
    pub fn shape(&self) -> &[u32] {
        &self.shape[..usize::from(self.rank)]
    }

    /// Number of values, all axes multiplied.
    pub fn len(&self) -> u32 {
        self.shape().iter().product()
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the last axis.
    pub fn width(&self) -> u32 {
        self.shape()[self.shape().len() - 1]
    }

    /// Number of rows: all axes but the last.
    pub fn rows(&self) -> u32 {
        self.len() / self.width()
    }

    /// Whether it is there at all.
    pub fn exists(&self) -> bool {
        self.place != Place::Nowhere
    }

    /// Whether it lies where another does, in whatever shape.
    pub fn shares(&self, other: Tensor) -> bool {
        self.exists() && self.place == other.place
    }
}
