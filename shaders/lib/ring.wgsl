// Where positions lie in a ring of `capacity` slots, of which the first `sinks` are never given up.

fn slot_of(position: u32, capacity: u32, sinks: u32) -> u32 {
    if (position < sinks) { return position; }
    return sinks + (position - sinks) % (capacity - sinks);
}
