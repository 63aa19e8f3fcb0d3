//! A finished tape: the commands in order, and where each activation may lie.

use crate::kernel::{Constant, Kernel, Size};
use crate::ring::slot_of;
use crate::site::{Site, Snapshot};
use crate::tensor::{Place, Tensor};

/// One run of a kernel: a tensor for each binding, a value for each size and constant, by name.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// Which kernel.
    pub kernel: &'static Kernel,
    /// The values of its `override` constants.
    pub constants: Vec<Constant>,
    /// The words of its uniform, in the order of the descriptor.
    pub sizes: Vec<u32>,
    /// A tensor for each binding, in the order of the descriptor.
    pub tensors: Vec<Tensor>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
}

impl Dispatch {
    /// A kernel with a tensor for each of its bindings; `Tensor::NOTHING` for one without use.
    pub fn new<const N: usize>(
        kernel: &'static Kernel,
        tensors: [(&'static str, Tensor); N],
    ) -> Dispatch {
        let place = |name: &str| kernel.binding(name);
        let tensors = by_name(kernel, "binding", kernel.bindings.len(), &tensors, &place);
        Dispatch { kernel, constants: vec![], sizes: vec![], tensors, grid: [1; 3] }
    }

    /// Sets all sizes.
    pub fn sizes<const N: usize>(mut self, sizes: [(&'static str, Size); N]) -> Dispatch {
        let Dispatch { kernel, .. } = self;
        let place = |name: &str| kernel.size(name);
        let values = by_name(kernel, "size", kernel.sizes.len(), &sizes, &place);
        for ((name, kind), value) in kernel.sizes.iter().zip(&values) {
            assert_eq!(value.kind(), *kind, "{kernel:?}: the kind of the size {name}");
        }
        self.sizes = values.into_iter().map(Size::bits).collect();
        self
    }

    /// Sets constants; all are set before it is recorded.
    pub fn constants<const N: usize>(mut self, constants: [(&'static str, f64); N]) -> Dispatch {
        self.constants.extend(constants);
        self
    }

    /// Takes the workgroups.
    pub fn grid(mut self, grid: [u32; 3]) -> Dispatch {
        self.grid = grid;
        self
    }

    /// The tensor of a binding.
    pub fn tensor(&self, name: &str) -> Tensor {
        self.tensors[self.kernel.binding(name)]
    }

    /// A size, as a word.
    pub fn size(&self, name: &str) -> u32 {
        self.sizes[self.kernel.size(name)]
    }

    /// The value of a constant, if the kernel has it.
    pub fn constant(&self, name: &str) -> Option<f64> {
        self.constants.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Puts another tensor at a binding.
    pub fn rebind(&mut self, name: &str, tensor: Tensor) {
        self.tensors[self.kernel.binding(name)] = tensor;
    }

    /// Gives a size another value.
    pub fn resize(&mut self, name: &str, value: Size) {
        self.sizes[self.kernel.size(name)] = value.bits();
    }

    /// Gives a constant another value.
    pub fn reset(&mut self, name: &str, value: f64) {
        let found = self.constants.iter_mut().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no constant {name}")).1 = value;
    }

    /// Fails unless sizes and constants are just those that the kernel names.
    pub(crate) fn check(&self) {
        let Dispatch { kernel, .. } = self;
        assert_eq!(self.sizes.len(), kernel.sizes.len(), "{kernel:?}: a value for each size");
        let mut set: Vec<&str> = self.constants.iter().map(|(name, _)| *name).collect();
        let mut named = kernel.constants.to_vec();
        set.sort_unstable();
        named.sort_unstable();
        assert_eq!(set, named, "{kernel:?}: constants that are set, and that it names");
    }

    /// Whether a binding that is written lies where `tensor` does.
    pub(crate) fn writes(&self, tensor: Tensor) -> bool {
        use crate::kernel::Access;
        let bindings = self.kernel.bindings.iter().zip(&self.tensors);
        let mut written = bindings.filter(|((_, access), _)| *access == Access::Write);
        written.any(|(_, own)| own.shares(tensor))
    }

    /// Whether any binding lies where `tensor` does.
    pub(crate) fn touches(&self, tensor: Tensor) -> bool {
        self.tensors.iter().any(|own| own.shares(tensor))
    }
}

/// Named values in the order of their places; each place exactly once.
fn by_name<T: Copy>(
    kernel: &Kernel,
    what: &str,
    count: usize,
    values: &[(&'static str, T)],
    place: &dyn Fn(&str) -> usize,
) -> Vec<T> {
    let mut placed: Vec<Option<T>> = vec![None; count];
    for (name, value) in values {
        let old = placed[place(name)].replace(*value);
        assert!(old.is_none(), "{kernel:?}: the {what} {name} is given twice");
    }
    let all = placed.into_iter().collect::<Option<Vec<T>>>();
    all.unwrap_or_else(|| panic!("{kernel:?}: {} of {count} {what}s are given", values.len()))
}

/// Which words of a tensor are observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// One of the planes into which the slowest axis cuts it.
    Plane(u32),
    /// Of K-V rings `[B, C, ..]` the slot that each row's position at hand goes into.
    Slot {
        /// Slots that keep the first positions for good.
        sinks: u32,
    },
}

/// Part of a tensor, copied when the tape runs because somebody reads the site.
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
        self.pieces(&[]).map(|(_, words)| words).sum()
    }

    /// First word and number of words of each piece, when the tape runs for these positions, one a
    /// row; a row without one counts as at 0.
    pub fn pieces(&self, positions: &[u32]) -> impl Iterator<Item = (u32, u32)> {
        let Observation { tensor, rows, .. } = self;
        let axis = tensor.shape()[0];
        let (rows, words) = (*rows, tensor.len());
        let count = if matches!(rows, Rows::Slot { .. }) { axis } else { 1 };
        let capacity = tensor.shape().get(1).copied().unwrap_or(1);
        (0..count).map(move |b| match rows {
            Rows::All => (0, words),
            Rows::Plane(plane) => (plane * (words / axis), words / axis),
            Rows::Slot { sinks } => {
                let slot = words / axis / capacity;
                let position = positions.get(b as usize).copied().unwrap_or(0);
                (b * (words / axis) + slot_of(position, capacity, sinks) * slot, slot)
            }
        })
    }

    /// The observed columns of the words that were copied.
    pub(crate) fn snapshot(&self, words: &[u32]) -> Snapshot {
        let Observation { site, tensor, columns: (first, width), shape, .. } = self;
        let rows = words.chunks_exact(tensor.width() as usize);
        let columns = rows.flat_map(|row| &row[*first as usize..][..*width as usize]);
        let data = columns.map(|word| f32::from_bits(*word)).collect();
        Snapshot { site: *site, shape: shape.clone(), data }
    }
}

/// What a tape is made of.
#[derive(Debug, Clone)]
pub enum Command {
    /// Run a kernel.
    Dispatch(Dispatch),
    /// Copy a tensor for whoever reads the site.
    Observe(Observation),
}

/// A finished tape.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What to run, in order.
    pub commands: Vec<Command>,
    /// Words of each activation.
    pub activations: Vec<u32>,
}

impl Recording {
    /// The kernels that it runs, in order.
    pub fn dispatches(&self) -> impl Iterator<Item = &Dispatch> {
        self.commands.iter().filter_map(|command| match command {
            Command::Dispatch(dispatch) => Some(dispatch),
            Command::Observe(_) => None,
        })
    }

    /// The copies that it makes for readers, in order.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.commands.iter().filter_map(|command| match command {
            Command::Observe(observation) => Some(observation),
            Command::Dispatch(_) => None,
        })
    }

    /// Places every activation in one of a few slots that are used again once their tensor has
    /// been read for the last time; gives the slot of each activation and the words of each slot.
    pub fn place_activations(&self) -> (Vec<usize>, Vec<u32>) {
        let mut last_use = vec![0; self.activations.len()];
        for (index, command) in self.commands.iter().enumerate() {
            activations_of(command).for_each(|id| last_use[id] = index);
        }
        let mut slots: Vec<u32> = vec![];
        let mut free: Vec<usize> = vec![];
        let mut slot_of = vec![usize::MAX; self.activations.len()];
        for (index, command) in self.commands.iter().enumerate() {
            for id in activations_of(command) {
                if slot_of[id] == usize::MAX {
                    slot_of[id] = take_slot(&mut free, &mut slots, self.activations[id]);
                }
            }
            let mut ended: Vec<usize> =
                activations_of(command).filter(|id| last_use[*id] == index).collect();
            ended.sort_unstable();
            ended.dedup();
            free.extend(ended.into_iter().map(|id| slot_of[id]));
        }
        (slot_of, slots)
    }
}

/// The free slot that wastes least, grown if need be, or a new one.
fn take_slot(free: &mut Vec<usize>, slots: &mut Vec<u32>, words: u32) -> usize {
    let waste = |slot: &usize| slots[*slot].abs_diff(words);
    match (0..free.len()).min_by_key(|index| waste(&free[*index])) {
        Some(index) => {
            let slot = free.swap_remove(index);
            slots[slot] = slots[slot].max(words);
            slot
        }
        None => {
            slots.push(words);
            slots.len() - 1
        }
    }
}

fn activations_of(command: &Command) -> impl Iterator<Item = usize> {
    let tensors = match command {
        Command::Dispatch(dispatch) => dispatch.tensors.as_slice(),
        Command::Observe(observation) => std::slice::from_ref(&observation.tensor),
    };
    tensors.iter().filter_map(|tensor| match tensor.place {
        Place::Activation(id) => Some(id as usize),
        Place::Resident(_) | Place::Nowhere => None,
    })
}
