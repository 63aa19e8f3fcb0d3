//! Masked softmax attention: `context[t, h] = Σ_s softmax_s(q[t, h] · k[s, h] / √K) v[s, h]`, over the keys that the mask allows.

use crate::kernel::{Access, Kernel, Size, Word};
use crate::mask::Mask;
use crate::ops::attend::Stage;
use crate::ops::attention_twin::twin;
use crate::ops::groups;
use crate::ops::named::Value;
use crate::ops::store::Ring;
use crate::recording::{Dispatch, Rows};
use crate::site::Site;
use crate::step_state;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "attention",
    wgsl: &[
        include_str!("../../shaders/attention.wgsl"),
        include_str!("../../shaders/lib/part.wgsl"),
        include_str!("../../shaders/lib/ring.wgsl"),
        include_str!("../../shaders/lib/rotary.wgsl"),
        step_state::WGSL,
    ],
    bindings: &[
        ("queries", Access::Read),
        ("fresh", Access::Read),
        ("state", Access::Read),
        ("rotary", Access::Read),
        ("ring", Access::Write),
        ("context", Access::Write),
        ("maps", Access::Write),
    ],
    sizes: SIZES,
    constants: &[
        "WORKGROUP",
        "LANES",
        "PART",
        "TILE",
        "K4",
        "RING",
        "CHUNK",
        "CAUSAL",
        "PADDED",
        "ROTARY",
        "TRACE",
    ],
    sized: &["ring"],
    reduces: true,
    twin,
    fast: None,
};

/// The sizes of attention, at once or stage by stage.
pub(crate) const SIZES: &[(&str, Word)] = &[
    ("B", Word::U32),
    ("H", Word::U32),
    ("G", Word::U32),
    ("T", Word::U32),
    ("S", Word::U32),
    ("sinks", Word::U32),
    ("query_row", Word::U32),
    ("fresh_row", Word::U32),
    ("query", Word::U32),
    ("key", Word::U32),
    ("value", Word::U32),
    ("scale", Word::F32),
];

/// The widest head, in vec4s a lane: the kernel keeps so many in registers.
const WIDEST_PART: u32 = 8;

/// Where the keys and values are that a query may look at, as far as its mask allows.
#[derive(Debug, Clone, Copy)]
pub enum Keys {
    /// In the rows `[B, S, ..]`.
    Rows,
    /// In a ring, which takes in the row `[B, 1, ..]` of this step.
    Step {
        /// StepState.
        state: Tensor,
        /// Written.
        ring: Ring,
    },
    /// In the rows `[B, T, ..]` of a chunk of positions, and before them in a ring.
    Chunk {
        /// StepState, with the position of the first row.
        state: Tensor,
        /// Only read.
        ring: Ring,
    },
}

/// Queries, keys and values as columns of rows that products made.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// H
    pub heads: u32,
    /// G, of which H is a multiple.
    pub key_value_heads: u32,
    /// K, a multiple of 4.
    pub head_width: u32,
    /// `[B, T, ..]`, and the column where queries start.
    pub queries: (Tensor, u32),
    /// `[B, S, ..]`, and the columns where keys and values start.
    pub fresh: (Tensor, u32, u32),
    /// Where the keys are.
    pub keys: Keys,
    /// Which of them a query sees.
    pub mask: Mask,
    /// What scores are multiplied with: 1/√K.
    pub scale: f32,
    /// Table `[2, 1024, K]` by which a step's query and key have to turn yet; never for other keys.
    pub rotary: Option<Tensor>,
    /// The names of scores and weights.
    pub sites: [Site; 2],
}

impl Attention {
    /// B, T and the number of keys or slots.
    pub(crate) fn shape(&self) -> [u32; 3] {
        let [batch, times, _] = self.queries.0.shape()[..] else {
            panic!("attention: queries {:?} are [B, T, ..]", self.queries.0.shape())
        };
        let rows = self.fresh.0.shape()[1];
        let is_step = matches!(self.keys, Keys::Step { .. });
        assert!(!is_step || times == 1, "attention: {times} queries in one step");
        assert!(is_step || self.rotary.is_none(), "attention: only a step's query and key turn");
        match self.keys {
            Keys::Rows => [batch, times, rows],
            Keys::Step { ring, .. } | Keys::Chunk { ring, .. } => {
                assert_eq!(times, rows, "attention: a query and a key for each position");
                [batch, times, ring.capacity()]
            }
        }
    }

    /// Its sizes, columns and rows in units of so many values.
    pub(crate) fn sizes(&self, unit: u32) -> [(&'static str, Size); 12] {
        let Attention { heads, key_value_heads, queries, fresh, .. } = *self;
        let [batch, times, slots] = self.shape();
        let (_, ring) = self.state_and_ring();
        [
            ("B", batch.into()),
            ("H", heads.into()),
            ("G", key_value_heads.into()),
            ("T", times.into()),
            ("S", slots.into()),
            ("sinks", ring.map_or(0, |ring| ring.sinks).into()),
            ("query_row", (queries.0.width() / unit).into()),
            ("fresh_row", (fresh.0.width() / unit).into()),
            ("query", (queries.1 / unit).into()),
            ("key", (fresh.1 / unit).into()),
            ("value", (fresh.2 / unit).into()),
            ("scale", self.scale.into()),
        ]
    }

    /// The binding with positions or lengths, and the ring.
    pub(crate) fn state_and_ring(&self) -> (Tensor, Option<Ring>) {
        match self.keys {
            Keys::Rows => (self.mask.padding.unwrap_or(Tensor::NOTHING), None),
            Keys::Step { state, ring } | Keys::Chunk { state, ring } => (state, Some(ring)),
        }
    }
}

impl Tape {
    /// The context `[B, T, H · K]`; in the open, stage by stage, where scores or weights change.
    pub fn attention(&mut self, attention: Attention) -> Tensor {
        match attention.sites.iter().any(|site| self.opens(*site)) {
            true => self.open_attention(attention),
            false => self.fused_attention(attention),
        }
    }

    fn open_attention(&mut self, mut attention: Attention) -> Tensor {
        let Attention { heads, key_value_heads, head_width, queries, fresh, .. } = attention;
        let [batch, times, slots] = attention.shape();
        if let Keys::Step { state, ring } = attention.keys {
            if let Some(table) = attention.rotary.take() {
                self.rotate(queries.0, queries.1, heads, state, table);
                self.rotate(fresh.0, fresh.1, key_value_heads, state, table);
            }
            self.store(fresh, state, ring);
        }
        let context = self.activation(&[batch, times, heads * head_width]);
        let maps = self.activation(&[2, batch * heads, times, slots]);
        let shape = [batch, heads, times, slots];
        for (site, stage) in attention.sites.into_iter().zip([Stage::Scores, Stage::Softmax]) {
            self.attend(stage, &attention, maps, context);
            let rows = Rows::Plane(stage as u32);
            let heads = (heads, times * slots);
            self.at_value(
                site,
                Value { tensor: maps, rows, columns: (0, slots), shape: &shape, heads },
            );
        }
        self.attend(Stage::Sum, &attention, maps, context);
        context
    }

    fn fused_attention(&mut self, attention: Attention) -> Tensor {
        let Attention { heads, key_value_heads, head_width, queries, fresh, keys, .. } = attention;
        assert!(head_width % 4 == 0, "attention: head width {head_width} is a multiple of 4");
        assert!(heads % key_value_heads == 0, "attention: {heads} heads on {key_value_heads}");
        let [batch, times, slots] = attention.shape();
        let (state, ring) = attention.state_and_ring();
        let wanted = (head_width / 4).div_ceil(self.tuning.head_part);
        let lanes = wanted.next_power_of_two().min(self.tuning.workgroup);
        let part = (head_width / 4).div_ceil(lanes);
        assert!(part <= WIDEST_PART, "attention: head width {head_width} at {lanes} lanes");
        let traced = attention.sites.iter().any(|site| self.wants(*site));
        let context = self.activation(&[batch, times, heads * head_width]);
        let maps = self.activation_if(traced, &[2, batch * heads, times, slots]);
        let sharing = times * (heads / key_value_heads);
        let tile = sharing.min(self.tuning.query_tile);
        let items = batch * key_value_heads * sharing.div_ceil(tile);
        let each = self.tuning.workgroup / lanes;
        let dispatch = Dispatch::new(
            &KERNEL,
            [
                ("queries", queries.0),
                ("fresh", fresh.0),
                ("state", state),
                ("rotary", attention.rotary.unwrap_or(Tensor::NOTHING)),
                ("ring", ring.map_or(Tensor::NOTHING, |ring| ring.slots)),
                ("context", context),
                ("maps", maps),
            ],
        );
        self.dispatch(
            dispatch
                .sizes(attention.sizes(4))
                .constants([
                    ("WORKGROUP", self.tuning.workgroup.into()),
                    ("LANES", lanes.into()),
                    ("PART", part.into()),
                    ("TILE", tile.into()),
                    ("K4", (head_width / 4).into()),
                    ("RING", ring.is_some().into()),
                    ("CHUNK", matches!(keys, Keys::Chunk { .. }).into()),
                    ("CAUSAL", attention.mask.causal.into()),
                    ("PADDED", attention.mask.padding.is_some().into()),
                    ("ROTARY", attention.rotary.is_some().into()),
                    ("TRACE", traced.into()),
                ])
                .grid([groups(items, each, self.tuning.most_workgroups), 1, 1]),
        );
        let shape = [batch, heads, times, slots];
        for (site, plane) in attention.sites.into_iter().zip(0..) {
            let (rows, heads) = (Rows::Plane(plane), (heads, times * slots));
            self.at_value(
                site,
                Value { tensor: maps, rows, columns: (0, slots), shape: &shape, heads },
            );
        }
        context
    }
}
