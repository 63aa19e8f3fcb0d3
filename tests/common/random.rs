//! Random numbers, drawn afresh in each run. A run says its seed; GLASSFORMER_SEED takes it back.

use super::report::say;

/// A stream of numbers (SplitMix64).
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from 0 up to but without `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        (self.bits() % u64::from(limit)) as u32
    }

    /// One of the choices.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// A number between -1 and 1.
    pub fn value(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    /// So many of them.
    pub fn values(&mut self, count: u32) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }
}

/// A seed that no run had before, unless it is asked for; says it, for the log of a failure.
pub fn seed(what: &str) -> u64 {
    let wanted = std::env::var("GLASSFORMER_SEED").ok().and_then(|text| text.parse().ok());
    let seed = wanted.unwrap_or_else(clock);
    say(&format!("{what}: GLASSFORMER_SEED={seed}"));
    seed
}

#[cfg(not(target_arch = "wasm32"))]
fn clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock that is not before 1970").as_nanos() as u64
}

#[cfg(target_arch = "wasm32")]
fn clock() -> u64 {
    (js_sys::Date::now() * 1000.0) as u64
}
