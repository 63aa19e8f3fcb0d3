// Where positions lie in a ring of `capacity` slots, of which the first `sinks` are never given up.

fn slot_of(position: u32, capacity: u32, sinks: u32) -> u32 {
    if (position < sinks) { return position; }
    return sinks + (position - sinks) % (capacity - sinks);
}

// The position of the first row of sentence `b`.
fn position_of(b: u32) -> u32 {
    return state[state_word(STATE_POSITIONS, b, sizes.B)];
}

// Of its rows those that are no padding.
fn fresh_rows(b: u32) -> u32 {
    return min(state[state_word(STATE_FRESH, b, sizes.B)], sizes.T);
}
