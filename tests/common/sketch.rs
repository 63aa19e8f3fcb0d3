//! A case in the making: draws inputs on a device, records ops on a tape, and runs it there, with
//! every activation poisoned first.

use glassformer::executor::Device;
use glassformer::ops::weight::Weight;
use glassformer::probe::Probe;
use glassformer::recording::{Recording, Rows};
use glassformer::site::{Block, Filter, Part, Site};
use glassformer::tape::Tape;
use glassformer::tensor::{Buffer, Tensor};
use glassformer::tuning::Tuning;
use glassformer::weights::{Packed, Storage};

use super::random::Random;

/// Names under which kernels store what they otherwise keep to themselves.
pub const SCORES: Site =
    Site::Layer { stack: STACK, layer: 0, block: Block::SelfAttention, part: Part::Scores };
pub const WEIGHTS: Site =
    Site::Layer { stack: STACK, layer: 0, block: Block::SelfAttention, part: Part::Weights };
pub const BEFORE: Site =
    Site::Layer { stack: STACK, layer: 0, block: Block::FeedForward, part: Part::PreActivation };
const STACK: glassformer::site::Stack = glassformer::site::Stack::Encoder;

/// A case in the making.
pub struct Sketch<'a> {
    device: &'a Device,
    pub tape: Tape,
    pub random: Random,
    /// How what it shows and traces is compared, unless it says otherwise.
    pub compare: Compare,
    buffers: Vec<Buffer>,
    shown: Vec<Compare>,
}

/// What a case gave.
pub struct Outcome {
    /// The kernel that ran last.
    pub kernel: &'static str,
    pub shown: Vec<Shown>,
}

/// How what is shown is to be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Compare {
    /// Within rounding, relative to the largest value.
    Values,
    /// Within rounding, relative to a size: that of the terms of which they are sums.
    ValuesOf(f32),
    /// Bit by bit.
    Words,
}

/// What a case showed.
pub struct Shown {
    pub compare: Compare,
    pub data: Vec<f32>,
}

impl<'a> Sketch<'a> {
    /// An empty one. Equal seeds draw equal inputs on any device.
    pub fn new(device: &'a Device, tuning: Tuning, traced: bool, seed: u64) -> Sketch<'a> {
        let stores = [
            SCORES,
            WEIGHTS,
            BEFORE,
            Site::ENCODER_EMBEDDING,
            Site::ENCODER_POSITION,
            Site::Probabilities,
        ];
        let wanted = Filter::new(&["*"], &stores).expect("a filter of all");
        let probe = if traced { Probe::reading(wanted) } else { Probe::none() };
        Sketch {
            device,
            tape: Tape::new(tuning, probe),
            random: Random::new(seed),
            compare: Compare::Values,
            buffers: vec![],
            shown: vec![],
        }
    }

    /// Words in a buffer of the device.
    pub fn words(&mut self, shape: &[u32], words: &[u32]) -> Tensor {
        assert_eq!(words.len() as u32, shape.iter().product::<u32>(), "words of {shape:?}");
        let buffer = self.device.keep("an input", words).expect("room for an input");
        self.buffers.push(buffer);
        Tensor::resident(buffer, shape)
    }

    /// Values in a buffer of the device.
    pub fn values(&mut self, shape: &[u32], values: &[f32]) -> Tensor {
        self.words(shape, bytemuck::cast_slice(values))
    }

    /// Values between -1 and 1.
    pub fn drawn(&mut self, shape: &[u32]) -> Tensor {
        let values = self.random.values(shape.iter().product());
        self.values(shape, &values)
    }

    /// A matrix `[N, K]` whose products are about as large as what they multiply, with a bias for
    /// each row.
    pub fn drawn_weight(&mut self, storage: Storage, outputs: u32, inputs: u32) -> Weight {
        let size = (3.0 / inputs as f32).sqrt();
        let values = self.random.values(outputs * inputs).into_iter().map(|value| value * size);
        let values: Vec<f32> = values.collect();
        let bias = self.random.values(outputs);
        self.weight(storage, [outputs, inputs], &values, &bias)
    }

    /// A matrix of these values.
    pub fn weight(
        &mut self,
        storage: Storage,
        [outputs, inputs]: [u32; 2],
        values: &[f32],
        bias: &[f32],
    ) -> Weight {
        let packed = Packed::of(storage, inputs as usize, values);
        let rows = packed.row_words(bias);
        let [words_per_row, row_words] =
            [packed.words.len(), rows.len()].map(|words| words as u32 / outputs);
        Weight {
            storage,
            words: self.words(&[outputs, words_per_row], &packed.words),
            rows: self.words(&[outputs, row_words], &rows),
            outputs,
            inputs,
        }
    }

    /// Asks for the values of a tensor as they are at this point of the tape.
    pub fn show(&mut self, tensor: Tensor) {
        self.show_columns(tensor, (0, tensor.width()), self.compare);
    }

    /// Asks for its words.
    pub fn show_words(&mut self, tensor: Tensor) {
        self.show_columns(tensor, (0, tensor.width()), Compare::Words);
    }

    /// Asks for columns of it.
    pub fn show_columns(&mut self, tensor: Tensor, columns: (u32, u32), compare: Compare) {
        let site = shown_site(self.shown.len());
        self.tape.observe(site, tensor, Rows::All, columns, &[tensor.rows(), columns.1]);
        self.shown.push(compare);
    }

    /// Ends it without running it.
    pub fn record(self) -> Recording {
        let Sketch { device, tape, buffers, .. } = self;
        buffers.into_iter().for_each(|buffer| device.release(buffer));
        tape.finish().fuse()
    }

    /// Runs it; gives what was shown and traced, in the order of the tape.
    pub async fn run(self) -> Outcome {
        let Sketch { device, tape, compare: usual, buffers, shown, .. } = self;
        let recording = tape.finish().fuse();
        let kernel = recording.dispatches().last().map_or("none", |last| last.kernel.name);
        let program = device.compile(recording).expect("a program");
        program.poison();
        let output = program.run(1, &[], None).await.expect("a run");
        buffers.into_iter().for_each(|buffer| device.release(buffer));
        let compare = |site: Site| {
            let index = (0..shown.len()).find(|index| shown_site(*index) == site);
            index.map_or(usual, |index| shown[index])
        };
        let snapshots = output.snapshots.into_iter();
        let shown = snapshots.map(|s| Shown { compare: compare(s.site), data: s.data }).collect();
        Outcome { kernel, shown }
    }

    /// Runs it; gives the bare values.
    pub async fn values_shown<const N: usize>(self) -> [Vec<f32>; N] {
        let shown: Vec<Vec<f32>> = self.run().await.shown.into_iter().map(|s| s.data).collect();
        let count = shown.len();
        shown.try_into().unwrap_or_else(|_| panic!("{count} tensors were shown, not {N}"))
    }
}

/// The name under which a case shows its tensors, by their index.
fn shown_site(index: usize) -> Site {
    Site::decoder(index, Block::FeedForward, Part::Output)
}
