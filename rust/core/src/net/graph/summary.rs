//! The plans of a network's layers as counts. The two parts of a divided layer are gathered again.

use crate::plan::PassSummary;

use super::layer::{Layer, Share};
use super::network::Network;

/// The counts of the passes of a layer: inference, training forward, backward.
#[derive(Debug, Clone)]
pub struct LayerSummary {
    pub name: String,
    pub passes: [PassSummary; 3],
    /// The passes that run once per row, if the layer is divided.
    pub once_per_row: Option<[PassSummary; 3]>,
}

impl Network {
    /// The counts of the plan of each layer as written.
    pub fn summaries(&self) -> Vec<LayerSummary> {
        let of = |layer: &Layer| {
            [&layer.plan(false).infer, &layer.plan.train, &layer.plan.back].map(PassSummary::of)
        };
        let one = |number: usize| LayerSummary {
            name: self.written().layers[number].plan.program.name.clone(),
            passes: self.part(number, false).map(of).unwrap_or_default(),
            once_per_row: self.part(number, true).map(of),
        };
        (0..self.written().layers.len()).map(one).collect()
    }

    /// The layer that runs a written layer: the part of every step, or the part per row of a divided layer.
    pub fn part(&self, layer: usize, once_per_row: bool) -> Option<&Layer> {
        self.layers.iter().find(|one| one.share == Share { layer, once_per_row })
    }
}
