//! A kernel: its name, its WGSL, its bindings and its twin on the CPU.

/// What a kernel does with a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Only reads it.
    Read,
    /// Writes it, or reads and writes it.
    Write,
}

/// A kernel's descriptor. `tests/shaders.rs` holds it against the reflected WGSL.
pub struct Kernel {
    /// Its name: the WGSL file, the entry point and the Rust file have it too.
    pub name: &'static str,
    /// The kernel's own text first (so that error lines are its own), then library files.
    pub wgsl: &'static [&'static str],
    /// Its storage bindings in order, from 1; binding 0 is the uniform of sizes.
    pub bindings: &'static [(&'static str, Access)],
    /// Its `override` constants.
    pub constants: &'static [&'static str],
    /// Bindings whose length is compiled into the pipeline, since the model's shape fixes it: a
    /// compiler that knows the length checks a bound with one comparison, and need not ask for it
    /// (and divide it by the size of an element, lane by lane) at every access.
    pub sized: &'static [&'static str],
    /// It reduces over lanes: the text of the adapter's kind of reduction is added.
    pub reduces: bool,
    /// The same formula in plain Rust, accumulating in f64.
    pub twin: fn(&mut Call),
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

    /// The lengths of a dispatch's `sized` bindings, from those of all its bindings.
    pub fn sized_words(&self, words: impl Fn(usize) -> u32) -> Vec<u32> {
        let place = |name| self.bindings.iter().position(|(known, _)| known == name);
        let places = self.sized.iter().map(|name| place(name).expect("a sized binding is bound"));
        places.map(words).collect()
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel({})", self.name)
    }
}

/// A value of an `override` constant: a number, or a switch as 0 or 1.
pub type Constant = (&'static str, f64);

/// What a twin is called with: the sizes, the constants and the words of every binding.
pub struct Call<'a> {
    /// The uniform's words.
    pub sizes: &'a [u32],
    /// The constants of this dispatch.
    pub constants: &'a [Constant],
    /// The words of each binding, in the order of the descriptor.
    pub buffers: Vec<Vec<u32>>,
}

impl Call<'_> {
    /// The sizes as the kernel's own structure.
    pub fn sizes<T: bytemuck::AnyBitPattern>(&self) -> T {
        bytemuck::pod_read_unaligned(bytemuck::cast_slice(&self.sizes[..size_of::<T>() / 4]))
    }

    /// The value of a constant.
    pub fn constant(&self, name: &str) -> u32 {
        match self.constants.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => *value as u32,
            None => panic!("a twin asks for the constant {name}, which its dispatch does not set"),
        }
    }

    /// Whether a switch is on.
    pub fn on(&self, name: &str) -> bool {
        self.constant(name) != 0
    }
}

/// Words read as floats.
pub fn floats(words: &[u32]) -> &[f32] {
    bytemuck::cast_slice(words)
}

/// Words written as floats.
pub fn floats_mut(words: &mut [u32]) -> &mut [f32] {
    bytemuck::cast_slice_mut(words)
}
