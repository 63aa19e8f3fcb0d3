// Reductions over the LANES neighbouring invocations that share an item. Subgroup form: the
// workgroup is at most one subgroup, so no barrier is needed and lanes count as invocations do.

fn sum_lanes(value: f32, local: u32) -> f32 {
    if (LANES == WORKGROUP) { return subgroupAdd(value); }
    var total = value;
    for (var step = 1u; step < LANES; step *= 2u) { total += subgroupShuffleXor(total, step); }
    return total;
}

fn max_lanes(value: f32, local: u32) -> f32 {
    if (LANES == WORKGROUP) { return subgroupMax(value); }
    var most = value;
    for (var step = 1u; step < LANES; step *= 2u) {
        most = max(most, subgroupShuffleXor(most, step));
    }
    return most;
}

fn least_lanes(value: u32, local: u32) -> u32 {
    if (LANES == WORKGROUP) { return subgroupMin(value); }
    var least = value;
    for (var step = 1u; step < LANES; step *= 2u) {
        least = min(least, subgroupShuffleXor(least, step));
    }
    return least;
}
