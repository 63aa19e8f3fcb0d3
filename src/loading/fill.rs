//! Where the bytes of one tensor go: to rows of a matrix, to their biases, or to plain values.

use super::Layout;
use crate::executor::Device;
use crate::ops::weight::Weight;
use crate::tensor::{Place, Tensor};
use crate::weights::{Encoding, Held, Packed, Storage};

/// Bytes of rows that are packed and uploaded together, if a row is not longer.
const SLAB: usize = 1 << 18;

/// Where values go.
#[derive(Debug, Clone, Copy)]
pub enum Sink {
    /// To `count` rows of a matrix, from row `first` on.
    Rows { sink: usize, first: usize, layout: Layout, count: usize },
    /// To the biases of rows of a matrix, from row `first` on.
    Bias { sink: usize, first: usize, layout: Layout },
    /// To a tensor, from value `first` on.
    Values { tensor: Tensor, first: u32 },
}

/// A matrix on the device.
pub struct MatrixSink {
    weight: Weight,
    /// Scales and biases come at different times: kept until all are there. Empty without biases.
    rows: Vec<u32>,
    row_words: usize,
    missing: usize,
}

impl MatrixSink {
    /// Room for the rows if they have biases.
    pub fn new(weight: Weight, has_bias: bool) -> MatrixSink {
        let row_words = weight.rows.width() as usize;
        let rows = if has_bias { vec![0; weight.rows.len() as usize] } else { vec![] };
        MatrixSink { weight, rows, row_words, missing: 0 }
    }

    /// What its values are stored as.
    pub fn storage(&self) -> Storage {
        self.weight.storage
    }

    /// N times K.
    pub fn values(&self) -> u64 {
        u64::from(self.weight.outputs) * u64::from(self.weight.inputs)
    }

    /// Bytes that it keeps.
    pub fn held_bytes(&self) -> usize {
        4 * self.rows.capacity()
    }

    fn put_rows(&mut self, device: &Device, first: usize, packed: &Packed) {
        let at = first * packed.words_per_row();
        upload(device, self.weight.words, at, &packed.words);
        let rows = packed.row_words(&vec![0.0; packed.rows()]);
        if self.rows.is_empty() {
            upload(device, self.weight.rows, first * self.row_words, &rows);
            return;
        }
        let own = self.rows[first * self.row_words..].chunks_exact_mut(self.row_words);
        for (own, new) in own.zip(rows.chunks_exact(self.row_words)) {
            own[0] = new[0];
            own[2..].copy_from_slice(&new[2..]);
        }
    }

    fn put_bias(&mut self, row: usize, bias: f32) {
        self.rows[row * self.row_words + 1] = bias.to_bits();
    }

    /// One of the tensors that it is made of is complete.
    fn complete(&mut self, device: &Device) {
        self.missing -= 1;
        if self.missing == 0 && !self.rows.is_empty() {
            upload(device, self.weight.rows, 0, &std::mem::take(&mut self.rows));
        }
    }
}

/// The way of one tensor.
pub struct Fill {
    /// Its bytes in the file.
    pub bytes: (u64, u64),
    encoding: Encoding,
    sink: Sink,
    /// Bytes that wait until there are enough of them.
    waiting: Vec<u8>,
    done: u64,
}

impl Fill {
    /// A tensor and where it goes.
    pub fn new(held: &Held, sink: Sink) -> Fill {
        let Held { encoding, bytes, .. } = *held;
        Fill { bytes, encoding, sink, waiting: vec![], done: 0 }
    }

    /// Bytes that it keeps.
    pub fn held_bytes(&self) -> usize {
        self.waiting.capacity()
    }

    /// Tells its matrix that it is part of it.
    pub fn announce(&self, sinks: &mut [MatrixSink]) {
        match self.sink {
            Sink::Rows { sink, .. } | Sink::Bias { sink, .. } => sinks[sink].missing += 1,
            Sink::Values { .. } => {}
        }
    }

    /// Takes the next bytes of the tensor.
    pub fn push(&mut self, device: &Device, sinks: &mut [MatrixSink], mut bytes: &[u8]) {
        let length = self.bytes.1 - self.bytes.0;
        let group = self.group(sinks);
        while !bytes.is_empty() {
            let left = (length - self.done) as usize;
            let enough = group.min(left);
            let (taken, rest) = bytes.split_at(bytes.len().min(enough - self.waiting.len()));
            self.waiting.extend_from_slice(taken);
            bytes = rest;
            if self.waiting.len() == enough {
                self.empty(device, sinks);
                self.done += enough as u64;
                self.waiting.clear();
            }
        }
        if self.done == length {
            self.waiting = vec![];
            if let Sink::Rows { sink, .. } | Sink::Bias { sink, .. } = self.sink {
                sinks[sink].complete(device);
            }
        }
    }

    /// Bytes that are dealt with at once.
    fn group(&self, sinks: &[MatrixSink]) -> usize {
        let length = (self.bytes.1 - self.bytes.0) as usize;
        match self.sink {
            Sink::Rows { layout: Layout::Columns, .. } | Sink::Bias { .. } => length,
            Sink::Rows { sink, layout, .. } => {
                let row = self.encoding.row_bytes(sinks[sink].weight.inputs as usize);
                let least = match layout {
                    Layout::Halves { width } => width,
                    _ => 1,
                };
                (SLAB / row).next_multiple_of(least).max(least) * row
            }
            // A multiple of every block.
            Sink::Values { .. } => self.encoding.row_bytes(SLAB / 4),
        }
    }

    /// Deals with what waits.
    fn empty(&mut self, device: &Device, sinks: &mut [MatrixSink]) {
        match self.sink {
            Sink::Rows { sink, first, layout, count } => {
                let sink = &mut sinks[sink];
                let columns = sink.weight.inputs as usize;
                let mut packed = Packed::new(sink.weight.storage, columns);
                let row = self.encoding.row_bytes(columns);
                match layout {
                    Layout::Columns => self.turn(&mut packed, columns, count),
                    _ => {
                        for index in 0..self.waiting.len() / row {
                            let from = &self.waiting[source(index, layout) * row..][..row];
                            packed.push_encoded(self.encoding, from);
                        }
                    }
                }
                sink.put_rows(device, first + self.done as usize / row, &packed);
            }
            Sink::Bias { sink, first, layout } => {
                let values = self.decoded();
                for index in 0..values.len() {
                    sinks[sink].put_bias(first + index, values[source(index, layout)]);
                }
            }
            Sink::Values { tensor, first } => {
                let (values, bytes) = self.encoding.block();
                let done = self.done as usize / bytes * values;
                let words = self.decoded();
                upload(device, tensor, first as usize + done, bytemuck::cast_slice(&words));
            }
        }
    }

    fn decoded(&self) -> Vec<f32> {
        let mut values = vec![];
        self.encoding.decode(&self.waiting, &mut values);
        values
    }

    /// The columns of a matrix `[K, N]`, as rows.
    fn turn(&self, packed: &mut Packed, columns: usize, count: usize) {
        let values = self.decoded();
        let mut row = vec![0.0; columns];
        for n in 0..count {
            row.iter_mut().zip(values[n..].iter().step_by(count)).for_each(|(own, x)| *own = *x);
            packed.push_values(&row);
        }
    }
}

/// The row of the file that comes to lie at `index`.
fn source(index: usize, layout: Layout) -> usize {
    match layout {
        Layout::Rows | Layout::Columns => index,
        Layout::Halves { width } => {
            let (head, row) = (index / width * width, index % width);
            head + row / 2 + row % 2 * (width / 2)
        }
    }
}

fn upload(device: &Device, tensor: Tensor, at: usize, words: &[u32]) {
    match tensor.place {
        Place::Resident(buffer) => device.upload_at(buffer, at as u32, words),
        _ => panic!("weights go to buffers of the device, not to {tensor:?}"),
    }
}
