//! Naming a value: changed for whoever wants that, then copied for whoever reads it; nothing, if nobody does.

use crate::probe::{Change, Name, Target};
use crate::recording::Rows;
use crate::site::Site;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// A value in a tensor, with a shape of its own.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    /// Where it is.
    pub tensor: Tensor,
    /// Which of its words.
    pub rows: Rows,
    /// First column and number of columns of each row.
    pub columns: (u32, u32),
    /// As it is shown, B first.
    pub shape: &'a [u32],
    /// How many heads it consists of, and values of one that follow each other.
    pub heads: (u32, u32),
}

impl Tape {
    /// Whether a value is changed: then it has to be stored before anything reads it.
    pub fn opens(&self, site: Site) -> bool {
        self.probe.changes.touch(site)
    }

    /// Names a tensor.
    pub fn at(&mut self, site: Site, tensor: Tensor) {
        let shape: Vec<u32> = tensor.shape().to_vec();
        self.at_heads(site, tensor, (0, tensor.width()), &shape, 1);
    }

    /// Names columns of a tensor, the first and how many, that are `heads` heads side by side.
    pub fn at_heads(
        &mut self,
        site: Site,
        tensor: Tensor,
        columns: (u32, u32),
        shape: &[u32],
        heads: u32,
    ) {
        let heads = (heads, columns.1 / heads);
        self.at_value(site, Value { tensor, rows: Rows::All, columns, shape, heads });
    }

    /// Names a value, once: changes it, then copies it. What is neither need not exist.
    pub fn at_value(&mut self, site: Site, value: Value) {
        self.remember(Name { site, heads: value.heads.0, editable: true });
        let changes: Vec<Change> = self.probe.changes.of(site).collect();
        for change in changes {
            if self.takes(site, value.shape, change) {
                self.edit(target(&value, self.state), change);
            }
        }
        self.copy_if_read(site, value);
    }

    /// Names a value that is a result, or is written over time: it can't be changed. What
    /// nobody reads need not exist.
    pub fn at_result(&mut self, site: Site, value: Value) {
        self.remember(Name { site, heads: value.heads.0, editable: false });
        self.copy_if_read(site, value);
    }

    /// Whether a change is one of a value of this shape; remembers it of replacements, which are
    /// meant for the pass that has their shape.
    fn takes(&mut self, site: Site, shape: &[u32], change: Change) -> bool {
        let Change::Replace { values, .. } = change else { return true };
        let [batch, rest @ ..] = shape else { return false };
        let [own_batch, own_rest @ ..] = values.shape() else { return false };
        let fits = rest == own_rest && [1, *batch].contains(own_batch);
        self.replacements.push((site, shape.to_vec(), fits));
        fits
    }

    fn copy_if_read(&mut self, site: Site, value: Value) {
        if self.wants(site) {
            self.observe(site, value.tensor, value.rows, value.columns, value.shape);
        }
    }
}

/// Where a value is.
fn target(value: &Value, state: Option<Tensor>) -> Target {
    let Value { tensor, rows, columns, shape, heads } = *value;
    let (first, words) = match rows {
        Rows::Plane(plane) => {
            let words = tensor.len() / tensor.shape()[0];
            (plane * words, words)
        }
        _ => (0, tensor.len()),
    };
    Target {
        tensor,
        batch: shape[0],
        rows: words / tensor.width() / shape[0],
        columns: (first + columns.0, columns.1),
        heads,
        state,
    }
}
