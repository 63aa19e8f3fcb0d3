//! Edits: what somebody wants to be otherwise, as people write it and as programs do.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::site::nearest;

/// One thing that is to be otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// `scale PATTERN by F heads 0,3`: values are multiplied before anything reads them.
    Scale {
        /// Which sites.
        pattern: String,
        /// What they are multiplied with.
        factor: f64,
        /// Of sites that have heads, these; all if empty.
        heads: Vec<u32>,
    },
    /// A value becomes what another run had there.
    Replace {
        /// Its site.
        site: String,
        /// As it was traced; the first axis may be 1 for all rows.
        shape: Vec<usize>,
        /// Row after row.
        data: Vec<f32>,
        /// The position at which it happens; at all if none.
        position: Option<u32>,
    },
    /// `skips off in decoder.*`
    Off {
        /// Which lever.
        lever: Lever,
        /// Which blocks; all if empty.
        within: String,
    },
    /// `norm rms in decoder.*`
    Norm {
        /// What norms become.
        norm: NormEdit,
        /// Which, by their sites or blocks; all if empty.
        within: String,
    },
    /// `key-value heads G`: each of them the mean of a group of the model's, in the decoder's
    /// attention over its own positions.
    KeyValueHeads(u32),
}

/// What can be switched off in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lever {
    /// A block's input is not added to its output.
    Skips,
    /// Feed-forward blocks add nothing.
    Mlps,
    /// Scores are not divided by √K.
    Scaling,
    /// Queries see keys of later positions.
    CausalMask,
    /// Queries see padding.
    PaddingMask,
    /// No position is added, nothing turns.
    Positions,
}

impl Lever {
    /// All of them.
    pub const ALL: [Lever; 6] = [
        Lever::Skips,
        Lever::Mlps,
        Lever::Scaling,
        Lever::CausalMask,
        Lever::PaddingMask,
        Lever::Positions,
    ];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Lever::Skips => "skips",
            Lever::Mlps => "mlps",
            Lever::Scaling => "scaling",
            Lever::CausalMask => "causal mask",
            Lever::PaddingMask => "padding mask",
            Lever::Positions => "positions",
        }
    }

    /// The lever of that name.
    pub fn parse(name: &str) -> Result<Lever> {
        let found = Lever::ALL.into_iter().find(|lever| lever.name() == name);
        found.ok_or_else(|| misspelt("what is switched off", name, &Lever::ALL.map(Lever::name)))
    }
}

/// What a norm becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormEdit {
    /// By mean and variance.
    Layer,
    /// By the root of the mean square.
    Rms,
    /// None at all.
    Off,
}

impl NormEdit {
    /// All of them.
    const ALL: [NormEdit; 3] = [NormEdit::Layer, NormEdit::Rms, NormEdit::Off];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            NormEdit::Layer => "layer",
            NormEdit::Rms => "rms",
            NormEdit::Off => "none",
        }
    }

    /// The norm of that name.
    pub fn parse(name: &str) -> Result<NormEdit> {
        let found = NormEdit::ALL.into_iter().find(|norm| norm.name() == name);
        found.ok_or_else(|| misspelt("a norm", name, &NormEdit::ALL.map(NormEdit::name)))
    }
}

/// The error for a word that is none of the known ones.
fn misspelt(what: &str, word: &str, known: &[&str]) -> Error {
    let likely = nearest(word, known.iter().map(ToString::to_string).collect());
    let expected = format!("{}; nearest: {}", known.join(", "), likely[0]);
    Error::input(format!("edit, {what}"), expected, word)
}

/// How edits are written, for whoever writes them otherwise.
const GRAMMAR: &str =
    "`scale SITE by F heads 0,3`, `skips off in decoder.*`, `norm rms`, or `key-value heads G`";

impl FromStr for Edit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Edit> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (words, within) = match &words[..] {
            [before @ .., "in", pattern] => (before, pattern.to_string()),
            all => (all, String::new()),
        };
        let number =
            |word: &str| word.parse().map_err(|_| Error::input("edit, a number", "a number", word));
        match words {
            ["scale", pattern, "by", factor] => scale(pattern, factor, ""),
            ["scale", pattern, "by", factor, "heads", heads] => scale(pattern, factor, heads),
            ["norm", name] => Ok(Edit::Norm { norm: NormEdit::parse(name)?, within }),
            ["key-value", "heads", count] => Ok(Edit::KeyValueHeads(number(count)?)),
            [lever @ .., "off"] => Ok(Edit::Off { lever: Lever::parse(&lever.join(" "))?, within }),
            _ => Err(Error::input("edit", GRAMMAR, text)),
        }
    }
}

fn scale(pattern: &str, factor: &str, heads: &str) -> Result<Edit> {
    let wrong = |what: &str, found: &str| Error::input(format!("edit, {what}"), "a number", found);
    // As JSON has numbers: what reads those is there already, and 20 kB of wasm are not.
    let number = serde_json::from_str::<f64>(factor);
    let factor = number.map_err(|_| wrong("what a value is scaled by", factor))?;
    let heads = heads.split(',').filter(|head| !head.is_empty());
    let heads = heads.map(|head| head.parse().map_err(|_| wrong("a head", head)));
    let heads = heads.collect::<Result<_>>()?;
    Ok(Edit::Scale { pattern: pattern.to_string(), factor, heads })
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = |pattern: &str| match pattern {
            "" => String::new(),
            pattern => format!(" in {pattern}"),
        };
        match self {
            Edit::Scale { pattern, factor, heads } => {
                write!(f, "scale {pattern} by {}", serde_json::Value::from(*factor))?;
                let heads: Vec<String> = heads.iter().map(u32::to_string).collect();
                if heads.is_empty() { Ok(()) } else { write!(f, " heads {}", heads.join(",")) }
            }
            Edit::Replace { site, .. } => write!(f, "replace {site}"),
            Edit::Off { lever, within: p } => write!(f, "{} off{}", lever.name(), within(p)),
            Edit::Norm { norm, within: p } => write!(f, "norm {}{}", norm.name(), within(p)),
            Edit::KeyValueHeads(count) => write!(f, "key-value heads {count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for words in [
            "scale decoder.*.cross_attention.context by 0.0 heads 0,3",
            "scale logits by -0.5",
            "skips off",
            "padding mask off in encoder.*",
            "norm rms in decoder.0.*",
            "norm none",
            "key-value heads 2",
        ] {
            assert_eq!(words.parse::<Edit>().expect(words).to_string(), words);
        }
    }

    #[test]
    fn misspelt_words_are_answered_with_the_nearest() {
        for (words, named) in [
            ("skip off", "nearest: skips"),
            ("casual mask off", "nearest: causal mask"),
            ("norm rsm", "nearest: rms"),
            ("scale logits by much", "much"),
            ("scale logits by 1 heads 1,x", "x"),
            ("turn it up", "key-value heads G"),
        ] {
            let error = words.parse::<Edit>().expect_err(words).to_string();
            assert!(error.contains(named), "{words}: {error}");
        }
    }
}
