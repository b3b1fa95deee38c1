//! The plans of a network's layers as counts. The two parts of a divided layer are gathered again.

use crate::plan::{LayerPlan, PassSummary};

use super::layer::{Layer, LayerPart, Share};
use super::network::Network;

/// The counts of the passes of a layer: inference, training forward, backward.
#[derive(Debug, Clone)]
pub struct LayerSummary {
    pub name: String,
    pub passes: [PassSummary; 3],
    /// The passes that run once per row, if the layer is divided.
    pub once_per_row: Option<[PassSummary; 3]>,
    /// The passes that run once per id, if the layer reads an embedding.
    pub once_per_id: Option<[PassSummary; 3]>,
    /// The passes that run once per entry of a memory: by its name.
    pub once_per_entry: Vec<(String, [PassSummary; 3])>,
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
            once_per_id: None,
            once_per_entry: Vec::new(),
        };
        let mut found: Vec<LayerSummary> = self.written().layers.iter().map(unknown).collect();
        for layer in &self.layers {
            let Share { layer: number, part } = layer.share;
            match part {
                LayerPart::Id => {
                    let by_id = |plan: &LayerPlan| plan.fold.as_ref().map(|fold| fold.plan.clone());
                    let plans = by_id(&layer.plan).zip(by_id(layer.plan(false)));
                    found[number].once_per_id = plans.map(|(plan, resting)| {
                        [&resting.infer, &plan.train, &plan.back].map(PassSummary::of)
                    });
                }
                LayerPart::Row => found[number].once_per_row = Some(of(layer)),
                LayerPart::Step => found[number].passes = of(layer),
                LayerPart::Entry(axis) => {
                    let name = self.memory_name(number, axis);
                    found[number].once_per_entry.push((name, of(layer)));
                }
            }
        }
        found
    }

    /// A part of a written layer. The part of every step exists, but of an embedding that other layers have taken over.
    pub fn part(&self, layer: usize, part: LayerPart) -> Option<&Layer> {
        self.layers.iter().find(|one| one.share == Share { layer, part })
    }

    /// The name of the first memory of an entries axis of a written layer.
    pub fn memory_name(&self, layer: usize, axis: usize) -> String {
        let program = &self.written().layers[layer].plan.program;
        let found = (0..program.memories.len()).find(|&k| program.axis_of_memory(k) == axis);
        found.map_or("", |k| program.label(program.memories[k])).to_string()
    }
}
