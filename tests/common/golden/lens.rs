//! What each block of the decoder would write, read through the model's own last norm and head.

use super::Sites;

/// The lens on one model, over its own golden pass.
pub struct Lens {
    model: String,
    /// Tokens that are looked for.
    pub tokens: Vec<u32>,
    sites: Sites,
}

/// What a site would write: of every position of the pass, in row-major order.
pub struct Projection {
    /// `[B, T]` of a translator, `[T]` of a writer.
    pub positions: Vec<usize>,
    /// The best five tokens of each position, and their log-probabilities.
    pub best: Vec<Vec<(u32, f32)>>,
    /// By how much the nearest two of the best six differ: where it is less than rounding, their
    /// order is no fact.
    pub least_gaps: Vec<f32>,
    /// Of each position and each of the lens's tokens.
    pub named: Vec<Vec<Named>>,
}

/// How one token fares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Named {
    /// How many tokens have a higher logit.
    pub rank: u32,
    pub log_probability: f32,
    /// How far the nearest other logit is: where it is less than rounding, the rank is no fact.
    pub gap: f32,
}

/// The lens on a model that has one.
pub fn lens(model: &str) -> Lens {
    let bytes = include_bytes!("../../golden/lens.safetensors");
    let sites = Sites::of(bytes);
    Lens { model: model.to_string(), tokens: sites.ids(&format!("{model}/tokens")), sites }
}

impl Lens {
    /// Names of the sites, in no particular order.
    pub fn sites(&self) -> Vec<&str> {
        let start = format!("{}/", self.model);
        let own = self.sites.names().filter_map(|key| key.strip_prefix(&start));
        own.filter_map(|key| key.strip_suffix("/ids")).collect()
    }

    /// What a site would write.
    pub fn read(&self, site: &str) -> Projection {
        let read = |what: &str| self.sites.read(&format!("{}/{site}/{what}", self.model));
        let (shape, ids) = read("ids");
        let [positions @ .., count] = &shape[..] else { panic!("{site}: no shape") };
        let named = |((rank, log_probability), gap): ((&f32, &f32), &f32)| Named {
            rank: *rank as u32,
            log_probability: *log_probability,
            gap: *gap,
        };
        let [ranks, own, gaps] =
            ["ranks", "token_log_probabilities", "rank_gaps"].map(|what| read(what).1);
        let all: Vec<Named> = ranks.iter().zip(&own).zip(&gaps).map(named).collect();
        let best: Vec<(u32, f32)> =
            ids.iter().map(|id| *id as u32).zip(read("log_probabilities").1).collect();
        Projection {
            positions: positions.to_vec(),
            best: best.chunks(*count).map(<[_]>::to_vec).collect(),
            least_gaps: read("least_gap").1,
            named: all.chunks(self.tokens.len()).map(<[_]>::to_vec).collect(),
        }
    }
}
