//! The tape: model code records commands on it, in order; what they are fused to comes later.

use crate::probe::{Name, Probe};
use crate::recording::{Command, Dispatch, Observation, Recording, Rows};
use crate::site::Site;
use crate::tensor::{Place, Tensor};
use crate::tuning::Tuning;

/// A recording of commands.
pub struct Tape {
    /// How the adapter wants kernels cut.
    pub tuning: Tuning,
    /// What somebody wants to see and to change.
    pub probe: Probe,
    /// StepState of the pass that is being recorded, if it has one.
    pub state: Option<Tensor>,
    commands: Vec<Command>,
    activations: Vec<u32>,
    names: Vec<Name>,
    /// Sites of values that were to be replaced, their shapes, and whether those fitted.
    pub(crate) replacements: Vec<(Site, Vec<u32>, bool)>,
}

impl Tape {
    /// An empty tape for one adapter and what somebody wants to see.
    pub fn new(tuning: Tuning, probe: Probe) -> Tape {
        Tape {
            tuning,
            probe,
            commands: vec![],
            activations: vec![],
            names: vec![],
            replacements: vec![],
            state: None,
        }
    }

    /// A new activation; its words are undefined until a command writes them.
    pub fn activation(&mut self, shape: &[u32]) -> Tensor {
        let tensor = Tensor::at(Place::Activation(self.activations.len() as u32), shape);
        self.activations.push(tensor.len());
        tensor
    }

    /// An activation that exists only when `wanted`.
    pub fn activation_if(&mut self, wanted: bool, shape: &[u32]) -> Tensor {
        if wanted { self.activation(shape) } else { Tensor::NOTHING }
    }

    /// Records a dispatch.
    pub(crate) fn dispatch(&mut self, dispatch: Dispatch) {
        dispatch.check();
        self.commands.push(Command::Dispatch(dispatch));
    }

    /// Whether somebody reads the site.
    pub fn wants(&self, site: Site) -> bool {
        self.probe.reads(site)
    }

    /// Appends a copy of part of a tensor, whoever may want it.
    pub fn observe(
        &mut self,
        site: Site,
        tensor: Tensor,
        rows: Rows,
        columns: (u32, u32),
        shape: &[u32],
    ) {
        let sizes = shape.iter().map(|size| *size as usize).collect();
        let observation = Observation { site, tensor, rows, columns, shape: sizes };
        assert_eq!(
            shape.iter().product::<u32>(),
            observation.words() / tensor.width() * columns.1,
            "{site}: {} columns of {:?} can't be shown as {shape:?}",
            columns.1,
            tensor.shape(),
        );
        self.commands.push(Command::Observe(observation));
    }

    /// Remembers that a value was named.
    pub(crate) fn remember(&mut self, name: Name) {
        self.names.push(name);
    }

    /// The values that were named so far, in order.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Ends the recording.
    pub fn finish(self) -> Recording {
        Recording { commands: self.commands, activations: self.activations }
    }
}
