//! The twin of attention: scores, softmax and weighted sum in the plainest words; the formula that the tuned kernel is held against.

use std::cell::Ref;

use crate::kernel::Call;
use crate::ops::rotary;
use crate::ring::slot_of;
use crate::step_state::{self, FRESH, POSITIONS};

/// A key that a query scores: its place in the maps, whether the mask allows it, and where key and
/// value are: in the ring, or in the fresh rows.
struct Seen {
    slot: usize,
    allowed: bool,
    in_ring: bool,
    key: usize,
    value: usize,
}

/// Sizes of a call, heads and columns in values.
struct Scene<'a> {
    call: &'a Call<'a>,
    state: Ref<'a, [u32]>,
    batch: usize,
    times: usize,
    slots: usize,
    sinks: u32,
    /// K
    width: usize,
    /// H / G
    sharing: usize,
    /// G · K
    half: usize,
}

pub(super) fn twin(call: &Call) {
    let scene = Scene {
        call,
        state: call.words("state"),
        batch: call.size("B"),
        times: call.size("T"),
        slots: call.size("S"),
        sinks: call.size("sinks") as u32,
        width: 4 * call.constant("K4"),
        sharing: call.size("H") / call.size("G"),
        half: call.size("G") * 4 * call.constant("K4"),
    };
    let fresh = scene.turned_rows();
    if call.on("RING") && !call.on("CHUNK") {
        scene.write_slots(&fresh);
    }
    let ring = call.values("ring");
    let queries = call.values("queries");
    let table = call.values("rotary");
    let scale = f64::from(call.real("scale"));
    let heads = call.size("H");
    let mut context = call.values_mut("context");
    let mut maps = call.values_mut("maps");
    let (Scene { width, times, slots, .. }, batch) = (&scene, scene.batch);
    let plane = batch * heads * times * slots;
    for item in 0..batch * times * heads {
        let [b, t, h] = [item / heads / times, item / heads % times, item % heads];
        let seen = scene.seen(b, t, h / scene.sharing);
        let vector = |seen: &Seen, at: usize| match seen.in_ring {
            true => &ring[at..][..*width],
            false => &fresh[at..][..*width],
        };
        let at = 4 * ((b * times + t) * call.size("query_row") + call.size("query"));
        let mut query = queries[at + h * width..][..*width].to_vec();
        if call.on("ROTARY") {
            query = rotary::turned(&table, scene.position(b), &query);
        }
        let score = |seen: &Seen| dot(&query, vector(seen, seen.key)) * scale;
        let scores: Vec<f64> = seen.iter().map(score).collect();
        let allowed = || seen.iter().zip(&scores).filter(|(seen, _)| seen.allowed);
        let most = allowed().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = allowed().map(|(_, score)| (score - most).exp()).sum();
        let out = ((b * times + t) * heads + h) * width;
        for k in 0..*width {
            let mixed = allowed().map(|(seen, score)| {
                (score - most).exp() / sum * f64::from(vector(seen, seen.value)[k])
            });
            context[out + k] = mixed.sum::<f64>() as f32;
        }
        if call.on("TRACE") {
            let map = ((b * heads + h) * times + t) * slots;
            maps[map..][..*slots].fill(0.0);
            maps[plane + map..][..*slots].fill(0.0);
            for (seen, score) in seen.iter().zip(&scores) {
                let weight = if seen.allowed { (score - most).exp() / sum } else { 0.0 };
                maps[map + seen.slot] = *score as f32;
                maps[plane + map + seen.slot] = weight as f32;
            }
        }
    }
}

impl Scene<'_> {
    /// The position of a row's step, or of its chunk's first token.
    fn position(&self, b: usize) -> u32 {
        self.state[step_state::at(POSITIONS, b, self.batch)]
    }

    /// The fresh rows, keys turned if that is still to be done.
    fn turned_rows(&self) -> Vec<f32> {
        let Scene { call, width, half, .. } = self;
        let mut fresh = call.values("fresh").to_vec();
        if call.on("ROTARY") {
            let table = call.values("rotary");
            let rows = fresh.chunks_exact_mut(4 * call.size("fresh_row"));
            for (b, row) in rows.enumerate().take(self.batch) {
                for head in row[4 * call.size("key")..][..*half].chunks_exact_mut(*width) {
                    head.copy_from_slice(&rotary::turned(&table, self.position(b), head));
                }
            }
        }
        fresh
    }

    /// A step's keys and values go to the slots of their positions.
    fn write_slots(&self, fresh: &[f32]) {
        let Scene { call, half, slots, .. } = self;
        let mut ring = call.values_mut("ring");
        for b in 0..self.batch {
            let slot = slot_of(self.position(b), *slots as u32, self.sinks) as usize;
            for (index, column) in ["key", "value"].into_iter().enumerate() {
                let from = 4 * (b * call.size("fresh_row") + call.size(column));
                let to = ((b * slots + slot) * 2 + index) * half;
                ring[to..][..*half].copy_from_slice(&fresh[from..][..*half]);
            }
        }
    }

    /// The keys of group `g` that query t of sentence b scores; of a chunk only those that it sees.
    fn seen(&self, b: usize, t: usize, g: usize) -> Vec<Seen> {
        let Scene { call, slots, sinks, half, width, .. } = *self;
        let group = g * width;
        let of_ring = |slot: u32| {
            let key = (b * slots + slot as usize) * 2 * half + group;
            Seen { slot: slot as usize, allowed: true, in_ring: true, key, value: key + half }
        };
        let of_fresh = |row: usize, slot: u32, allowed: bool| {
            let [key, value] = ["key", "value"]
                .map(|column| 4 * (row * call.size("fresh_row") + call.size(column)) + group);
            Seen { slot: slot as usize, allowed, in_ring: false, key, value }
        };
        let causal = call.on("CAUSAL");
        if !call.on("RING") {
            // Later keys don't even score; padding does, but weighs nothing.
            let last = if causal { (t + 1).min(slots) } else { slots };
            let real = |s: usize| !call.on("PADDED") || s < self.state[b] as usize;
            let row = |s: usize| of_fresh(b * slots + s, s as u32, real(s));
            return (0..last).map(row).collect();
        }
        let now = self.position(b);
        let capacity = slots as u32;
        if !call.on("CHUNK") {
            return (0..capacity.min(now + 1)).map(of_ring).collect();
        }
        let own = now + t as u32;
        let fresh = self.state[step_state::at(FRESH, b, self.batch)].min(self.times as u32);
        let last = if causal { own } else { now + fresh.max(1) - 1 };
        let near = |position: u32| position < sinks || position + capacity - sinks > own;
        let slot = |position: u32| slot_of(position, capacity, sinks);
        let row = |position: u32| match position.checked_sub(now) {
            None => of_ring(slot(position)),
            Some(s) => of_fresh(b * self.times + s as usize, slot(position), true),
        };
        (0..=last).filter(|position| near(*position)).map(row).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
