//! What `generation_config.json` says: with which tokens a model starts, ends and fills up.

use serde_json::Value;

use super::fields::Fields;
use crate::error::{Error, Result};

/// How a model writes. `num_beams` is not here: a checkpoint that recommends 4 or 6 beams is the
/// same model when it is read greedily; how to search is the caller's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The first token that goes into a decoder beside an encoder.
    pub start_token: u32,
    /// Tokens that end a text.
    pub end_tokens: Vec<u32>,
    /// The token that fills up short sentences.
    pub pad_token: u32,
    /// Whether the padding token is never to be written (`bad_words_ids`).
    pub bans_padding: bool,
    /// Tokens at most, a start token among them, if the files say so.
    pub max_length: Option<usize>,
}

/// Fields about writing that change nothing here: they tune beams, sampling or what is returned.
const HARMLESS: &str = "\
    _from_model_config assistant_confidence_threshold assistant_lookbehind bos_token_id \
    cache_implementation diversity_penalty early_stopping epsilon_cutoff eta_cutoff \
    is_assistant length_penalty max_time min_p num_assistant_tokens \
    num_assistant_tokens_schedule num_beam_groups num_beams num_return_sequences \
    output_attentions output_hidden_states output_logits output_scores remove_invalid_values \
    renormalize_logits return_dict_in_generate return_legacy_cache target_lookbehind \
    temperature top_h top_k top_p transformers_version typical_p use_cache use_model_defaults";

/// Fields about writing that would change which token is best.
const ONLY: &[(&str, &str)] = &[
    ("do_sample", "false"),
    ("min_length", "0"),
    ("min_new_tokens", "0"),
    ("no_repeat_ngram_size", "0"),
    ("encoder_no_repeat_ngram_size", "0"),
    ("repetition_penalty", "1"),
    ("encoder_repetition_penalty", "1"),
    ("guidance_scale", "1"),
    ("token_healing", "false"),
];

/// Fields that are the caller's choice where a model writes on: how long, and how to draw tokens.
const CHOSEN: &str = "\
    bos_token_id do_sample max_length max_new_tokens pad_token_id repetition_penalty";

impl Generation {
    /// Of a model that writes on: the tokens that end a text, by generation_config.json or else by
    /// config.json.
    pub fn read_writer(config: &mut Fields, text: &str, vocabulary: usize) -> Result<Generation> {
        let field = "eos_token_id";
        let mut end_tokens = config.tokens(field, vocabulary)?;
        if !text.trim().is_empty() {
            let mut own = Fields::parse("generation_config.json", text)?;
            let named = own.tokens(field, vocabulary)?;
            if !named.is_empty() {
                end_tokens = named;
            }
            account(&mut own)?;
            own.finish()?;
        }
        account(config)?;
        let [start_token, pad_token] = [0; 2];
        Ok(Generation { start_token, end_tokens, pad_token, bans_padding: false, max_length: None })
    }

    /// Of a translator. Reads `generation_config.json`, and what it leaves out from config.json;
    /// without that file all of it stands in config.json. With it, transformers overlooks those in
    /// config.json.
    pub fn read_translator(
        config: &mut Fields,
        text: &str,
        vocabulary: usize,
        max_positions: usize,
    ) -> Result<Generation> {
        let mut own = match text.trim() {
            "" => None,
            text => Some(Fields::parse("generation_config.json", text)?),
        };
        let mut token = |field| -> Result<u32> {
            let fallback = config.token(field, vocabulary)?;
            let own = own.as_mut().map(|own| own.token(field, vocabulary)).transpose()?.flatten();
            own.or(fallback).ok_or_else(|| config.missing(field, "a token id"))
        };
        let start_token = token("decoder_start_token_id")?;
        let end_token = token("eos_token_id")?;
        let pad_token = token("pad_token_id")?;

        let fields = own.as_mut().unwrap_or(config);
        let bans_padding = read_bans(fields, pad_token)?;
        // It is written when the limit cuts a sentence short; the engine says `length` instead.
        match fields.token("forced_eos_token_id", vocabulary)? {
            Some(id) if id != end_token => {
                let field = format!("{}, forced_eos_token_id", fields.file());
                let expected = format!("eos_token_id {end_token}");
                return Err(Error::config(field, expected, id.to_string()));
            }
            _ => {}
        }
        let most = 1 << 20;
        let new_tokens = fields.number("max_new_tokens", 1, most)?.map(|count| count + 1);
        let max_length = fields.number("max_length", 2, most)?;
        let max_length = new_tokens.or(max_length).or(Some(max_positions));
        fields.only(ONLY)?;
        fields.ignore(HARMLESS);
        if let Some(own) = own {
            own.finish()?;
            config.ignore("bad_words_ids forced_eos_token_id max_length max_new_tokens");
            config.ignore(HARMLESS);
            ONLY.iter().for_each(|(field, _)| config.ignore(field));
        }
        let end_tokens = vec![end_token];
        Ok(Generation { start_token, end_tokens, pad_token, bans_padding, max_length })
    }
}

/// Accounts for the fields about writing.
fn account(fields: &mut Fields) -> Result<()> {
    fields.ignore(CHOSEN);
    fields.only(ONLY)?;
    fields.ignore(HARMLESS);
    Ok(())
}

/// Whether padding is never to be written; other banned words are more than the engine can do.
fn read_bans(fields: &mut Fields, pad_token: u32) -> Result<bool> {
    let Some(value) = fields.take("bad_words_ids") else {
        return Ok(false);
    };
    let only_padding = |words: &Vec<Value>| {
        let padding = |word: &Value| *word == serde_json::json!([pad_token]);
        words.iter().all(padding).then_some(!words.is_empty())
    };
    let expected = || format!("[[{pad_token}]], the padding token");
    let bans = value.as_array().and_then(only_padding);
    bans.ok_or_else(|| fields.error("bad_words_ids", expected(), &value))
}
