//! One error for the whole engine: what failed, what was expected, what was found, what to do.

use std::fmt;

/// Everything that the world may do wrong. What the engine itself does wrong panics instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is no GPU to run on.
    NoWebGpu {
        /// Why, as the system or the browser put it.
        found: String,
    },
    /// The GPU was there and is gone.
    DeviceLost {
        /// Why, as the driver put it.
        found: String,
    },
    /// Something is larger than the device or its limits allow.
    Memory {
        /// What was to be allocated or bound.
        what: String,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that are allowed, and by which limit.
        limit: String,
    },
    /// The weight file is not what the model needs.
    Weights {
        /// The tensor, or the part of the file.
        part: String,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A configuration file asks for something that the engine does not do.
    Config {
        /// The file and the field, as `config.json: d_model`.
        field: String,
        /// What the engine honours.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// The tokenizer file cannot be used.
    Tokenizer {
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The caller asked for something impossible.
    Input {
        /// The argument.
        what: String,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// A pattern of sites to trace matches no site of the model.
    Trace {
        /// The pattern.
        pattern: String,
        /// Names that look like it, nearest first.
        nearest: Vec<String>,
    },
    /// The system failed in a way that nobody planned for.
    Internal {
        /// What was being done.
        what: String,
        /// What came back.
        found: String,
    },
}

/// The result of anything that the world may do wrong.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A tensor or a part of the weight file is not what the model needs.
    pub fn weights(
        part: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Weights { part: part.into(), expected: expected.into(), found: found.into() }
    }

    /// A field of a configuration file holds a value that the engine does not honour.
    pub fn config(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Config { field: field.into(), expected: expected.into(), found: found.into() }
    }

    /// An argument of the caller's is out of range.
    pub fn input(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Input { what: what.into(), expected: expected.into(), found: found.into() }
    }

    /// Something failed that has no business failing.
    pub fn internal(what: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Internal { what: what.into(), found: found.into() }
    }

    /// The kind of failure, by the name that the npm package gives it (`ErrorCode`).
    pub fn code(&self) -> &'static str {
        match self {
            Error::NoWebGpu { .. } => "no-webgpu",
            Error::DeviceLost { .. } => "device-lost",
            Error::Memory { .. } => "memory",
            Error::Weights { .. } => "weights",
            Error::Config { .. } => "config",
            Error::Tokenizer { .. } => "tokenizer",
            Error::Input { .. } => "input",
            Error::Trace { .. } => "trace",
            Error::Internal { .. } => "internal",
        }
    }

    /// What the reader of the message can do about it.
    fn remedy(&self) -> &'static str {
        match self {
            Error::NoWebGpu { .. } => "Use a browser with WebGPU switched on, or the CPU executor.",
            Error::DeviceLost { .. } => "Load the model again.",
            Error::Memory { .. } => {
                "Take a smaller model, smaller storage (int8) or fewer sentences."
            }
            Error::Weights { .. } => {
                "Fetch the weight file again, and make sure that it belongs to this model."
            }
            Error::Config { .. } => "Take another checkpoint, or convert this one.",
            Error::Tokenizer { .. } => "Fetch tokenizer.json again.",
            Error::Input { .. } => "Change it and try again.",
            Error::Trace { .. } => {
                "`*` stands for one part of a name, at the end for all the rest."
            }
            Error::Internal { .. } => "This is a bug in Glassformer: please report it.",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoWebGpu { found } => write!(f, "No GPU to run on: {found}.")?,
            Error::DeviceLost { found } => write!(f, "The GPU device was lost: {found}.")?,
            Error::Memory { what, needed, limit } => {
                write!(f, "{what} needs {needed} bytes, and {limit}.")?;
            }
            Error::Weights { part, expected, found } => {
                write!(f, "Weights, {part}: expected {expected}, found {found}.")?;
            }
            Error::Config { field, expected, found } => {
                write!(f, "{field}: expected {expected}, found {found}.")?;
            }
            Error::Tokenizer { expected, found } => {
                write!(f, "tokenizer.json: expected {expected}, found {found}.")?;
            }
            Error::Input { what, expected, found } => {
                write!(f, "{what}: expected {expected}, found {found}.")?;
            }
            Error::Trace { pattern, nearest } => {
                write!(f, "No site of this model matches `{pattern}`; nearest: ")?;
                write!(f, "{}.", nearest.join(", "))?;
            }
            Error::Internal { what, found } => write!(f, "{what} failed: {found}.")?,
        }
        write!(f, " {}", self.remedy())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_failed_expected_found_and_what_to_do() {
        let error = Error::weights("model.shared.weight", "shape [8, 4]", "shape [4, 8]");
        assert_eq!(error.code(), "weights");
        assert_eq!(
            error.to_string(),
            "Weights, model.shared.weight: expected shape [8, 4], found shape [4, 8]. Fetch \
             the weight file again, and make sure that it belongs to this model."
        );
    }
}
