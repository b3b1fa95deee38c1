//! Equations under construction, as the rules of the op table write them.

use super::{Attrs, Dim, Node, NodeId, Result};

/// A program to which rules add nodes. The rules know nothing else about the builder, which itself applies the rules.
pub trait Equations {
    fn node(&self, id: NodeId) -> &Node;

    /// The number `value`.
    fn constant(&mut self, value: f64) -> NodeId;

    /// The op `name` of the table, with attributes.
    fn op_with(&mut self, name: &'static str, args: &[NodeId], attrs: Attrs) -> Result<NodeId>;

    /// The op `name` without attributes.
    fn op(&mut self, name: &'static str, args: &[NodeId]) -> Result<NodeId> {
        self.op_with(name, args, Attrs::default())
    }

    /// `node` with another shape of as many elements; the same node if the shape is equal.
    fn reshaped(&mut self, node: NodeId, shape: &[Dim]) -> Result<NodeId> {
        if self.node(node).shape == shape {
            return Ok(node);
        }
        self.op_with("reshape", &[node], Attrs::shape_of(shape))
    }
}
