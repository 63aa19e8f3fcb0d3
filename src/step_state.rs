//! StepState: what changes between decoding steps, in words of one small buffer. Their one home: kernels read this list, too.

/// The words, each with its name in Rust and in WGSL.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)+) => {
        $($(#[$doc])* pub const $name: u32 = $word;)+

        /// The same names for kernels, with `STATE_` in front.
        pub const WGSL: &str = concat!(
            "\n// From src/step_state.rs.\n",
            $("const STATE_", stringify!($name), " = ", $word, "u;\n",)+
            "\n// The word of row `b` of a list in the StepState of `batch` rows.\n",
            "fn state_word(list: u32, b: u32, batch: u32) -> u32 {\n",
            "    return STATE_LISTS + list * batch + b;\n",
            "}\n",
        );
    };
}

words! {
    /// Steps taken: the row of results that the next one writes, modulo their number.
    STEPS = 0;
    /// Rows that have not ended.
    ALIVE = 1;
    /// Where the lists begin, each with a word for every row.
    LISTS = 4;
    /// List: the token that goes in next.
    TOKENS = 0;
    /// List: its position.
    POSITIONS = 1;
    /// List: 1 where a row has ended.
    ENDED = 2;
    /// List: the position of the first token that will not be taken in any more.
    LIMITS = 3;
    /// List: tokens of a chunk that are real, from its first on.
    FRESH = 4;
    /// Number of lists.
    COUNT = 5;
}

/// Words of the StepState of `batch` rows.
pub const fn words(batch: u32) -> u32 {
    LISTS + COUNT * batch
}

/// One row before a step or a chunk.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The token that goes in.
    pub token: u32,
    /// Its position, or that of a chunk's first token.
    pub position: u32,
    /// The position of the first token that will not be taken in any more.
    pub limit: u32,
    /// Real tokens of a chunk.
    pub fresh: u32,
}

impl Row {
    /// A row that goes on for ever, with a token at a position.
    pub fn at(position: u32, token: u32) -> Row {
        Row { token, position, limit: u32::MAX, fresh: u32::MAX }
    }
}

/// The words of these rows, none of which has ended.
pub fn of(rows: &[Row]) -> Vec<u32> {
    let mut words = vec![0, rows.len() as u32, 0, 0];
    words.extend(rows.iter().map(|row| row.token));
    words.extend(rows.iter().map(|row| row.position));
    words.extend(rows.iter().map(|_| 0));
    words.extend(rows.iter().map(|row| row.limit));
    words.extend(rows.iter().map(|row| row.fresh));
    words
}

/// How a twin reads the words of `batch` rows.
pub(crate) fn at(list: u32, row: usize, batch: usize) -> usize {
    LISTS as usize + list as usize * batch + row
}
