//! The direction in which each sequence of a network runs.

use super::kinds::Rows;
use super::layer::Layer;
use super::network::Network;
use super::node::NodeKind;

impl Network {
    /// For each node, whether its sequence runs from the end of the input to the start. None if a node combines both
    /// directions.
    fn reversed_nodes(&self) -> Option<Vec<bool>> {
        let mut from_end: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for (number, node) in self.nodes.iter().enumerate() {
            let sequences = self.parts(number).iter().filter(|&&part| self.nodes[part].axis.is_sequence());
            let mut directions = sequences.map(|&part| from_end[part]);
            let first: bool = directions.next().unwrap_or(false);
            if directions.any(|other| other != first) {
                return None;
            }
            let mirrors = match &node.kind {
                NodeKind::Derived { moves, .. } => moves.iter().any(|one| one.rows == Rows::Mirror),
                _ => false,
            };
            from_end.push(node.axis.is_sequence() && first != mirrors);
        }
        Some(from_end)
    }

    /// Whether windows of time are defined: no node combines a forward sequence with a reversed one.
    pub fn has_directions(&self) -> bool {
        self.reversed_nodes().is_some()
    }

    /// For each layer, whether it reads its input from the end. The parts of a divided layer read what the layer reads.
    pub fn layers_from_end(&self) -> Vec<bool> {
        let written = self.written();
        let nodes = written.reversed_nodes().unwrap_or_else(|| vec![false; written.nodes.len()]);
        let from_end = |layer: &Layer| {
            written.layers[layer.share.layer].inputs.first().is_some_and(|&input| nodes[input])
        };
        self.layers.iter().map(from_end).collect()
    }

    /// For each state slot, whether its layer reads its input from the end.
    pub fn states_from_end(&self) -> Vec<bool> {
        let layers = self.layers.iter().zip(self.layers_from_end());
        let slots = layers
            .flat_map(|(layer, from_end)| layer.plan.program.row_states().iter().map(move |_| from_end));
        slots.collect()
    }
}
