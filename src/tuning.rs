//! Numbers that differ between adapters, in one table that `./build.sh bench` justifies.

/// What an adapter says of itself, as far as the choice of kernels depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdapterFacts {
    /// The smallest subgroup that a workgroup may get; 0 where subgroups can't be used.
    pub subgroup_size: u32,
    /// The adapter emulates a GPU on the CPU.
    pub software: bool,
}

/// How kernels are cut into workgroups on one adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Reductions use subgroup operations; else workgroup memory and barriers.
    pub subgroups: bool,
    /// Invocations of a workgroup. With subgroups never more than one subgroup, so that a
    /// reduction over the workgroup is one over the subgroup.
    pub workgroup: u32,
    /// The lengths of weights and rings are compiled into pipelines, where that is cheaper than
    /// to ask for a length and divide it at every access: more pipelines, faster ones.
    pub known_lengths: bool,
    /// Workgroups that a product is spread over at most.
    pub most_workgroups: u32,
    /// Rows of weights that a workgroup takes at least: it reads x first, whatever it does then.
    pub least_rows: u32,
    /// Rows of a product that the lanes of one row take in turn before they store.
    pub rows_in_turn: u32,
    /// vec4s of a head that a lane holds in attention, if the head has so many.
    pub head_part: u32,
    /// Queries for which attention loads the keys and values that they share once; at most 4.
    pub query_tile: u32,
    /// Rows of x from which a product takes the shared-memory tile.
    pub tiled_from: u32,
    /// Workgroups that share the vocabulary when the best tokens are sought.
    pub choice_parts: u32,
    /// Invocations that draw a token, over workgroup memory whatever the adapter has.
    pub sampling_lanes: u32,
    /// Tokens of a prompt that are taken in together at most.
    pub chunk: u32,
    /// Decoding steps of one submission at most, when nobody watches single steps.
    pub steps: u32,
}

impl Tuning {
    /// The table.
    pub fn of(adapter: AdapterFacts) -> Tuning {
        let lanes = adapter.subgroup_size;
        match adapter {
            // Cost is the number of loads and of workgroups; barriers cost most of all.
            AdapterFacts { software: true, subgroup_size: 4.. } => Tuning {
                subgroups: true,
                workgroup: lanes,
                known_lengths: true,
                most_workgroups: 4,
                least_rows: 128,
                rows_in_turn: lanes,
                head_part: 4,
                query_tile: 4,
                tiled_from: u32::MAX,
                choice_parts: 2,
                // One lane would loop more often than lavapipe lets a kernel loop at all: 65,535 times.
                sampling_lanes: 64,
                chunk: 64,
                steps: 8,
            },
            // A GPU: every lane busy, many workgroups, shared-memory tiles for many rows.
            AdapterFacts { subgroup_size: 4.., .. } => Tuning {
                subgroups: true,
                workgroup: lanes.min(64),
                known_lengths: false,
                most_workgroups: 65_535,
                least_rows: 1,
                rows_in_turn: 1,
                head_part: 1,
                query_tile: 1,
                tiled_from: 32,
                choice_parts: 64,
                sampling_lanes: 256,
                chunk: 128,
                steps: 16,
            },
            // No subgroups: the same kernels over workgroup memory.
            _ => Tuning {
                subgroups: false,
                workgroup: 32,
                known_lengths: false,
                most_workgroups: 65_535,
                least_rows: 1,
                rows_in_turn: 1,
                head_part: 1,
                query_tile: 1,
                tiled_from: 32,
                choice_parts: 32,
                sampling_lanes: 256,
                chunk: 128,
                steps: 16,
            },
        }
    }
}
