//! The native command line: the engine on this machine's GPU, or on its CPU.
// The tests in the browser make cargo build every binary for wasm32, where this one is empty.
#![cfg_attr(target_arch = "wasm32", no_main)]
#![cfg(not(target_arch = "wasm32"))]

use std::process::ExitCode;

mod command;

const USAGE: &str = "\
usage: glassformer translate [--plain | --ids] [--model FOLDER] [--device gpu|cpu]
                             [--storage int8|q8|q4|f16|f32] [--edit EDIT]... [--prefix TEXT]
                             TEXT... | -
       glassformer generate [--plain | --ids] [--model FOLDER|FILE.gguf] [--device gpu|cpu]
                            [--storage int8|q8|q4|f16|f32] [--tokens N] [--greedy]
                            [--temperature T] [--top-k K] [--top-p P] [--min-p P]
                            [--repetition-penalty R] [--seed N] [--edit EDIT]... [--chat]
                            PROMPT | -

translate: translates each TEXT, or each line of standard input for `-`, and prints a row a token:
the step, the token, its probability, and the source token that the last decoder layer's
cross-attention looks at most (mean of heads). --plain prints translations only, --ids their
tokens' ids. --prefix says with what the translation is to begin.

generate: writes on after PROMPT, or after standard input for `-`, and prints a row a token: the
step, the token, the model's probability of it, and the token before it that the last layer's
self-attention looks at most (mean of heads). --greedy takes the best token every time; else one is
drawn, at a temperature of 0.8 and with another seed each time if nobody says otherwise. --tokens
ends the text after N tokens (128). --chat answers PROMPT by the model's own template of messages.
--plain prints the text only, as it comes, --ids its tokens' ids.

An EDIT makes one thing otherwise, for every step; several apply in order:
  \"scale PATTERN by F heads 0,3\"   values at these sites are multiplied, of some heads or of all
  \"LEVER off in PATTERN\"           skips, mlps, scaling, causal mask, padding mask or positions
  \"norm layer|rms|none in PATTERN\" other norms, or none
  \"key-value heads G\"              the decoder's keys and values shared in G groups, by their mean
A PATTERN is a name in which * stands for a part, at the end for all the rest: decoder.*, or
encoder.0.self_attention.context for a site; blocks are named like encoder.0.self_attention.";

fn main() -> ExitCode {
    match command::parse(std::env::args().skip(1)) {
        Ok(command) => match pollster::block_on(command.run()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("glassformer: {error}");
                ExitCode::from(1)
            }
        },
        Err(wrong) => {
            eprintln!("{wrong}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
