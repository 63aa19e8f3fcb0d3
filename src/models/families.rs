//! The one table of model families: by whose names and habits a checkpoint is read.

use super::config::{Architecture, Config};
use super::family::Family;
use super::fields::Fields;
use super::transformer::Transformer;
use super::{gpt2, llama, marian};
use crate::error::{Error, Result};
use crate::loading::Loader;
use crate::weights::{Header, Weights, config_files};

/// All of them. A new one is a file beside this one, and a row.
const ALL: [&Family; 3] = [&marian::FAMILY, &gpt2::FAMILY, &llama::FAMILY];

/// Reads config.json and generation_config.json, or what the head of the weights has in place of
/// them. With `wanted`, a model of another architecture is refused.
pub fn read(
    config: &str,
    generation: &str,
    header: &Header,
    wanted: Option<Architecture>,
) -> Result<Config> {
    let config = match config_files(header)? {
        Some([config, generation]) => parse(&config, &generation),
        None => parse(config, generation),
    }?;
    match wanted {
        Some(wanted) if wanted != config.architecture() => {
            let expected = format!("an {} model", wanted.name()).replace("an d", "a d");
            let found = format!("\"{}\", which is {}", config.family, config.architecture().name());
            Err(Error::config("config.json, model_type", expected, found))
        }
        _ => Ok(config),
    }
}

/// Reads both files; an empty `generation` stands for one that is not there.
pub fn parse(config: &str, generation: &str) -> Result<Config> {
    let mut fields = Fields::parse("config.json", config)?;
    let names = ALL.map(|family| format!("\"{}\"", family.name)).join(" or ");
    let Some(model_type) = fields.take("model_type") else {
        return Err(fields.missing("model_type", names));
    };
    let family = model_type.as_str().and_then(named);
    let family = family.ok_or_else(|| fields.error("model_type", names, &model_type))?;
    let config = (family.read)(&mut fields, generation)?;
    fields.ignore(super::config::HARMLESS);
    fields.finish()?;
    config.check()?;
    Ok(config)
}

/// Asks for a model's weights; a file with one that no layer reads is refused.
pub fn load(config: Config, weights: &Weights, loader: &Loader) -> Result<Transformer> {
    let family = named(config.family).expect("a config is that of a family");
    let model = (family.load)(config, weights, loader)?;
    weights.all_read(family.unlearned)?;
    Ok(model)
}

fn named(name: &str) -> Option<&'static Family> {
    ALL.into_iter().find(|family| family.name == name)
}
