//! Where positions lie in a K-V ring: the first ones may be kept for good, the others take turns.

/// The slot of a position in a ring of `capacity` slots, of which `sinks` keep the first positions.
pub fn slot_of(position: u32, capacity: u32, sinks: u32) -> u32 {
    match position.checked_sub(sinks) {
        None => position,
        Some(after) => sinks + after % (capacity - sinks),
    }
}
