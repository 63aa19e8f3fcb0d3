//! A finished tape: the commands in order, and where each activation may lie.

use crate::tape::{Command, Dispatch, Observation, Place};

/// A finished tape.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What to run, in order.
    pub commands: Vec<Command>,
    /// Words of each activation.
    pub activations: Vec<u32>,
}

impl Recording {
    /// The kernels that it runs, in order.
    pub fn dispatches(&self) -> impl Iterator<Item = &Dispatch> {
        self.commands.iter().filter_map(|command| match command {
            Command::Dispatch(dispatch) => Some(dispatch),
            Command::Observe(_) => None,
        })
    }

    /// The copies that it makes for tracing, in order.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.commands.iter().filter_map(|command| match command {
            Command::Observe(observation) => Some(observation),
            Command::Dispatch(_) => None,
        })
    }

    /// Places every activation in one of a few slots that are used again once their tensor has
    /// been read for the last time; gives the slot of each activation and the words of each slot.
    pub fn place_activations(&self) -> (Vec<usize>, Vec<u32>) {
        let mut last_use = vec![0; self.activations.len()];
        for (index, command) in self.commands.iter().enumerate() {
            activations_of(command).for_each(|id| last_use[id] = index);
        }
        let mut slots: Vec<u32> = vec![];
        let mut free: Vec<usize> = vec![];
        let mut slot_of = vec![usize::MAX; self.activations.len()];
        for (index, command) in self.commands.iter().enumerate() {
            for id in activations_of(command) {
                if slot_of[id] == usize::MAX {
                    slot_of[id] = take_slot(&mut free, &mut slots, self.activations[id]);
                }
            }
            let mut ended: Vec<usize> =
                activations_of(command).filter(|id| last_use[*id] == index).collect();
            ended.sort_unstable();
            ended.dedup();
            free.extend(ended.into_iter().map(|id| slot_of[id]));
        }
        (slot_of, slots)
    }
}

/// The free slot that wastes least, grown if need be, or a new one.
fn take_slot(free: &mut Vec<usize>, slots: &mut Vec<u32>, words: u32) -> usize {
    let waste = |slot: &usize| slots[*slot].abs_diff(words);
    match (0..free.len()).min_by_key(|index| waste(&free[*index])) {
        Some(index) => {
            let slot = free.swap_remove(index);
            slots[slot] = slots[slot].max(words);
            slot
        }
        None => {
            slots.push(words);
            slots.len() - 1
        }
    }
}

fn activations_of(command: &Command) -> impl Iterator<Item = usize> {
    let tensors = match command {
        Command::Dispatch(dispatch) => dispatch.tensors.as_slice(),
        Command::Observe(observation) => std::slice::from_ref(&observation.tensor),
    };
    tensors.iter().filter_map(|tensor| match tensor.place {
        Place::Activation(id) => Some(id as usize),
        Place::Resident(_) | Place::Nowhere => None,
    })
}
