//! A scene of attention whose keys and values a law may change before it looks again.

use glassformer::executor::Device;
use glassformer::mask::Mask;
use glassformer::ops::attention::{Attention, Keys};
use glassformer::ops::store::Ring;
use glassformer::tensor::Tensor;

use super::cases_attention::state_at;
use super::random::Random;
use super::sketch::{SCORES, Sketch, WEIGHTS};

/// Queries, keys and values of one attention, every head with keys of its own.
#[derive(Clone)]
pub struct Scene {
    pub batch: u32,
    pub heads: u32,
    pub width: u32,
    /// `[B, T, H · K]`
    pub queries: Vec<f32>,
    /// `[B, S, H · K]`
    pub keys: Vec<f32>,
    /// `[B, S, H · K]`
    pub values: Vec<f32>,
}

/// What came out.
pub struct Seen {
    /// `[B, H, T, S]`
    pub scores: Vec<f32>,
    /// `[B, H, T, S]`
    pub weights: Vec<f32>,
    /// `[B, T, H · K]`
    pub context: Vec<f32>,
}

impl Scene {
    pub fn drawn(random: &mut Random, batch: u32, times: u32, keys: u32) -> Scene {
        let [heads, width] = random.pick(&[[1, 4], [3, 12], [5, 20], [8, 32], [3, 64], [2, 128]]);
        let mut rows = |count: u32| random.values(batch * count * heads * width);
        let [queries, keys, values] = [rows(times), rows(keys), rows(keys)];
        Scene { batch, heads, width, queries, keys, values }
    }

    /// H · K
    pub fn row(&self) -> u32 {
        self.heads * self.width
    }

    /// Looks at the first `lengths[b]` keys of each sentence.
    pub async fn padded(&self, device: &Device, lengths: &[u32]) -> Seen {
        let mut sketch = Sketch::new(device, device.tuning(), true, 0);
        let fresh = self.fresh(&mut sketch);
        let lengths = sketch.words(&[self.batch], lengths);
        self.attend(&mut sketch, fresh, Keys::Rows, Mask::padding(lengths));
        let [scores, weights, context] = sketch.values_shown().await;
        Seen { scores, weights, context }
    }

    /// Looks at a ring `[B, C, 2, H · K]` into which the only key and value of each sentence go;
    /// gives the ring afterwards, too.
    pub async fn ring(&self, device: &Device, ring: &[f32], position: u32) -> (Seen, Vec<f32>) {
        let mut sketch = Sketch::new(device, device.tuning(), true, 0);
        let fresh = self.fresh(&mut sketch);
        let state = state_at(&mut sketch, self.batch, position);
        let capacity = ring.len() as u32 / (self.batch * 2 * self.row());
        let ring = sketch.values(&[self.batch, capacity, 2, self.row()], ring);
        let slots = Ring { slots: ring, sinks: 0 };
        self.attend(&mut sketch, fresh, Keys::Step { state, ring: slots }, Mask::CAUSAL);
        sketch.show(ring);
        let [scores, weights, context, ring] = sketch.values_shown().await;
        (Seen { scores, weights, context }, ring)
    }

    /// Keys and values side by side, as a joint product makes them.
    fn fresh(&self, sketch: &mut Sketch) -> Tensor {
        let row = self.row();
        let pairs = self.keys.chunks(row as usize).zip(self.values.chunks(row as usize));
        let rows: Vec<f32> = pairs.flat_map(|(key, value)| [key, value].concat()).collect();
        let count = rows.len() as u32 / (self.batch * 2 * row);
        sketch.values(&[self.batch, count, 2 * row], &rows)
    }

    fn attend(&self, sketch: &mut Sketch, fresh: Tensor, keys: Keys, mask: Mask) {
        let row = self.row();
        let times = self.queries.len() as u32 / (self.batch * row);
        let queries = sketch.values(&[self.batch, times, row], &self.queries);
        let context = sketch.tape.attention(Attention {
            heads: self.heads,
            key_value_heads: self.heads,
            head_width: self.width,
            queries: (queries, 0),
            fresh: (fresh, 0, row),
            keys,
            mask,
            scale: 1.0 / (self.width as f32).sqrt(),
            rotary: None,
            sites: [SCORES, WEIGHTS],
        });
        sketch.show(context);
    }
}
