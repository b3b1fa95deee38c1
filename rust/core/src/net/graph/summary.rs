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
        let unknown = |layer: &Layer| LayerSummary {
            name: layer.plan.program.name.clone(),
            passes: Default::default(),
            once_per_row: None,
        };
        let mut found: Vec<LayerSummary> = self.written().layers.iter().map(unknown).collect();
        for layer in &self.layers {
            let Share { layer: number, once_per_row } = layer.share;
            match once_per_row {
                true => found[number].once_per_row = Some(of(layer)),
                false => found[number].passes = of(layer),
            }
        }
        found
    }

    /// The layer that runs a written layer: the part of every step, or the part per row of a divided layer.
    pub fn part(&self, layer: usize, once_per_row: bool) -> Option<&Layer> {
        self.layers.iter().find(|one| one.share == Share { layer, once_per_row })
    }
}
