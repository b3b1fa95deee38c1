//! Which inputs and outputs of a network one layer alone reads or writes at its steps.

use super::axis::Axis;
use super::layer::Layer;
use super::network::Network;
use super::node::NodeKind;

impl Network {
    /// For each node, whether its values can be copied from or to the caller's array block by block, while a layer runs: an
    /// input that nothing but the steps of one layer reads, or an output of a layer that runs along a sequence. A step reads
    /// nothing of later steps, so the blocks after its own may be missing.
    pub fn copied_by_block(&self) -> Vec<bool> {
        (0..self.nodes.len())
            .map(|node| match self.nodes[node].kind {
                NodeKind::Input(number) => {
                    self.inputs[number].limit.is_none() && self.is_read_by_steps_alone(node)
                }
                NodeKind::Layer { layer, .. } => {
                    self.nodes[node].axis.is_sequence() && self.layers[layer].axis == self.nodes[node].axis
                }
                NodeKind::Final { .. } | NodeKind::Derived { .. } => false,
            })
            .collect()
    }

    /// Whether one layer reads a sequence step by step, and nothing else reads it.
    fn is_read_by_steps_alone(&self, node: usize) -> bool {
        let Axis::Sequence(_) = self.nodes[node].axis else { return false };
        let reads = |layer: &&Layer| layer.parts.contains(&node);
        let mut readers = self.layers.iter().filter(reads);
        let (Some(layer), None) = (readers.next(), readers.next()) else { return false };
        let by_steps = layer.inputs.iter().filter(|&&other| other == node).count();
        let otherwise =
            layer.memories.iter().chain(layer.initial.iter().flatten()).any(|&other| other == node);
        let derived = |of: &NodeKind| matches!(of, NodeKind::Derived { parts, .. } if parts.contains(&node));
        layer.axis == self.nodes[node].axis
            && by_steps == 1
            && !otherwise
            && self.outputs.iter().all(|port| port.node != node)
            && !self.nodes.iter().any(|other| derived(&other.kind))
    }
}
