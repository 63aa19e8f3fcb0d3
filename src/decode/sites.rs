//! The names of a model's values, from recordings that nobody runs: what is named is what there is.

use crate::decode::Model;
use crate::layers::Memory;
use crate::models::transformer::{Cache, Pass};
use crate::ops::choose::{Choice, result_words};
use crate::ops::store::Ring;
use crate::probe::{Name, Probe};
use crate::site::Site;
use crate::step_state;
use crate::tape::Tape;
use crate::tensor::{Buffer, Place, Tensor};

/// Rows, positions and slots of these recordings.
const LENGTH: u32 = 2;

impl Model {
    /// All of them, in order.
    pub fn sites(&self) -> Vec<Site> {
        self.names().into_iter().map(|name| name.site).collect()
    }

    /// All of them, with what they consist of.
    pub fn names(&self) -> Vec<Name> {
        let mut names = self.reading_names();
        let known = |names: &[Name], name: &Name| names.iter().any(|own| own.site == name.site);
        let more = self.step_names().into_iter().filter(|name| !known(&names, name));
        let more: Vec<Name> = more.collect();
        names.extend(more);
        names
    }

    /// Sites of what is taken in before the first step: of a source, or of a chunk of a prompt.
    pub fn reading_sites(&self) -> Vec<Site> {
        self.reading_names().into_iter().map(|name| name.site).collect()
    }

    /// Sites of a step; none without a decoder.
    pub fn step_sites(&self) -> Vec<Site> {
        self.step_names().into_iter().map(|name| name.site).collect()
    }

    fn reading_names(&self) -> Vec<Name> {
        let mut tape = self.dry_tape();
        let tokens = dry(&[1, LENGTH]);
        match &self.transformer.encoder {
            Some(_) => {
                let encoded = self.transformer.encode(&mut tape, tokens, dry(&[1]));
                self.transformer.remember(&mut tape, encoded, &self.dry_caches());
            }
            None => {
                let pass = Pass::Chunk { tokens, state: dry(&[step_state::words(1)]) };
                self.transformer.decode(&mut tape, pass, &self.dry_caches());
            }
        }
        tape.names().to_vec()
    }

    fn step_names(&self) -> Vec<Name> {
        if self.transformer.decoder.is_none() {
            return vec![];
        }
        let mut tape = self.dry_tape();
        let state = dry(&[step_state::words(1)]);
        let pass = Pass::Step { state, batch: 1 };
        let x = self.transformer.decode(&mut tape, pass, &self.dry_caches());
        let logits = self.transformer.logits(&mut tape, x);
        let results = dry(&[1, 1, result_words(1)]);
        let [best, end, pad] = [1, u32::MAX, 0];
        let choice = Choice { best, end, pad, bans_padding: false, state, results, sampler: None };
        tape.choose(logits, choice);
        tape.names().to_vec()
    }

    fn dry_tape(&self) -> Tape {
        Tape::new(self.device.tuning(), Probe::none())
    }

    fn dry_caches(&self) -> Vec<Cache> {
        let config = self.config();
        let Some(decoder) = config.decoder else { return vec![] };
        let width = (decoder.key_value_heads * decoder.head_width) as u32;
        let ring = Ring { slots: dry(&[1, LENGTH, 2, width]), sinks: 0 };
        let rows = dry(&[1, LENGTH, 2 * config.model_width as u32]);
        let memory = config.encoder.map(|_| Memory { rows, lengths: dry(&[1]) });
        vec![Cache { ring: Some(ring), memory }; decoder.layers]
    }
}

/// A tensor in a buffer that does not exist.
fn dry(shape: &[u32]) -> Tensor {
    Tensor::at(Place::Resident(Buffer(u32::MAX)), shape)
}
