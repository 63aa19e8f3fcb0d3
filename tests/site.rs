//! Names of intermediates: spelling, patterns, and what a misspelt pattern is told.

use glassformer::site::{Block, Filter, Part, Site};

fn model() -> Vec<Site> {
    let mut sites = vec![Site::ENCODER_EMBEDDING, Site::DECODER_POSITION];
    for layer in 0..12 {
        sites.push(Site::encoder(layer, Block::FeedForward, Part::PreActivation));
        sites.push(Site::decoder(layer, Block::SelfAttention, Part::Ring));
        sites.push(Site::decoder(layer, Block::CrossAttention, Part::Weights));
        sites.push(Site::decoder(layer, Block::CrossAttention, Part::Scores));
    }
    sites.extend([Site::Logits, Site::Probabilities]);
    sites
}

fn count(pattern: &str) -> usize {
    Filter::new(&[pattern], &model()).unwrap().sites().len()
}

#[test]
fn every_name_round_trips() {
    for site in model() {
        assert_eq!(site.to_string().parse::<Site>().unwrap(), site);
    }
    let site = Site::decoder(3, Block::CrossAttention, Part::Weights);
    assert_eq!(site.to_string(), "decoder.3.cross_attention.weights");
}

#[test]
fn names_that_are_none_are_errors() {
    for name in [
        "",
        ".",
        "*",
        "logits.",
        "decoder",
        "decoder.x.cross_attention.weights",
        "decoder.03.cross_attention.weights",
        "decoder.+3.cross_attention.weights",
        "decoder.70000.cross_attention.weights",
        "Decoder.embedding",
        "decoder.logits",
    ] {
        assert_eq!(name.parse::<Site>().unwrap_err().code(), "trace", "{name:?}");
    }
}

#[test]
fn a_star_is_one_component_and_at_the_end_all_the_rest() {
    assert_eq!(count("decoder.*.cross_attention.weights"), 12);
    assert_eq!(count("decoder.1.*.weights"), 1);
    assert_eq!(count("decoder.1.*"), 3);
    assert_eq!(count("*.1.*"), 4);
    assert_eq!(count("encoder.*"), 13);
    assert_eq!(count("*.embedding"), 1);
    assert_eq!(count("*"), model().len());
    assert_eq!(count("logits"), 1);
}

#[test]
fn patterns_add_up_in_the_models_order() {
    let filter = Filter::new(&["logits", "encoder.embedding", "logits"], &model());
    let filter = filter.unwrap();
    assert_eq!(filter.sites(), [Site::ENCODER_EMBEDDING, Site::Logits]);
    assert!(filter.matches(Site::Logits) && !filter.matches(Site::Probabilities));
    assert!(Filter::none().is_empty() && !Filter::none().matches(Site::Logits));
    let nothing: [&str; 0] = [];
    assert_eq!(Filter::new(&nothing, &model()).unwrap(), Filter::none());
}

#[test]
fn a_misspelt_pattern_is_told_the_nearest_names() {
    for (pattern, near) in [
        ("decoder.*.cross_atention.weights", "decoder.0.cross_attention.weights"),
        ("decoder.11.cross_attention.wieghts", "decoder.11.cross_attention.weights"),
        ("logit", "logits"),
        ("decoder.99.cross_attention.scores", "decoder.9.cross_attention.scores"),
        ("logits.*", "logits"),
    ] {
        let error = Filter::new(&["*", pattern], &model()).unwrap_err();
        assert_eq!(error.code(), "trace");
        let message = error.to_string();
        assert!(message.contains(pattern) && message.contains(near), "{message}");
    }
    assert!(Filter::new(&[""], &model()).is_err());
    assert!(Filter::new(&["decoder"], &model()).is_err());
}
