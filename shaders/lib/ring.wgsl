// Where positions lie in a ring of `capacity` slots, of which the first `sinks` are never given up.

fn slot_of(position: u32, capacity: u32, sinks: u32) -> u32 {
    if (position < sinks) { return position; }
    return sinks + (position - sinks) % (capacity - sinks);
}

// The position before `now` that a slot holds, if it holds any.
fn position_in(slot: u32, now: u32, capacity: u32, sinks: u32) -> u32 {
    if (slot < sinks) { return slot; }
    let last = now - 1u - sinks;
    return sinks + last - (last + sinks - slot) % (capacity - sinks);
}
