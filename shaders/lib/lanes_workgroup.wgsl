// Reductions over the LANES neighbouring invocations that share an item. Workgroup-memory form,
// for adapters without subgroups: every invocation of the workgroup must call them.

var<workgroup> lanes_memory: array<u32, WORKGROUP>;

fn sum_lanes(value: f32, local: u32) -> f32 {
    var total = value;
    for (var step = 1u; step < LANES; step *= 2u) {
        lanes_memory[local] = bitcast<u32>(total);
        workgroupBarrier();
        total += bitcast<f32>(lanes_memory[local ^ step]);
        workgroupBarrier();
    }
    return total;
}

fn max_lanes(value: f32, local: u32) -> f32 {
    var most = value;
    for (var step = 1u; step < LANES; step *= 2u) {
        lanes_memory[local] = bitcast<u32>(most);
        workgroupBarrier();
        most = max(most, bitcast<f32>(lanes_memory[local ^ step]));
        workgroupBarrier();
    }
    return most;
}

fn least_lanes(value: u32, local: u32) -> u32 {
    var least = value;
    for (var step = 1u; step < LANES; step *= 2u) {
        lanes_memory[local] = least;
        workgroupBarrier();
        least = min(least, lanes_memory[local ^ step]);
        workgroupBarrier();
    }
    return least;
}
