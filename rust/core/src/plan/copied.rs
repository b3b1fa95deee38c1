//! Copies of values, for results whose storage another result claims.

use crate::step::{Attrs, Node, NodeId, rows};

/// Adds a copy of a value.
pub fn copied(nodes: &mut Vec<Node>, id: NodeId) -> NodeId {
    let (shape, entries) = (nodes[id].shape.clone(), nodes[id].entries);
    let op = rows::find("copy").unwrap_or_else(|| unreachable!("the op table has no copy"));
    let attrs = Attrs::default();
    nodes.push(Node {
        op,
        args: vec![id],
        attrs,
        shape,
        is_index: nodes[id].is_index,
        label: None,
        folded: false,
        entries,
    });
    nodes.len() - 1
}
