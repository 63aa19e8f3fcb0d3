//! Weights: a file of named tensors, read by paths that spell the model, and packed for the kernels.

mod blocks;
mod safetensors;
mod storage;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::rc::Rc;

use crate::error::Result;

pub use blocks::BLOCK;
pub use storage::{Packed, Storage};

/// A row-major matrix `[N, K]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// N.
    pub rows: usize,
    /// K.
    pub columns: usize,
    /// `[N, K]`
    pub data: Vec<f32>,
}

impl Matrix {
    /// A matrix of the given values.
    pub fn new(rows: usize, columns: usize, data: Vec<f32>) -> Matrix {
        assert_eq!(data.len(), rows * columns, "Matrix::new: [{rows}, {columns}]");
        Matrix { rows, columns, data }
    }

    /// The rows of all matrices, one after the other: one product then does the work of several.
    pub fn stack(matrices: &[&Matrix]) -> Matrix {
        let columns = matrices.first().map_or(0, |matrix| matrix.columns);
        for matrix in matrices {
            assert_eq!(matrix.columns, columns, "Matrix::stack: equal columns");
        }
        let data: Vec<f32> = matrices.iter().flat_map(|matrix| &matrix.data).copied().collect();
        Matrix { rows: matrices.iter().map(|matrix| matrix.rows).sum(), columns, data }
    }

    /// Packs it for the kernels.
    pub fn pack(&self, storage: Storage) -> Packed {
        Packed::new(self, storage)
    }
}

/// An open weight file, seen from a place in the model: `weights.pp("model").pp("encoder")`.
#[derive(Debug, Clone)]
pub struct Weights<'a> {
    file: Rc<safetensors::File<'a>>,
    read: Rc<RefCell<BTreeSet<String>>>,
    prefix: String,
}

impl<'a> Weights<'a> {
    /// Opens a `model.safetensors`; checks its header, reads no tensor yet.
    pub fn open(bytes: &'a [u8]) -> Result<Weights<'a>> {
        let file = Rc::new(safetensors::File::open(bytes)?);
        Ok(Weights { file, read: Rc::default(), prefix: String::new() })
    }

    /// The same file, one component further down the path.
    pub fn pp(&self, component: impl Display) -> Weights<'a> {
        Weights {
            file: Rc::clone(&self.file),
            read: Rc::clone(&self.read),
            prefix: format!("{}.", self.path(&component.to_string())),
        }
    }

    /// The full name of a tensor at this place.
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Whether the file holds a tensor of that name here.
    pub fn contains(&self, name: &str) -> bool {
        self.file.contains(&self.path(name))
    }

    /// The shape of the tensor of that name here, if there is one.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.file.shape(&self.path(name))
    }

    /// A matrix `[rows, columns]`.
    pub fn matrix(&self, name: &str, [rows, columns]: [usize; 2]) -> Result<Matrix> {
        Ok(Matrix { rows, columns, data: self.tensor(name, &[rows, columns])? })
    }

    /// A matrix `[rows, columns]` that files hold under one of several names: the first there is.
    pub fn matrix_of(&self, names: &[&str], shape: [usize; 2]) -> Result<Matrix> {
        let held = names.iter().find(|name| self.contains(name));
        self.matrix(held.unwrap_or(&names[0]), shape)
    }

    /// A vector `[length]`.
    pub fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        self.tensor(name, &[length])
    }

    /// The values of a tensor of any shape, in row-major order.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let path = self.path(name);
        let values = self.file.values(&path, shape)?;
        self.read.borrow_mut().insert(path);
        Ok(values)
    }

    /// Names of tensors in the file that nobody has read, sorted.
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.borrow();
        let names = self.file.names().into_iter().filter(|name| !read.contains(*name));
        names.map(str::to_string).collect()
    }

    /// Values in all tensors that have been read, each counted once.
    pub fn values_read(&self) -> u64 {
        let read = self.read.borrow();
        let shapes = read.iter().filter_map(|name| self.file.shape(name));
        shapes.map(|shape| shape.iter().product::<usize>() as u64).sum()
    }
}
