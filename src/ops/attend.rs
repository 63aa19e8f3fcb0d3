//! Attention in the open, a stage at a time: `scores q · k / √K, their masked softmax, then the weighted sum of the values`.

use crate::kernel::{Access, Call, Kernel};
use crate::ops::attention::{Attention, Keys, SIZES};
use crate::ops::groups;
use crate::recording::Dispatch;
use crate::step_state::{self, FRESH, POSITIONS};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "attend",
    wgsl: &[include_str!("../../shaders/attend.wgsl"), step_state::WGSL],
    bindings: &[
        ("queries", Access::Read),
        ("fresh", Access::Read),
        ("state", Access::Read),
        ("ring", Access::Read),
        ("context", Access::Write),
        ("maps", Access::Write),
    ],
    sizes: SIZES,
    constants: &["WORKGROUP", "STAGE", "K", "RING", "STEP", "CAUSAL", "PADDED"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
};

/// The stages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// Scores of all keys that are there.
    Scores = 0,
    /// Their softmax, over the keys that the mask allows.
    Softmax = 1,
    /// The values, by their weights.
    Sum = 2,
}

impl Tape {
    /// One stage; `maps` `[2, B · H, T, S]` has scores and weights, `context` is `[B, T, H · K]`.
    /// A step's key and value are in the ring already.
    pub(crate) fn attend(
        &mut self,
        stage: Stage,
        attention: &Attention,
        maps: Tensor,
        context: Tensor,
    ) {
        let Attention { heads, head_width, queries, fresh, keys, mask, .. } = *attention;
        let [batch, times, slots] = attention.shape();
        let (state, ring) = attention.state_and_ring();
        let each = match stage {
            Stage::Scores => slots,
            Stage::Softmax => 1,
            Stage::Sum => head_width,
        };
        let workgroup = self.tuning.workgroup;
        let tensors = [
            ("queries", queries.0),
            ("fresh", fresh.0),
            ("state", state),
            ("ring", ring.map_or(Tensor::NOTHING, |ring| ring.slots)),
            ("context", context),
            ("maps", maps),
        ];
        self.dispatch(
            Dispatch::new(&KERNEL, tensors)
                .sizes(attention.sizes(1))
                .constants([
                    ("WORKGROUP", workgroup.into()),
                    ("STAGE", (stage as u32).into()),
                    ("K", head_width.into()),
                    ("RING", ring.is_some().into()),
                    ("STEP", matches!(keys, Keys::Step { .. }).into()),
                    ("CAUSAL", mask.causal.into()),
                    ("PADDED", mask.padding.is_some().into()),
                ])
                .grid([
                    groups(batch * heads * times * each, workgroup, self.tuning.most_workgroups),
                    1,
                    1,
                ]),
        );
    }
}

/// The twin's view of a call.
struct Scene<'a>(&'a Call<'a>);

impl Scene<'_> {
    /// The position of the key that query t of sentence b finds in column s.
    fn key_at(&self, b: usize, t: usize, s: usize) -> Option<usize> {
        let call = self.0;
        if !call.on("RING") {
            return (!call.on("CAUSAL") || s <= t).then_some(s);
        }
        let [now, fresh] = [self.state(POSITIONS, b), self.state(FRESH, b)];
        let last =
            if call.on("CAUSAL") { now + t } else { now + fresh.clamp(1, call.size("T")) - 1 };
        let [slots, sinks] = [call.size("S"), call.size("sinks")];
        match last {
            last if last < s => None,
            _ if s < sinks => Some(s),
            last => Some(last - (last - s) % (slots - sinks)),
        }
    }

    fn state(&self, list: u32, b: usize) -> usize {
        self.0.words("state")[step_state::at(list, b, self.0.size("B"))] as usize
    }

    fn is_real(&self, b: usize, s: usize) -> bool {
        !self.0.on("PADDED") || s < self.0.words("state")[b] as usize
    }

    /// A key, or a value.
    fn vector(&self, [b, g, position, s]: [usize; 4], column: &str) -> Vec<f32> {
        let call = self.0;
        let width = call.constant("K");
        let mut row = b * call.size("S") + position;
        if call.on("RING") {
            let now = self.state(POSITIONS, b);
            if call.on("STEP") || position < now {
                let half = usize::from(column == "value");
                let slot = (b * call.size("S") + s) * 2 + half;
                return call.values("ring")[(slot * call.size("G") + g) * width..][..width]
                    .to_vec();
            }
            row = b * call.size("T") + position - now;
        }
        let at = row * call.size("fresh_row") + call.size(column) + g * width;
        call.values("fresh")[at..][..width].to_vec()
    }
}

fn twin(call: &Call) {
    let scene = Scene(call);
    let [batch, heads, times, slots] = ["B", "H", "T", "S"].map(|size| call.size(size));
    let width = call.constant("K");
    let sharing = heads / call.size("G");
    let plane = batch * heads * times * slots;
    let mut maps = call.values_mut("maps");
    let mut context = call.values_mut("context");
    for row in 0..batch * heads * times {
        let [b, h, t] = [row / times / heads, row / times % heads, row % times];
        let keys: Vec<(usize, usize)> =
            (0..slots).filter_map(|s| Some((s, scene.key_at(b, t, s)?))).collect();
        let real = || keys.iter().filter(|(s, _)| scene.is_real(b, *s));
        let own = row * slots;
        match call.constant("STAGE") {
            0 => {
                let at = (b * times + t) * call.size("query_row") + call.size("query") + h * width;
                let query = call.values("queries")[at..][..width].to_vec();
                maps[own..][..slots].fill(0.0);
                for (s, position) in &keys {
                    let key = scene.vector([b, h / sharing, *position, *s], "key");
                    let products = query.iter().zip(&key);
                    let sum: f64 = products.map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                    maps[own + s] = (sum * f64::from(call.real("scale"))) as f32;
                }
            }
            1 => {
                let score = |s: usize| f64::from(maps[own + s]);
                let most = real().map(|(s, _)| score(*s)).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = real().map(|(s, _)| (score(*s) - most).exp()).sum();
                let weights: Vec<(usize, f64)> =
                    real().map(|(s, _)| (*s, (score(*s) - most).exp() / sum)).collect();
                maps[plane + own..][..slots].fill(0.0);
                weights.iter().for_each(|(s, weight)| maps[plane + own + s] = *weight as f32);
            }
            _ => {
                let mut sums = vec![0.0; width];
                for (s, position) in real() {
                    let value = scene.vector([b, h / sharing, *position, *s], "value");
                    let weight = f64::from(maps[plane + own + s]);
                    sums.iter_mut().zip(value).for_each(|(sum, v)| *sum += weight * f64::from(v));
                }
                let out = ((b * times + t) * heads + h) * width;
                sums.iter().zip(&mut context[out..]).for_each(|(sum, out)| *out = *sum as f32);
            }
        }
    }
}
