//! The tape: model code records commands on it, in order; what they are fused to comes later.

use crate::probe::Probe;
use crate::recording::{Command, Dispatch, Observation, Recording, Rows};
use crate::site::Site;
use crate::tensor::{Place, Tensor};
use crate::tuning::Tuning;

/// A recording of commands.
pub struct Tape {
    /// How the adapter wants kernels cut.
    pub tuning: Tuning,
    /// What somebody wants to see.
    pub probe: Probe,
    commands: Vec<Command>,
    activations: Vec<u32>,
    sites: Vec<Site>,
}

impl Tape {
    /// An empty tape for one adapter and what somebody wants to see.
    pub fn new(tuning: Tuning, probe: Probe) -> Tape {
        Tape { tuning, probe, commands: vec![], activations: vec![], sites: vec![] }
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

    /// Names a value under its own shape.
    pub fn at(&mut self, site: Site, tensor: Tensor) {
        let shape: Vec<u32> = tensor.shape().to_vec();
        self.at_columns(site, tensor, (0, tensor.width()), &shape);
    }

    /// Names columns of a tensor, the first and how many, as a value of `shape`.
    pub fn at_columns(&mut self, site: Site, tensor: Tensor, columns: (u32, u32), shape: &[u32]) {
        self.name(site, tensor, Rows::All, columns, shape);
    }

    /// Names one of the planes of a tensor that only exists if somebody wants it.
    pub fn at_plane(&mut self, site: Site, planes: Tensor, plane: u32, shape: &[u32]) {
        self.sites.push(site);
        if self.wants(site) {
            self.observe(site, planes, Rows::Plane(plane), (0, planes.width()), shape);
        }
    }

    /// Names part of a tensor.
    pub fn name(
        &mut self,
        site: Site,
        tensor: Tensor,
        rows: Rows,
        columns: (u32, u32),
        shape: &[u32],
    ) {
        self.sites.push(site);
        if self.wants(site) {
            self.observe(site, tensor, rows, columns, shape);
        }
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

    /// The sites that were named so far, in order.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Ends the recording.
    pub fn finish(self) -> Recording {
        Recording { commands: self.commands, activations: self.activations }
    }
}
