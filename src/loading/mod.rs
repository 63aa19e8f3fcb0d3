//! Weights on their way: a model says where every tensor goes, then the file flows by in chunks.

mod fill;
mod flow;

use std::cell::RefCell;

use crate::error::{Error, Result};
use crate::executor::Device;
use crate::ops::weight::Weight;
use crate::tensor::{Buffer, Tensor};
use crate::weights::{Encoding, Held, Storage, Weights};

use fill::{Fill, MatrixSink, Sink};
pub use flow::{Loading, Room};

/// How the rows of a matrix lie in a safetensors file. In a GGUF it is always `Rows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[N, K]`, one row after the other.
    Rows,
    /// `[K, N]`, as GPT-2's matrices are: kept until all is there, then turned over.
    Columns,
    /// `[N, K]`, where rows i and i + width/2 of each head are rotated together: they come to lie
    /// at 2i and 2i + 1.
    Halves {
        /// Rows of a head.
        width: usize,
    },
}

/// Some of the rows of a matrix, from one tensor.
#[derive(Debug, Clone)]
pub struct Part {
    /// The place in the model.
    pub weights: Weights,
    /// The name of the tensor there.
    pub name: String,
    /// The name of the vector with a bias for each row, if there is one.
    pub bias: Option<String>,
    /// Rows.
    pub outputs: usize,
    /// How they lie.
    pub layout: Layout,
}

impl Part {
    /// The rows of `weights.weight`, with `weights.bias` if the model has one.
    pub fn new(weights: &Weights, outputs: usize, has_bias: bool, layout: Layout) -> Part {
        Part {
            weights: weights.clone(),
            name: "weight".to_string(),
            bias: has_bias.then(|| "bias".to_string()),
            outputs,
            layout,
        }
    }

    fn layout(&self) -> Layout {
        if self.weights.is_gguf() { Layout::Rows } else { self.layout }
    }
}

/// Makes room for weights on the device, and remembers what goes there.
pub struct Loader<'a> {
    device: &'a Device,
    /// How matrices are stored; `None` as the file has them.
    storage: Option<Storage>,
    sinks: RefCell<Vec<MatrixSink>>,
    fills: RefCell<Vec<Fill>>,
    buffers: RefCell<Vec<Buffer>>,
}

impl<'a> Loader<'a> {
    /// Weights go to `device`; matrices are stored as given, or as the file has them.
    pub fn new(device: &'a Device, storage: Option<Storage>) -> Loader<'a> {
        Loader {
            device,
            storage,
            sinks: RefCell::default(),
            fills: RefCell::default(),
            buffers: RefCell::default(),
        }
    }

    /// A matrix `[N, K]` of the rows of all parts, one after the other: one product then does the
    /// work of several.
    pub fn matrix(&self, inputs: usize, parts: &[Part]) -> Result<Weight> {
        let mut held = vec![];
        for part in parts {
            let Part { weights, name, bias, outputs, .. } = part;
            let shape = match part.layout() {
                Layout::Columns => [inputs, *outputs],
                _ => [*outputs, inputs],
            };
            let bias = bias.as_ref().map(|bias| weights.ask_flat(bias, *outputs)).transpose()?;
            let matrix = weights.ask(name, &shape)?;
            if part.layout() == Layout::Columns {
                no_row_scales(&matrix)?;
            }
            held.push((matrix, bias));
        }
        let encodings = held.iter().map(|(matrix, _)| matrix.encoding.own_storage());
        let storage = self.storage.unwrap_or_else(|| Storage::of_all(encodings));
        let outputs: usize = parts.iter().map(|part| part.outputs).sum();
        let what = held.iter().map(|(matrix, _)| matrix.name.as_str()).collect::<Vec<_>>();
        let what = what.join(" + ");
        let words_per_row = storage.words_per_row(inputs);
        let row_words = 2 + storage.blocks_per_row(inputs);
        let [words, rows] = [words_per_row, row_words].map(|width| [outputs, width]);
        let weight = Weight {
            storage,
            words: self.room(&what, words)?,
            rows: self.room(&what, rows)?,
            outputs: outputs as u32,
            inputs: inputs as u32,
        };
        let has_bias = held.iter().any(|(_, bias)| bias.is_some());
        let sink = self.sinks.borrow().len();
        self.sinks.borrow_mut().push(MatrixSink::new(weight, has_bias));
        let mut first = 0;
        for (part, (matrix, bias)) in parts.iter().zip(held) {
            let &Part { outputs, .. } = part;
            let layout = part.layout();
            self.fill(&matrix, Sink::Rows { sink, first, layout, count: outputs });
            if let Some(bias) = bias {
                self.fill(&bias, Sink::Bias { sink, first, layout });
            }
            first += outputs;
        }
        Ok(weight)
    }

    /// Vectors `[K]`, one after the other: gain and bias of a norm `[2, K]`, or a gain `[1, K]`.
    pub fn vectors(&self, weights: &Weights, names: &[&str], width: usize) -> Result<Tensor> {
        let asked = names.iter().map(|name| weights.ask(name, &[width]));
        self.values_of(&asked.collect::<Result<Vec<_>>>()?, [names.len(), width])
    }

    /// The values of a tensor of `shape` `[P, K]` as they are.
    pub fn table(&self, weights: &Weights, name: &str, shape: [usize; 2]) -> Result<Tensor> {
        self.values_of(&[weights.ask(name, &shape)?], shape)
    }

    /// Values that no file has.
    pub fn values(&self, what: &str, values: &[f32], shape: &[u32]) -> Result<Tensor> {
        let buffer = self.device.keep(what, bytemuck::cast_slice(values))?;
        self.buffers.borrow_mut().push(buffer);
        Ok(Tensor::resident(buffer, shape))
    }

    fn values_of(&self, held: &[Held], shape: [usize; 2]) -> Result<Tensor> {
        held.iter().try_for_each(no_row_scales)?;
        let what = held.first().map_or("values", |first| &first.name);
        let tensor = self.room(what, shape)?;
        let each = tensor.len() / held.len().max(1) as u32;
        for (held, index) in held.iter().zip(0..) {
            self.fill(held, Sink::Values { tensor, first: index * each });
        }
        Ok(tensor)
    }

    fn fill(&self, held: &Held, sink: Sink) {
        self.fills.borrow_mut().push(Fill::new(held, sink));
    }

    fn room(&self, what: &str, [rows, width]: [usize; 2]) -> Result<Tensor> {
        let words = (rows as u64).checked_mul(width as u64);
        let Some(words) = words.and_then(|words| u32::try_from(words).ok()) else {
            let needed = (rows as u64).saturating_mul(4 * width as u64);
            let limit = "no buffer has more than 16 GiB".to_string();
            return Err(Error::Memory { what: what.to_string(), needed, limit });
        };
        let buffer = self.device.allocate(what, words)?;
        self.buffers.borrow_mut().push(buffer);
        Ok(Tensor::resident(buffer, &[rows as u32, width as u32]))
    }

    /// Gives all room back, when loading has failed.
    pub fn release(self) {
        self.buffers.take().into_iter().for_each(|buffer| self.device.release(buffer));
    }
}

/// Refuses int8 where values are read otherwise than row by row.
fn no_row_scales(held: &Held) -> Result<()> {
    match held.encoding {
        Encoding::Int8 => Err(Error::weights(&held.name, "floats, or blocks of a GGUF", "I8")),
        _ => Ok(()),
    }
}
