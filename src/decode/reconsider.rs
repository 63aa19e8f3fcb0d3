//! Choosing again from kept logits: other temperature, other cuts, and no run of the model.

use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::limits::check_choice;
use crate::decode::run::sampler;
use crate::decode::{Input, Model, Row, Sampling};
use crate::error::{Error, Result};
use crate::executor::Read;
use crate::ops::choose::{Choice, result_words};
use crate::probe::Probe;
use crate::step_state;
use crate::tape::Tape;

impl Model {
    /// What a step would have chosen from its `logits` `[V]` with this sampling. `history` has the
    /// tokens from the first one to the step's input, `position` is that of the input.
    pub async fn reconsider(
        &self,
        logits: &[f32],
        history: &[u32],
        sampling: &Sampling,
        candidates: u32,
        position: u32,
    ) -> Result<Row> {
        let vocabulary = self.config().vocabulary;
        check_choice(self.config(), history, sampling, candidates)?;
        if logits.len() != vocabulary {
            let expected = format!("{vocabulary}, the size of the vocabulary");
            return Err(Error::input("logits", expected, logits.len().to_string()));
        }
        let Some(token) = history.last() else {
            return Err(Error::input("tokens of the history", "1 or more", "0"));
        };
        let device = &self.device;
        let mut buffers = Buffers::new(Rc::clone(device));
        let row = buffers.tensor("kept logits", &[1, vocabulary as u32])?;
        let state = buffers.tensor("step state", &[step_state::words(1)])?;
        let results = buffers.tensor("results", &[1, 1, result_words(candidates)])?;
        let input = [Input { sampling: *sampling, ..Input::default() }];
        let sampler = sampler(device, &input, &[history.to_vec()], self.config(), &mut buffers)?;
        device.upload(buffers.of(row), bytemuck::cast_slice(logits));
        let step = step_state::of(&[step_state::Row::at(position, *token)]);
        device.upload(buffers.of(state), &step);
        let mut tape = Tape::new(device.tuning(), Probe::none());
        let [end, pad] = [u32::MAX, 0];
        let choice =
            Choice { best: candidates, end, pad, bans_padding: false, state, results, sampler };
        tape.choose(row, choice);
        let recording = tape.finish();
        device.prepare(&[&recording]).await;
        let program = device.compile(recording)?;
        let read = Read { buffer: buffers.of(results), first: 0, words: results.len() };
        let output = program.run(1, &[position], Some(read)).await?;
        Ok(Row { position, ..Row::read(&output.words, candidates as usize) })
    }
}
