//! The prompt that a model's own template makes of a message, as Hugging Face writes templates.

use glassformer::error::{Error, Result};
use minijinja::{Environment, context};
use serde_json::Value;

/// The text that a model answers, for one message of a user; `config` is tokenizer_config.json.
pub fn prompt(config: &str, message: &str) -> Result<String> {
    let refused = |found: String| Error::config("chat_template", "a template for messages", found);
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let template = config["chat_template"].as_str().ok_or_else(|| refused("none".to_string()))?;
    // A token is spelled out, or described.
    let token = |name: &str| {
        config[name].as_str().or(config[name]["content"].as_str()).unwrap_or_default().to_string()
    };
    let mut jinja = Environment::new();
    jinja.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    jinja.set_trim_blocks(true);
    jinja.set_lstrip_blocks(true);
    jinja
        .render_str(
            template,
            context! {
                messages => [context! { role => "user", content => message }],
                add_generation_prompt => true,
                bos_token => token("bos_token"),
                eos_token => token("eos_token"),
            },
        )
        .map_err(|error| refused(error.to_string()))
}
