//! Names of intermediates: `decoder.3.cross_attention.weights` is where a value arises in the model.

mod filter;

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

pub use filter::Filter;
pub(crate) use filter::{matches, nearest};

/// Where a value arises in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// Token embeddings of a stack, scaled where the model scales them.
    Embedding(Stack),
    /// Position embeddings of a stack.
    Position(Stack),
    /// The norm behind the last layer of a stack whose blocks have their norms in front.
    Norm(Stack),
    /// A value inside a layer.
    Layer {
        /// The stack that the layer belongs to.
        stack: Stack,
        /// The layer, from 0.
        layer: u16,
        /// The block within the layer.
        block: Block,
        /// The value within the block.
        part: Part,
    },
    /// Scores of all tokens, `[V]`.
    Logits,
    /// Softmax of the logits, `[V]`.
    Probabilities,
}

/// The closed vocabularies that names are made of: each variant and its word.
macro_rules! words {
    ($(#[$doc:meta])* $kind:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $kind { $($(#[$variant_doc])* $variant,)+ }

        impl $kind {
            fn word(self) -> &'static str {
                match self { $($kind::$variant => $word,)+ }
            }

            fn parse(word: &str) -> Option<$kind> {
                match word { $($word => Some($kind::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// The two halves of an encoder-decoder.
    Stack {
        /// Reads the source.
        Encoder = "encoder",
        /// Writes the target.
        Decoder = "decoder",
    }
}

words! {
    /// The blocks of a layer.
    Block {
        /// Attention over the stack's own positions.
        SelfAttention = "self_attention",
        /// Attention of the decoder over the source.
        CrossAttention = "cross_attention",
        /// The inner layer of each position.
        FeedForward = "feed_forward",
    }
}

words! {
    /// The values of a block.
    Part {
        /// Queries, `[H, K]` a position, before rotary positions turn them.
        Query = "query",
        /// Keys, `[G, K]` a position, before rotary positions turn them.
        Key = "key",
        /// Values, `[G, K]` a position.
        Value = "value",
        /// What a position puts into its slot of the ring: its key, turned where positions are
        /// rotary, and its value, `[2, G, K]` a position.
        Slot = "slot",
        /// The K-V ring as it stands in memory, `[C, 2, G, K]`.
        Ring = "ring",
        /// `q·k / √K` before masking.
        Scores = "scores",
        /// Softmax of the scores, 0 where masked.
        Weights = "weights",
        /// Weighted sum of the values, `[D]` a position.
        Context = "context",
        /// The inner layer before its activation, `[F]` a position.
        PreActivation = "pre_activation",
        /// The inner layer after its activation, `[F]` a position.
        Activation = "activation",
        /// What the block adds to its input, `[D]` a position.
        Output = "output",
        /// Input plus output, `[D]` a position.
        Residual = "residual",
        /// The residual after its norm, `[D]` a position: what leaves a block that has its norm
        /// behind, what enters one that has it in front.
        Norm = "norm",
        /// What lets the inner layer through, before its activation, `[F]` a position.
        Gate = "gate",
        /// What the activated gate is multiplied with, `[F]` a position.
        Up = "up",
    }
}

impl Site {
    /// `encoder.embedding`
    pub const ENCODER_EMBEDDING: Site = Site::Embedding(Stack::Encoder);
    /// `encoder.position`
    pub const ENCODER_POSITION: Site = Site::Position(Stack::Encoder);
    /// `decoder.embedding`
    pub const DECODER_EMBEDDING: Site = Site::Embedding(Stack::Decoder);
    /// `decoder.position`
    pub const DECODER_POSITION: Site = Site::Position(Stack::Decoder);

    /// A value in a layer of either stack.
    pub fn layer(stack: Stack, layer: usize, block: Block, part: Part) -> Site {
        let layer = u16::try_from(layer).expect("a model has fewer than 65,536 layers");
        Site::Layer { stack, layer, block, part }
    }

    /// A value in a layer of the encoder.
    pub fn encoder(layer: usize, block: Block, part: Part) -> Site {
        Site::layer(Stack::Encoder, layer, block, part)
    }

    /// A value in a layer of the decoder.
    pub fn decoder(layer: usize, block: Block, part: Part) -> Site {
        Site::layer(Stack::Decoder, layer, block, part)
    }
}

impl Site {
    /// The name of its block, `decoder.3.cross_attention`, or its own where it stands in none.
    pub(crate) fn block_name(&self) -> String {
        match self {
            Site::Layer { stack, layer, block, .. } => {
                format!("{}.{layer}.{}", stack.word(), block.word())
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Site::Embedding(stack) => write!(f, "{}.embedding", stack.word()),
            Site::Position(stack) => write!(f, "{}.position", stack.word()),
            Site::Norm(stack) => write!(f, "{}.norm", stack.word()),
            Site::Layer { stack, layer, block, part } => {
                write!(f, "{}.{layer}.{}.{}", stack.word(), block.word(), part.word())
            }
            Site::Logits => f.write_str("logits"),
            Site::Probabilities => f.write_str("probabilities"),
        }
    }
}

impl FromStr for Site {
    type Err = Error;

    fn from_str(name: &str) -> Result<Site> {
        let components: Vec<&str> = name.split('.').collect();
        let site = match components.as_slice() {
            ["logits"] => Some(Site::Logits),
            ["probabilities"] => Some(Site::Probabilities),
            [stack, "embedding"] => Stack::parse(stack).map(Site::Embedding),
            [stack, "position"] => Stack::parse(stack).map(Site::Position),
            [stack, "norm"] => Stack::parse(stack).map(Site::Norm),
            [stack, layer, block, part] => parse_layer(stack, layer, block, part),
            _ => None,
        };
        // A spelling that Display would not give (`decoder.03.…`) is no name of a site.
        site.filter(|site| site.to_string() == name).ok_or_else(|| Error::Trace {
            pattern: name.to_string(),
            nearest: vec!["names like decoder.0.cross_attention.weights".to_string()],
        })
    }
}

fn parse_layer(stack: &str, layer: &str, block: &str, part: &str) -> Option<Site> {
    Some(Site::Layer {
        stack: Stack::parse(stack)?,
        layer: layer.parse().ok()?,
        block: Block::parse(block)?,
        part: Part::parse(part)?,
    })
}

/// One traced tensor: its site, its shape and its values in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Where the values arose.
    pub site: Site,
    /// Sizes of its axes; B leads.
    pub shape: Vec<usize>,
    /// The values.
    pub data: Vec<f32>,
}
