//! What edits mean for one model: patterns held against its sites, heads and blocks; what it can't take is refused.

use super::changes::{Change, Changes, block_site};
use super::edit::{Edit, Lever};
use crate::error::{Error, Result};
use crate::site::{Block, Part, Site, Stack, matches, nearest};
use crate::tensor::Tensor;

/// A value that a recording named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Its site.
    pub site: Site,
    /// Heads that it consists of; 1 if it has none.
    pub heads: u32,
    /// Whether it can be changed: rings are written over time, and results are results.
    pub editable: bool,
}

/// Keeps values of another run on the device, in a shape.
pub type Keep<'a> = &'a mut dyn FnMut(&[u32], &[f32]) -> Result<Tensor>;

impl Changes {
    /// What `edits` mean for a model with these values, and `key_value_heads` in its decoder.
    pub fn resolve(
        edits: &[Edit],
        names: &[Name],
        key_value_heads: u32,
        keep: Keep,
    ) -> Result<Changes> {
        let mut changes = Changes::default();
        for edit in edits {
            match edit {
                Edit::Scale { pattern, factor, heads } => {
                    for name in editable(edit, pattern, names)? {
                        let heads = mask_of(edit, name, heads)?;
                        changes
                            .values
                            .push((name.site, Change::Scale { heads, factor: *factor as f32 }));
                    }
                }
                Edit::Replace { site, shape, data, position: only } => {
                    let values = keep(&shape_of(edit, shape, data.len())?, data)?;
                    for name in editable(edit, site, names)? {
                        changes.values.push((name.site, Change::Replace { values, only: *only }));
                    }
                }
                _ => changes.switch(edit, names, key_value_heads)?,
            }
        }
        Ok(changes)
    }

    /// Adds an edit that is none of a value.
    fn switch(&mut self, edit: &Edit, names: &[Name], key_value_heads: u32) -> Result<()> {
        match edit {
            Edit::Off { lever: Lever::Positions, within } => {
                let stacks = [Stack::Encoder, Stack::Decoder];
                let there = stacks.into_iter().filter(|stack| has_stack(names, *stack));
                let places = there.map(|stack| (stack.to_string(), Site::Position(stack)));
                let places = matching(within, places.collect())?;
                self.off.extend(places.into_iter().map(|place| (Lever::Positions, place)));
            }
            Edit::Off { lever, within } => {
                let places = matching(within, blocks(names, *lever))?;
                self.off.extend(places.into_iter().map(|place| (*lever, place)));
            }
            Edit::Norm { norm, within } => {
                self.norms.extend(norms(within, names)?.into_iter().map(|site| (site, *norm)));
            }
            Edit::KeyValueHeads(count) => {
                if *count == 0 || !key_value_heads.is_multiple_of(*count) {
                    let expected = format!("a divisor of the model's {key_value_heads}");
                    return Err(Error::input(
                        format!("edit `{edit}`"),
                        expected,
                        count.to_string(),
                    ));
                }
                self.key_value_heads = Some(*count);
            }
            Edit::Scale { .. } | Edit::Replace { .. } => {}
        }
        Ok(())
    }
}

/// The shape of values of another run, if they have it.
fn shape_of(edit: &Edit, shape: &[usize], count: usize) -> Result<Vec<u32>> {
    let sizes: Option<Vec<u32>> = shape.iter().map(|size| u32::try_from(*size).ok()).collect();
    let fits =
        (2..=4).contains(&shape.len()) && count > 0 && shape.iter().product::<usize>() == count;
    sizes.filter(|_| fits).ok_or_else(|| {
        let expected = format!("two to four axes whose product is {count}, the number of values");
        Error::input(format!("edit `{edit}`, shape"), expected, format!("{shape:?}"))
    })
}

/// The values that match a pattern and can be changed.
fn editable<'a>(edit: &Edit, pattern: &str, names: &'a [Name]) -> Result<Vec<&'a Name>> {
    let matched = |name: &&Name| matches(pattern, &name.site.to_string());
    let found: Vec<&Name> = names.iter().filter(matched).collect();
    if found.is_empty() {
        let known = names.iter().filter(|name| name.editable);
        let known = known.map(|name| name.site.to_string()).collect();
        return Err(Error::Trace {
            pattern: pattern.to_string(),
            nearest: nearest(pattern, known),
        });
    }
    let named_whole = |name: &&Name| !name.editable && name.site.to_string() == pattern;
    if let Some(name) = found.iter().find(|name| named_whole(name)) {
        let instead = match name.site {
            Site::Layer { .. } => "key or value of that block, which go into the ring",
            _ => "logits, of which probabilities are the softmax",
        };
        return Err(Error::input(format!("edit `{edit}`"), instead, name.site.to_string()));
    }
    Ok(found.into_iter().filter(|name| name.editable).collect())
}

/// A bit for each head that is meant.
fn mask_of(edit: &Edit, name: &Name, heads: &[u32]) -> Result<u64> {
    if heads.is_empty() {
        return Ok(u64::MAX);
    }
    let most = name.heads.min(64);
    if name.heads == 1 {
        let expected = format!("no heads: {} has none", name.site);
        return Err(Error::input(format!("edit `{edit}`"), expected, format!("{heads:?}")));
    }
    match heads.iter().find(|head| **head >= most) {
        Some(head) => {
            let expected = format!("heads 0 to {} at {}", most - 1, name.site);
            Err(Error::input(format!("edit `{edit}`"), expected, head.to_string()))
        }
        None => Ok(heads.iter().fold(0, |mask, head| mask | 1 << head)),
    }
}

fn has_stack(names: &[Name], stack: Stack) -> bool {
    names.iter().any(|name| name.site == Site::Embedding(stack))
}

/// The blocks that have a lever, and the sites by which they are known.
fn blocks(names: &[Name], lever: Lever) -> Vec<(String, Site)> {
    let mut blocks = vec![];
    for name in names {
        let Site::Layer { stack, layer, block, .. } = name.site else { continue };
        let has = match lever {
            Lever::Skips => true,
            Lever::Mlps => block == Block::FeedForward,
            Lever::Scaling => block != Block::FeedForward,
            Lever::CausalMask => stack == Stack::Decoder && block == Block::SelfAttention,
            Lever::PaddingMask => {
                block == Block::CrossAttention
                    || (stack == Stack::Encoder && block == Block::SelfAttention)
            }
            Lever::Positions => false,
        };
        let site = block_site(stack, layer, block);
        if has && !blocks.iter().any(|(_, known)| *known == site) {
            blocks.push((site.block_name(), site));
        }
    }
    blocks
}

/// The sites of norms that match a pattern by themselves or by their blocks; all if it is empty.
fn norms(pattern: &str, names: &[Name]) -> Result<Vec<Site>> {
    let is_norm =
        |site: &Site| matches!(site, Site::Norm(_) | Site::Layer { part: Part::Norm, .. });
    let all: Vec<Site> = names.iter().map(|name| name.site).filter(is_norm).collect();
    let found = all.iter().filter(|site| {
        pattern.is_empty()
            || matches(pattern, &site.to_string())
            || matches(pattern, &site.block_name())
    });
    let found: Vec<Site> = found.copied().collect();
    match found.is_empty() {
        false => Ok(found),
        true => {
            let known = all.iter().map(Site::block_name).collect();
            Err(Error::Trace { pattern: pattern.to_string(), nearest: nearest(pattern, known) })
        }
    }
}

/// The places whose names match a pattern; all if it is empty.
fn matching(pattern: &str, places: Vec<(String, Site)>) -> Result<Vec<Site>> {
    let matched = |name: &str| pattern.is_empty() || matches(pattern, name);
    let found = places.iter().filter(|(name, _)| matched(name)).map(|(_, site)| *site);
    let found: Vec<Site> = found.collect();
    match found.is_empty() {
        false => Ok(found),
        true => {
            let known = places.into_iter().map(|(name, _)| name).collect();
            Err(Error::Trace { pattern: pattern.to_string(), nearest: nearest(pattern, known) })
        }
    }
}
