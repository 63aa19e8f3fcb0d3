//! What the head of a weight file says: names, shapes and places of tensors, and metadata.

use std::collections::BTreeMap;
use std::io::Read;

use super::encoding::Encoding;
use super::gguf::{self, Metadata};
use super::safetensors;
use crate::error::{Error, Result};

/// A tensor in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Sizes of its axes, the slowest first.
    pub shape: Vec<usize>,
    /// What its values are encoded as; or the name of what the engine can't decode.
    pub encoding: std::result::Result<Encoding, String>,
    /// Its first byte in the file.
    pub begin: u64,
    /// The byte after its last.
    pub end: u64,
}

/// The head of a weight file.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// All tensors, by the names that Hugging Face's files give them.
    pub tensors: BTreeMap<String, Entry>,
    /// What a GGUF says of the model and its tokens; a safetensors file says nothing.
    pub metadata: Option<Metadata>,
    /// Bytes of the file, as far as it is known from its head.
    pub length: u64,
}

/// What the first bytes of a file gave.
#[derive(Debug)]
pub enum Opened {
    /// The head goes on: it is at least so many bytes long.
    More(u64),
    /// All of it.
    Head(Header),
}

impl Header {
    /// Reads the head of a safetensors file or a GGUF from the first bytes of a file of `length`
    /// bytes, or of unknown length. Reads no tensor, and asks for no memory beyond these bytes.
    pub fn read(bytes: &[u8], length: Option<u64>) -> Result<Opened> {
        let opened = match bytes.get(..4) {
            None => Opened::More(8),
            Some(gguf::MAGIC) => gguf::read(bytes, length)?,
            Some(_) => safetensors::read(bytes, length)?,
        };
        match (opened, length) {
            (Opened::More(least), Some(length)) if least > length => {
                let expected = format!("{least} bytes at least");
                let found = format!("a file of {length} bytes: it is truncated");
                Err(Error::weights("header", expected, found))
            }
            (opened, _) => Ok(opened),
        }
    }

    /// The head of a file that is all there.
    pub fn of(file: &[u8]) -> Result<Header> {
        match Header::read(file, Some(file.len() as u64))? {
            Opened::Head(header) => Ok(header),
            Opened::More(least) => {
                let found = format!("{} bytes: the file is truncated", file.len());
                Err(Error::weights("header", format!("{least} bytes"), found))
            }
        }
    }
}

/// Bytes that are read from a file at once.
pub const CHUNK: usize = 1 << 20;

/// The next bytes of a file; none at its end.
pub fn read_some(file: &mut impl Read, chunk: &mut [u8]) -> Result<usize> {
    let unreadable = |error: std::io::Error| {
        Error::input("the weight file", "a readable file", error.to_string())
    };
    file.read(chunk).map_err(unreadable)
}

/// Collects the first bytes of a file until its head is there.
#[derive(Debug)]
pub struct Opening {
    bytes: Vec<u8>,
    least: u64,
    length: Option<u64>,
}

impl Opening {
    /// Of a file of `length` bytes, if that is known.
    pub fn new(length: Option<u64>) -> Opening {
        Opening { bytes: vec![], least: 0, length }
    }

    /// Takes the next bytes of the file; gives its head once it is complete.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Option<Header>> {
        self.bytes.extend_from_slice(chunk);
        let all = self.length.is_some_and(|length| self.bytes.len() as u64 >= length);
        if (self.bytes.len() as u64) < self.least && !all {
            return Ok(None);
        }
        match Header::read(&self.bytes, self.length)? {
            Opened::Head(header) => Ok(Some(header)),
            Opened::More(least) => {
                // A head of unknown length is read again whenever the bytes have doubled.
                self.least = least.max(2 * self.bytes.len() as u64);
                Ok(None)
            }
        }
    }

    /// Reads a file from its start until its head is there.
    pub fn read(&mut self, file: &mut impl Read) -> Result<Header> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = read_some(file, &mut chunk)?;
            if let Some(header) = self.push(&chunk[..count])? {
                return Ok(header);
            }
            if count == 0 {
                let found = format!("{} bytes: the file is truncated", self.bytes.len());
                return Err(Error::weights("header", format!("{} bytes", self.least), found));
            }
        }
    }

    /// All bytes so far, which are the first that loading wants.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
