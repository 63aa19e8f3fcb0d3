//! What sampling is asked for, and the words in which kernels read it and leave its outcome.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// How the next token is drawn. Applied in this order: repetition penalty, temperature, top-k,
/// top-p of what is left, min-p. The default takes the best token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// What logits are divided by; 0 takes the best token.
    pub temperature: f32,
    /// Tokens kept at most, but for ties; 0 keeps all.
    pub top_k: u32,
    /// The fewest best tokens are kept that have this probability together; 1 keeps all.
    pub top_p: f32,
    /// Tokens are kept that are at least so probable, relative to the best; 0 keeps all.
    pub min_p: f32,
    /// Logits of tokens of the prompt and of the text are divided by this if positive, else
    /// multiplied; 1 leaves them alone.
    pub repetition_penalty: f32,
    /// Equal seeds draw equal tokens from equal logits.
    pub seed: u32,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

/// Words of the parameters of a row.
pub const PARAMETERS: u32 = 8;
/// Word of a row's outcome with the token.
pub(crate) const DRAWN: usize = 0;
/// Words of the outcome, before the bits of tokens seen.
pub const SEEN: u32 = 8;

/// Words of a row's outcome and of the tokens that it has seen.
pub fn draw_words(vocabulary: u32) -> u32 {
    SEEN + vocabulary.div_ceil(32)
}

/// Steps of an octave.
const UNIT: f64 = 1_048_576.0;

/// Where sampling happens: what the host asks for, and what the kernel leaves.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    /// `[B, 8]`
    pub sampling: Tensor,
    /// `[B, 8 + V/32]`
    pub draw: Tensor,
}

impl Sampling {
    /// Whether greedy choice does the same without the kernel.
    pub fn is_plain(&self) -> bool {
        self.temperature == 0.0 && self.repetition_penalty == 1.0
    }

    /// Refuses numbers that mean nothing.
    pub fn check(&self) -> Result<()> {
        let within = |what: &str, value: f32, expected: &str, holds: bool| match holds {
            true => Ok(()),
            false => Err(Error::input(what, expected, value.to_string())),
        };
        let Sampling { temperature, top_p, min_p, repetition_penalty, .. } = *self;
        let warm = temperature == 0.0 || (1e-3..=1e3).contains(&temperature);
        within("temperature", temperature, "0, or 0.001 to 1,000", warm)?;
        within("top-p", top_p, "above 0 and at most 1", top_p > 0.0 && top_p <= 1.0)?;
        within("min-p", min_p, "0 to 1", (0.0..=1.0).contains(&min_p))?;
        let bearable = (0.01..=100.0).contains(&repetition_penalty);
        within("repetition penalty", repetition_penalty, "0.01 to 100", bearable)
    }

    /// The words that kernels read, `[8]`.
    pub fn words(&self) -> Vec<u32> {
        let steps = match self.temperature {
            0.0 => 0.0,
            temperature => UNIT * std::f64::consts::LOG2_E / f64::from(temperature),
        };
        let top_k = if self.top_k == 0 { u32::MAX } else { self.top_k };
        let below = match self.min_p {
            0.0 => u32::MAX,
            share => (-f64::from(share).log2() * UNIT).floor() as u32,
        };
        vec![
            (steps as f32).to_bits(),
            top_k,
            (f64::from(self.top_p) * 4_294_967_296.0) as u32,
            below,
            self.repetition_penalty.to_bits(),
            (1.0 / self.repetition_penalty).to_bits(),
            self.seed,
            0,
        ]
    }
}

/// The outcome before the first step, `[8 + V/32]`, where these tokens have been seen.
pub fn seen(tokens: &[u32], vocabulary: u32) -> Vec<u32> {
    let mut words = vec![0; draw_words(vocabulary) as usize];
    tokens.iter().for_each(|token| words[(SEEN + token / 32) as usize] |= 1 << (token % 32));
    words
}

/// What twins read: parameters and outcome.
pub(crate) struct View<'a> {
    pub parameters: &'a [u32],
    pub draw: &'a [u32],
}

impl<'a> View<'a> {
    /// What belongs to row `b`.
    pub fn of(sampling: &'a [u32], draw: &'a [u32], b: usize, vocabulary: usize) -> View<'a> {
        let words = draw_words(vocabulary as u32) as usize;
        let parameters = &sampling[b * PARAMETERS as usize..][..PARAMETERS as usize];
        View { parameters, draw: &draw[b * words..][..words] }
    }

    /// Steps of an octave for each unit of a logit; 0 takes the best token.
    pub fn steps(&self) -> f32 {
        f32::from_bits(self.parameters[0])
    }

    /// A key is greater where the logit is, repetition penalised; both zeros are equal.
    pub fn key_of(&self, id: usize, logit: f32) -> u32 {
        let seen = self.draw[SEEN as usize + id / 32] >> (id % 32) & 1 == 1;
        let factor = f32::from_bits(self.parameters[if logit < 0.0 { 4 } else { 5 }]);
        let value = if seen { logit * factor } else { logit };
        let bits = if value == 0.0 { 0 } else { value.to_bits() };
        if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 }
    }

    /// log2 of a token's probability over the best one's, in steps of 2^-20.
    pub fn octaves_of(&self, key: u32, greatest: u32) -> i32 {
        ((value_of(key) - value_of(greatest)) * self.steps()).max(-1_073_741_824.0) as i32
    }

    /// Octaves of a token that the cuts leave.
    pub fn left(&self, key: u32, least: u32, greatest: u32) -> Option<i32> {
        let octaves = self.octaves_of(key, greatest);
        (key >= least && octaves.unsigned_abs() <= self.parameters[3]).then_some(octaves)
    }

    /// The probability with which the token is taken.
    pub fn chance_of(&self, id: u32, logit: f32) -> f32 {
        let [_, greatest, least, upper, lower, ..] = *self.draw else { return f32::NAN };
        let mass = f64::from(upper) * 16_384.0 + f64::from(lower);
        let power = |octaves| 268_435_456.0 * (f64::from(octaves) / UNIT).exp2();
        let left = self.left(self.key_of(id as usize, logit), least, greatest);
        left.map_or(0.0, |octaves| (power(octaves) / mass) as f32)
    }
}

fn value_of(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & 0x7fff_ffff } else { !key })
}
