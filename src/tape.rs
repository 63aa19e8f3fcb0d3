//! The tape: model code records commands on it; the CPU runs them on twins, the GPU as a program.

use crate::kernel::{Constant, Kernel};
use crate::recording::Recording;
use crate::ring::slot_of;
use crate::site::{Filter, Site, Snapshot};
use crate::tuning::Tuning;

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

    fn at(place: Place, shape: &[u32]) -> Tensor {
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
}

/// One run of a kernel.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// Which kernel.
    pub kernel: &'static Kernel,
    /// The values of its `override` constants.
    pub constants: Vec<Constant>,
    /// The words of its uniform.
    pub sizes: Vec<u32>,
    /// A tensor for each binding.
    pub tensors: Vec<Tensor>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
}

/// Which rows of a tensor are observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// Of K-V rings `[B, C, ..]` the slot that the position at hand goes into.
    Slot {
        /// Slots that keep the first positions for good.
        sinks: u32,
    },
}

/// Part of a tensor, copied when the tape runs because somebody traces the site.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The name that it is asked for by.
    pub site: Site,
    /// The tensor as it lies in memory.
    pub tensor: Tensor,
    /// Rows that are copied.
    pub rows: Rows,
    /// First column and number of columns of each of its rows.
    pub columns: (u32, u32),
    /// The shape under which the columns are shown.
    pub shape: Vec<usize>,
}

impl Observation {
    /// Words that are copied.
    pub fn words(&self) -> u32 {
        // As many for every position.
        self.pieces(0).map(|(_, words)| words).sum()
    }

    /// First word and number of words of each piece, when the tape runs for `position`.
    pub fn pieces(&self, position: u32) -> impl Iterator<Item = (u32, u32)> {
        let (count, stride, first, words) = match self.rows {
            Rows::All => (1, 0, 0, self.tensor.len()),
            Rows::Slot { sinks } => {
                let [batch, capacity] = [self.tensor.shape()[0], self.tensor.shape()[1]];
                let ring = self.tensor.len() / batch;
                let slot = ring / capacity;
                (batch, ring, slot_of(position, capacity, sinks) * slot, slot)
            }
        };
        (0..count).map(move |b| (b * stride + first, words))
    }
}

/// What a run of a tape gave.
#[derive(Debug, Default)]
pub struct Output {
    /// The words of the buffer that was asked for.
    pub words: Vec<u32>,
    /// What was observed, in order.
    pub snapshots: Vec<Snapshot>,
}

/// What a tape is made of.
#[derive(Debug, Clone)]
pub enum Command {
    /// Run a kernel.
    Dispatch(Dispatch),
    /// Copy a tensor for whoever traces.
    Observe(Observation),
}

/// A dispatch kept back until its result is first read, in case the reader takes it in as its
/// own prologue: so a norm or a gate costs no dispatch of its own in front of a matrix-vector product.
struct Deferred {
    dispatch: Dispatch,
    output: Tensor,
    observations: Vec<Observation>,
}

/// A recording of commands.
pub struct Tape {
    /// How the adapter wants kernels cut.
    pub tuning: Tuning,
    /// The sites that somebody traces.
    pub filter: Filter,
    commands: Vec<Command>,
    activations: Vec<u32>,
    deferred: Option<Deferred>,
}

impl Tape {
    /// An empty tape for one adapter and one wish to trace.
    pub fn new(tuning: Tuning, filter: Filter) -> Tape {
        Tape { tuning, filter, commands: vec![], activations: vec![], deferred: None }
    }

    /// A new activation; its words are undefined until a command writes them.
    pub fn activation(&mut self, shape: &[u32]) -> Tensor {
        let tensor = Tensor::at(Place::Activation(self.activations.len() as u32), shape);
        self.activations.push(tensor.len());
        tensor
    }

    /// An activation that exists only when `wanted`.
    pub fn activation_if(&mut self, wanted: bool, shape: &[u32]) -> Tensor {
        if wanted { self.activation(shape) } else { Tensor::NOTHING }
    }

    /// Whether somebody traces the site.
    pub fn wants(&self, site: Site) -> bool {
        self.filter.matches(site)
    }

    /// Appends a copy of `tensor` under its own shape, or nothing if nobody asked.
    pub fn trace(&mut self, site: Site, tensor: Tensor) {
        let shape: Vec<u32> = tensor.shape().to_vec();
        self.trace_columns(site, tensor, 0, tensor.width(), &shape);
    }

    /// Appends a copy of `width` columns of `tensor` from column `first`, shown as `shape`.
    pub fn trace_columns(
        &mut self,
        site: Site,
        tensor: Tensor,
        first: u32,
        width: u32,
        shape: &[u32],
    ) {
        if self.wants(site) {
            self.observe(site, tensor, Rows::All, (first, width), shape);
        }
    }

    /// Appends a copy of part of `tensor`, whoever may want it.
    pub fn observe(
        &mut self,
        site: Site,
        tensor: Tensor,
        rows: Rows,
        columns: (u32, u32),
        shape: &[u32],
    ) {
        let (_, width) = columns;
        let sizes = shape.iter().map(|size| *size as usize).collect();
        let observation = Observation { site, tensor, rows, columns, shape: sizes };
        assert_eq!(
            shape.iter().product::<u32>(),
            observation.words() / tensor.width() * width,
            "{site}: {width} columns of {:?} can't be shown as {shape:?}",
            tensor.shape(),
        );
        match &mut self.deferred {
            Some(kept) if kept.output == tensor => kept.observations.push(observation),
            _ => self.commands.push(Command::Observe(observation)),
        }
    }

    /// Records a dispatch, after the deferred one if it reads its result.
    pub(crate) fn dispatch(&mut self, dispatch: Dispatch) {
        let Dispatch { kernel, tensors, .. } = &dispatch;
        assert_eq!(tensors.len(), kernel.bindings.len(), "{kernel:?}: a tensor for each binding");
        let output = self.deferred.as_ref().map(|kept| kept.output);
        if output.is_some_and(|output| tensors.contains(&output)) {
            self.flush();
        }
        self.commands.push(Command::Dispatch(dispatch));
    }

    /// Keeps a dispatch back until `output` is first read.
    pub(crate) fn defer(&mut self, dispatch: Dispatch, output: Tensor) {
        self.flush();
        self.deferred = Some(Deferred { dispatch, output, observations: vec![] });
    }

    /// Records `reader` in place of the deferred dispatch that makes `x`: `reader` is given that
    /// dispatch, or `None` if `x` is already there, and has to store `x` besides its own result.
    pub(crate) fn absorb(&mut self, x: Tensor, reader: impl FnOnce(Option<&Dispatch>) -> Dispatch) {
        match self.deferred.take_if(|kept| kept.output == x) {
            Some(kept) => {
                self.dispatch(reader(Some(&kept.dispatch)));
                self.commands.extend(kept.observations.into_iter().map(Command::Observe));
            }
            None => self.dispatch(reader(None)),
        }
    }

    fn flush(&mut self) {
        if let Some(kept) = self.deferred.take() {
            self.commands.push(Command::Dispatch(kept.dispatch));
            self.commands.extend(kept.observations.into_iter().map(Command::Observe));
        }
    }

    /// Ends the recording.
    pub fn finish(mut self) -> Recording {
        self.flush();
        Recording { commands: self.commands, activations: self.activations }
    }
}
