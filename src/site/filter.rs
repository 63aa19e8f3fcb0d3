//! Which sites are to be traced: patterns, held against the sites that a model has.

use super::Site;
use crate::error::{Error, Result};

/// Which sites are to be traced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    sites: Vec<Site>,
}

impl Filter {
    /// Traces nothing.
    pub fn none() -> Filter {
        Filter::default()
    }

    /// The sites of a model that match any of the patterns. `*` stands for one component of a name,
    /// at the end for all the rest: `decoder.*.cross_attention.weights`, `encoder.*`, `*`.
    pub fn new<P: AsRef<str>>(patterns: &[P], model: &[Site]) -> Result<Filter> {
        let names: Vec<String> = model.iter().map(Site::to_string).collect();
        let mut wanted = vec![false; model.len()];
        for pattern in patterns.iter().map(AsRef::as_ref) {
            let mut matched = false;
            for (name, wanted) in names.iter().zip(&mut wanted) {
                if matches(pattern, name) {
                    (*wanted, matched) = (true, true);
                }
            }
            if !matched {
                let nearest = nearest(pattern, names);
                return Err(Error::Trace { pattern: pattern.to_string(), nearest });
            }
        }
        let sites = model.iter().zip(wanted).filter_map(|(site, wanted)| wanted.then_some(*site));
        Ok(Filter { sites: sites.collect() })
    }

    /// Whether the site is to be traced.
    pub fn matches(&self, site: Site) -> bool {
        self.sites.contains(&site)
    }

    /// Whether nothing is to be traced.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// The sites to be traced, in the model's order.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }
}

/// Whether a name matches a pattern, component by component.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut names = name.split('.');
    let mut patterns = pattern.split('.').peekable();
    while let Some(component) = patterns.next() {
        let Some(name) = names.next() else {
            return false;
        };
        if component == "*" && patterns.peek().is_none() {
            return true;
        }
        if component != "*" && component != name {
            return false;
        }
    }
    names.next().is_none()
}

/// The five names nearest to a pattern by edit distance, the nearest first.
pub(crate) fn nearest(pattern: &str, names: Vec<String>) -> Vec<String> {
    let mut ranked: Vec<(usize, String)> = names
        .into_iter()
        .map(|name| {
            // A pattern's `*` counts as whatever component stands in its place.
            let spelled: Vec<&str> = pattern
                .split('.')
                .zip(name.split('.').chain(std::iter::repeat("")))
                .map(|(wanted, there)| if wanted == "*" { there } else { wanted })
                .collect();
            (distance(&spelled.join("."), &name), name)
        })
        .collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked.into_iter().take(5).map(|(_, name)| name).collect()
}

/// Levenshtein distance: the fewest insertions, deletions and replacements of a character.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
