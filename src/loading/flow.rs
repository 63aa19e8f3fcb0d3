//! A weight file that flows by: each chunk goes where the model wants it, and nothing is kept.

use std::io::Read;
use std::rc::Rc;

use super::Loader;
use super::fill::{Fill, MatrixSink};
use crate::error::{Error, Result};
use crate::executor::Device;
use crate::tensor::Buffer;
use crate::weights::{CHUNK, Header, Storage, read_some};

/// A model whose weights are on their way.
pub struct Loading<M> {
    model: M,
    device: Rc<Device>,
    sinks: Vec<MatrixSink>,
    /// In the order of the file; those before `next` are full.
    fills: Vec<Fill>,
    next: usize,
    position: u64,
    length: u64,
}

/// The room that a model has for its weights, and what goes where.
pub struct Room {
    /// The model's, to be given back with it.
    pub buffers: Vec<Buffer>,
    /// The storage of most of the values in matrices.
    pub storage: Storage,
    sinks: Vec<MatrixSink>,
    fills: Vec<Fill>,
}

impl Loader<'_> {
    /// All room that was asked for.
    pub fn finish(self) -> Room {
        let mut sinks = self.sinks.take();
        let mut fills = self.fills.take();
        fills.sort_by_key(|fill| fill.bytes);
        fills.iter().for_each(|fill| fill.announce(&mut sinks));
        let values = |storage: &Storage| -> u64 {
            sinks.iter().filter(|sink| sink.storage() == *storage).map(MatrixSink::values).sum()
        };
        let storage = Storage::ALL.into_iter().max_by_key(values).unwrap_or(Storage::F32);
        Room { buffers: self.buffers.take(), storage, sinks, fills }
    }
}

impl<M> Loading<M> {
    /// A model whose weights are all of them still to come, from the file with this head.
    pub fn new(model: M, device: Rc<Device>, room: Room, header: &Header) -> Loading<M> {
        let Room { sinks, fills, .. } = room;
        let length = header.length;
        Loading { model, device, sinks, fills, next: 0, position: 0, length }
    }

    /// Takes the next bytes of the file, from its first on, in pieces of any size.
    pub fn feed(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            let Some(fill) = self.fills.get(self.next) else { break };
            let (begin, end) = fill.bytes;
            let until = if self.position < begin { begin } else { end };
            let count = usize::try_from(until - self.position).unwrap_or(usize::MAX);
            let (taken, rest) = chunk.split_at(chunk.len().min(count));
            self.position += taken.len() as u64;
            chunk = rest;
            if until == begin {
                continue;
            }
            // The same tensor may go to several places.
            let same = self.fills[self.next..].iter_mut().take_while(|fill| fill.bytes.0 == begin);
            let mut count = 0;
            for fill in same {
                fill.push(&self.device, &mut self.sinks, taken);
                count += 1;
            }
            if self.position == end {
                self.next += count;
            }
        }
        self.position += chunk.len() as u64;
    }

    /// Takes the rest of a file; `progress` is told bytes done and bytes in all.
    pub fn read(mut self, file: &mut impl Read, progress: &dyn Fn(u64, u64)) -> Result<M> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let (done, all) = self.progress();
            progress(done, all);
            match read_some(file, &mut chunk)? {
                0 => return self.finish(),
                count => self.feed(&chunk[..count]),
            }
        }
    }

    /// Bytes of the file so far, and all that the head of the file speaks of.
    pub fn progress(&self) -> (u64, u64) {
        (self.position.min(self.length), self.length)
    }

    /// Bytes that are kept at the moment: an incomplete row, scales that wait for biases.
    pub fn held_bytes(&self) -> usize {
        let fills: usize = self.fills.iter().map(Fill::held_bytes).sum();
        fills + self.sinks.iter().map(MatrixSink::held_bytes).sum::<usize>()
    }

    /// The model, once the file has gone by.
    pub fn finish(self) -> Result<M> {
        match self.fills.get(self.next) {
            None => Ok(self.model),
            Some(_) => {
                let expected = format!("{} bytes", self.length);
                let found = format!("{} bytes: the file is truncated", self.position);
                Err(Error::weights("end of file", expected, found))
            }
        }
    }
}
