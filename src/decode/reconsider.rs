//! Choosing again from kept logits: other temperature, other cuts, and no run of the model.

use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::generate_options::check_choice;
use crate::decode::generation::{sampler, state_at};
use crate::decode::{Generator, Row, Sampling};
use crate::error::{Error, Result};
use crate::ops::choose::{Choice, result_words};
use crate::site::Filter;
use crate::tape::Tape;

impl Generator {
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
        let Generator { device, model, .. } = self;
        let vocabulary = model.config.vocabulary;
        check_choice(&model.config, history, sampling, candidates)?;
        if logits.len() != vocabulary {
            let expected = format!("{vocabulary}, the size of the vocabulary");
            return Err(Error::input("logits", expected, logits.len().to_string()));
        }
        let Some(input) = history.last() else {
            return Err(Error::input("tokens of the history", "1 or more", "0"));
        };
        let mut buffers = Buffers::new(Rc::clone(device));
        let row = buffers.tensor("kept logits", &[1, vocabulary as u32])?;
        let state = buffers.tensor("step state", &[6])?;
        let results = buffers.tensor("results", &[1, 1, result_words(candidates)])?;
        let sampler = sampler(device, sampling, history, &model.config, &mut buffers)?;
        device.upload(buffers.of(row), bytemuck::cast_slice(logits));
        device.upload(buffers.of(state), &state_at(position, *input));
        let mut tape = Tape::new(device.tuning(), Filter::none());
        let [end, pad] = [u32::MAX; 2];
        let sampler = Some(sampler);
        let choice =
            Choice { best: candidates, end, pad, bans_padding: false, state, results, sampler };
        tape.choose(row, choice);
        let recording = tape.finish();
        device.prepare(&[&recording]).await;
        let program = device.compile(recording)?;
        let read = (buffers.of(results), 0, results.len());
        let output = device.finish(device.run(&program, 0..1, Some(read))).await;
        device.discard(&program);
        Ok(Row::read(&output?.words, candidates as usize))
    }
}
