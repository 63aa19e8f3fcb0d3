//! Weights: the head of a file of named tensors, seen by paths that spell the model, and their packing.

mod blocks;
mod encoding;
mod gguf;
mod header;
mod quantised;
mod safetensors;
mod storage;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::rc::Rc;

use crate::error::{Error, Result};

pub use blocks::BLOCK;
pub use encoding::Encoding;
pub use gguf::{Metadata, Tokens, Value, config_files};
pub use header::{CHUNK, Entry, Header, Opened, Opening, read_some};
pub use storage::{Packed, Storage};

/// The head of a weight file, seen from a place in the model: `weights.pp("model").pp("encoder")`.
/// The values come later, when the file flows by: see `crate::loading`.
#[derive(Debug, Clone)]
pub struct Weights {
    header: Rc<Header>,
    read: Rc<RefCell<BTreeSet<String>>>,
    prefix: String,
}

/// A tensor that a model asked for, under its full name.
#[derive(Debug, Clone)]
pub struct Held {
    /// The full name.
    pub name: String,
    /// What its values are encoded as.
    pub encoding: Encoding,
    /// Its first byte in the file, and the byte after its last.
    pub bytes: (u64, u64),
}

impl Weights {
    /// All tensors of a file.
    pub fn new(header: Header) -> Weights {
        Weights { header: Rc::new(header), read: Rc::default(), prefix: String::new() }
    }

    /// The head itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether it is a GGUF, in which every matrix lies by rows and rotary pairs are adjacent.
    pub fn is_gguf(&self) -> bool {
        self.header.metadata.is_some()
    }

    /// The same file, one component further down the path.
    pub fn pp(&self, component: impl Display) -> Weights {
        Weights {
            header: Rc::clone(&self.header),
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
        self.header.tensors.contains_key(&self.path(name))
    }

    /// The shape of the tensor of that name here, if there is one.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.header.tensors.get(&self.path(name)).map(|entry| entry.shape.as_slice())
    }

    /// The first of several names that the file holds here, or else the first.
    pub fn first_held<'n>(&self, names: &[&'n str]) -> &'n str {
        names.iter().find(|name| self.contains(name)).unwrap_or(&names[0])
    }

    /// Asks for a tensor of the given shape.
    pub fn ask(&self, name: &str, shape: &[usize]) -> Result<Held> {
        let name = self.path(name);
        let Some(entry) = self.header.tensors.get(&name) else {
            let expected = format!("a tensor of shape {shape:?}");
            return Err(Error::weights(name, expected, "no tensor of that name"));
        };
        if entry.shape != shape {
            let found = format!("shape {:?}", entry.shape);
            return Err(Error::weights(name, format!("shape {shape:?}"), found));
        }
        let encoding = match &entry.encoding {
            Ok(encoding) => *encoding,
            Err(found) => {
                let known =
                    "type F32, F16, BF16, I8, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K";
                return Err(Error::config(name, known, found));
            }
        };
        self.read.borrow_mut().insert(name.clone());
        Ok(Held { name, encoding, bytes: (entry.begin, entry.end) })
    }

    /// Asks for a tensor of so many values, whatever its axes.
    pub fn ask_flat(&self, name: &str, count: usize) -> Result<Held> {
        let flat = self.shape(name).filter(|shape| shape.iter().product::<usize>() == count);
        let shape = flat.map_or(vec![count], <[usize]>::to_vec);
        self.ask(name, &shape)
    }

    /// Names of tensors in the file that nobody has asked for, sorted.
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.borrow();
        self.header.tensors.keys().filter(|name| !read.contains(*name)).cloned().collect()
    }

    /// An error if the file holds a tensor that nobody has asked for, such as a norm of queries: the
    /// model would run without it, and wrongly. `but` lists how the names of harmless ones end.
    pub fn all_read(&self, but: &[&str]) -> Result<()> {
        let harmless = |name: &String| but.iter().any(|end| name.ends_with(end));
        match self.unread().into_iter().find(|name| !harmless(name)) {
            None => Ok(()),
            Some(name) => {
                let expected = "only tensors that this architecture and config call for";
                Err(Error::weights(name, expected, "one that nothing would read"))
            }
        }
    }

    /// Values in all tensors that have been asked for, each counted once.
    pub fn values_read(&self) -> u64 {
        let read = self.read.borrow();
        let shapes = read.iter().filter_map(|name| self.header.tensors.get(name));
        shapes.map(|entry| entry.shape.iter().product::<usize>() as u64).sum()
    }
}
