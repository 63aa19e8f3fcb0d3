//! A kernel: its name, its WGSL, its bindings and its twin on the CPU.

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;

/// What a kernel does with a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Only reads it.
    Read,
    /// Writes it, or reads and writes it.
    Write,
}

/// What a word of `Sizes` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A count.
    U32,
    /// A real number.
    F32,
}

/// A value of a field of `Sizes`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// A count.
    U32(u32),
    /// A real number.
    F32(f32),
}

impl Size {
    pub(crate) fn kind(self) -> Word {
        match self {
            Size::U32(_) => Word::U32,
            Size::F32(_) => Word::F32,
        }
    }

    pub(crate) fn bits(self) -> u32 {
        match self {
            Size::U32(value) => value,
            Size::F32(value) => value.to_bits(),
        }
    }
}

impl From<u32> for Size {
    fn from(value: u32) -> Size {
        Size::U32(value)
    }
}

impl From<f32> for Size {
    fn from(value: f32) -> Size {
        Size::F32(value)
    }
}

/// What a kernel computes on the CPU.
pub type Arithmetic = fn(&Call);

/// A kernel's descriptor. `tests/shaders.rs` holds it against the reflected WGSL.
pub struct Kernel {
    /// Its name: the WGSL file, the entry point and the Rust file have it too.
    pub name: &'static str,
    /// The kernel's own text first (so that error lines are its own), then library files.
    pub wgsl: &'static [&'static str],
    /// Its storage bindings in order, from 1; binding 0 is the uniform of sizes. At most seven: an
    /// adapter need not have more than eight, and one that is needed later must find room.
    pub bindings: &'static [(&'static str, Access)],
    /// The fields of its structure `Sizes`.
    pub sizes: &'static [(&'static str, Word)],
    /// Its `override` constants.
    pub constants: &'static [&'static str],
    /// Bindings whose length is compiled into the pipeline, since the model's shape fixes it: a
    /// compiler that knows the length checks a bound with one comparison, and need not ask for it
    /// (and divide it by the size of an element, lane by lane) at every access.
    pub sized: &'static [&'static str],
    /// It reduces over lanes: the text of the adapter's kind of reduction is added.
    pub reduces: bool,
    /// The same formula in plain Rust, accumulating in f64: the truth.
    pub twin: Arithmetic,
    /// The same in f32, for machines without a GPU; the twin does where there is none.
    pub fast: Option<Arithmetic>,
}

impl Kernel {
    /// The complete WGSL for an adapter with or without subgroups.
    pub fn source(&self, subgroups: bool) -> String {
        let mut text = String::new();
        if self.reduces && subgroups && cfg!(target_arch = "wasm32") {
            // Browsers ask for the directive, naga refuses it. It goes on the first line, so that
            // the kernel's line numbers stay what they are.
            text.push_str("enable subgroups; ");
        }
        self.wgsl.iter().for_each(|part| text.push_str(part));
        if self.reduces {
            text.push_str(match subgroups {
                true => include_str!("../shaders/lib/lanes_subgroup.wgsl"),
                false => include_str!("../shaders/lib/lanes_workgroup.wgsl"),
            });
        }
        text
    }

    /// The same, with the lengths of `sized` bindings in it, by their words.
    pub fn sized_source(&self, subgroups: bool, words: &[u32]) -> String {
        let mut text = self.source(subgroups);
        for (name, words) in self.sized.iter().zip(words) {
            let declared = format!(" {name}: array<");
            let start = text.find(&declared).expect("a sized binding is an array") + declared.len();
            let end = start + text[start..].find(">;").expect("the end of its declaration");
            let element = match &text[start..end] {
                "array<vec4<u32>, 2>" => 8,
                "vec4<f32>" => 4,
                "vec2<u32>" => 2,
                other => panic!("{}: how many words has {other}?", self.name),
            };
            text.insert_str(end, &format!(", {}", (words / element).max(1)));
        }
        text
    }

    /// The index of a binding.
    pub(crate) fn binding(&self, name: &str) -> usize {
        let place = self.bindings.iter().position(|(known, _)| *known == name);
        place.unwrap_or_else(|| panic!("{self:?} has no binding {name}"))
    }

    /// The index of a field of its sizes.
    pub(crate) fn size(&self, name: &str) -> usize {
        let place = self.sizes.iter().position(|(known, _)| *known == name);
        place.unwrap_or_else(|| panic!("{self:?} has no size {name}"))
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel({})", self.name)
    }
}

/// A value of an `override` constant: a number, or a switch as 0 or 1.
pub type Constant = (&'static str, f64);

/// The words of a binding, which several bindings may share to read them.
pub type Words = Rc<RefCell<Vec<u32>>>;

/// What a twin is called with: sizes, constants and the words of every binding, all by name.
pub struct Call<'a> {
    pub(crate) kernel: &'static Kernel,
    pub(crate) sizes: &'a [u32],
    pub(crate) constants: &'a [Constant],
    /// In the order of the descriptor; empty where a binding is not used.
    pub(crate) buffers: Vec<Words>,
}

impl Call<'_> {
    /// A count among the sizes.
    pub fn size(&self, name: &str) -> usize {
        self.sizes[self.kernel.size(name)] as usize
    }

    /// A real number among the sizes.
    pub fn real(&self, name: &str) -> f32 {
        f32::from_bits(self.sizes[self.kernel.size(name)])
    }

    /// The value of a constant.
    pub fn constant(&self, name: &str) -> usize {
        match self.constants.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => *value as usize,
            None => panic!("{:?}: no constant {name} in this dispatch", self.kernel),
        }
    }

    /// Whether a switch is on.
    pub fn on(&self, name: &str) -> bool {
        self.constant(name) != 0
    }

    /// The words of a binding.
    pub fn words(&self, name: &str) -> Ref<'_, [u32]> {
        Ref::map(self.buffers[self.kernel.binding(name)].borrow(), Vec::as_slice)
    }

    /// The values of a binding.
    pub fn values(&self, name: &str) -> Ref<'_, [f32]> {
        Ref::map(self.words(name), bytemuck::cast_slice)
    }

    /// The words of a binding that the kernel writes.
    pub fn words_mut(&self, name: &str) -> RefMut<'_, [u32]> {
        let place = self.kernel.binding(name);
        let access = self.kernel.bindings[place].1;
        assert_eq!(access, Access::Write, "{:?}: {name} is only read", self.kernel);
        RefMut::map(self.buffers[place].borrow_mut(), Vec::as_mut_slice)
    }

    /// The values of a binding that the kernel writes.
    pub fn values_mut(&self, name: &str) -> RefMut<'_, [f32]> {
        RefMut::map(self.words_mut(name), bytemuck::cast_slice_mut)
    }
}
