//! A Transformer, of whatever family: an encoder, a decoder, or both; the forward pass of all of them, to be read from the top down.

use crate::layers::{CrossAttention, FeedForward, Memory, SelfAttention, normed};
use crate::mask::Mask;
use crate::models::config::Config;
use crate::ops::attention::Keys;
use crate::ops::embed::{Embedding, Tokens};
use crate::ops::linear::Epilogue;
use crate::ops::norm::Norm;
use crate::ops::store::Ring;
use crate::ops::weight::Weight;
use crate::site::{Site, Stack as Name};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// A model: its weights on a device.
pub struct Transformer {
    /// Its sizes and habits.
    pub config: Config,
    /// Reads the source.
    pub encoder: Option<Stack>,
    /// Writes.
    pub decoder: Option<Stack>,
    /// `[V, D]`, which makes logits of what the last stack makes.
    pub head: Weight,
}

/// A stack of layers.
pub struct Stack {
    /// How tokens become vectors.
    pub embedding: Embedding,
    /// From the bottom up.
    pub layers: Vec<Layer>,
    /// Behind the last layer, if blocks have theirs in front.
    pub norm: Option<Norm>,
}

/// A layer.
pub struct Layer {
    /// Over the stack's own positions.
    pub self_attention: SelfAttention,
    /// Over the source, in a decoder beside an encoder.
    pub cross_attention: Option<CrossAttention>,
    /// For each position by itself.
    pub feed_forward: FeedForward,
}

/// What a decoder layer keeps between steps.
#[derive(Debug, Clone, Copy)]
pub struct Cache {
    /// Keys and values of the target so far, unless a pass takes in all of it.
    pub ring: Option<Ring>,
    /// Keys and values of the source, if there is an encoder.
    pub memory: Option<Memory>,
}

/// How much a pass of the decoder takes in, and where what came before is.
#[derive(Debug, Clone, Copy)]
pub enum Pass {
    /// One token a row, whose past is in the rings.
    Step {
        /// StepState.
        state: Tensor,
        /// Rows in it.
        batch: u32,
    },
    /// `[B, T]` tokens, whose past is in the rings.
    Chunk {
        /// `[B, T]`
        tokens: Tensor,
        /// StepState, with the position of each first one.
        state: Tensor,
    },
    /// `[B, T]` tokens from the first position on: no past, no rings.
    Sequence {
        /// `[B, T]`
        tokens: Tensor,
        /// StepState, all of whose positions are 0.
        state: Tensor,
    },
}

impl Transformer {
    /// The encoder over `tokens` `[B, S]`, of which `lengths` `[B]` are real: `[B, S, D]`.
    pub fn encode(&self, tape: &mut Tape, tokens: Tensor, lengths: Tensor) -> Tensor {
        let encoder = self.encoder.as_ref().expect("a model with an encoder");
        let mut x = tape.embed(Tokens::Given(tokens), &encoder.embedding);
        for layer in &encoder.layers {
            let mask = Mask::padding(lengths);
            x = layer.self_attention.forward(tape, x, Keys::Rows, mask, None);
            x = layer.feed_forward.forward(tape, x);
        }
        encoder.last_norm(tape, x, Name::Encoder)
    }

    /// Keys and values of what the encoder made, `[B, S, D]`, for each layer of the decoder.
    pub fn remember(&self, tape: &mut Tape, encoded: Tensor, caches: &[Cache]) {
        for (layer, cache) in self.decoder().layers.iter().zip(caches) {
            if let (Some(attention), Some(memory)) = (&layer.cross_attention, cache.memory) {
                attention.remember(tape, encoded, memory);
            }
        }
    }

    /// The layers of the decoder over one token a row, or many: `[B, T, D]`.
    pub fn decode(&self, tape: &mut Tape, pass: Pass, caches: &[Cache]) -> Tensor {
        let decoder = self.decoder();
        tape.state = Some(pass.state());
        let mut x = tape.embed(pass.tokens(), &decoder.embedding);
        for (layer, cache) in decoder.layers.iter().zip(caches) {
            let (keys, turns) = pass.keys(cache.ring);
            x = layer.self_attention.forward(tape, x, keys, Mask::CAUSAL, turns);
            if let (Some(attention), Some(memory)) = (&layer.cross_attention, cache.memory) {
                x = attention.forward(tape, x, memory);
            }
            x = layer.feed_forward.forward(tape, x);
        }
        x
    }

    /// What the decoder made, `[B, T, D]`, as logits: `[B, V]` of a step, else `[B, T, V]`.
    pub fn logits(&self, tape: &mut Tape, x: Tensor) -> Tensor {
        let x = self.decoder().last_norm(tape, x, Name::Decoder);
        let logits = tape.linear(x, &self.head, Epilogue::Plain);
        let logits = match logits.shape() {
            [batch, 1, width] => logits.with_shape(&[*batch, *width]),
            _ => logits,
        };
        tape.at(Site::Logits, logits);
        logits
    }

    fn decoder(&self) -> &Stack {
        self.decoder.as_ref().expect("a model with a decoder")
    }
}

impl Stack {
    fn last_norm(&self, tape: &mut Tape, x: Tensor, name: Name) -> Tensor {
        match &self.norm {
            Some(norm) => normed(tape, x, norm, Site::Norm(name)),
            None => x,
        }
    }
}

impl Pass {
    fn state(self) -> Tensor {
        match self {
            Pass::Step { state, .. } | Pass::Chunk { state, .. } | Pass::Sequence { state, .. } => {
                state
            }
        }
    }

    fn tokens(self) -> Tokens {
        match self {
            Pass::Step { state, batch } => Tokens::Step { state, batch },
            Pass::Chunk { tokens, state } => Tokens::Chunk { ids: tokens, state },
            Pass::Sequence { tokens, .. } => Tokens::Given(tokens),
        }
    }

    /// Where keys are, and from which positions rows turn before attention.
    fn keys(self, ring: Option<Ring>) -> (Keys, Option<Tensor>) {
        let ring = || ring.expect("a ring for what is to be kept");
        match self {
            Pass::Step { state, .. } => (Keys::Step { state, ring: ring() }, None),
            Pass::Chunk { state, .. } => (Keys::Chunk { state, ring: ring() }, Some(state)),
            Pass::Sequence { state, .. } => (Keys::Rows, Some(state)),
        }
    }
}
