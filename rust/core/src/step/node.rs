//! One value of a program.

use super::{Attrs, Shape, numel};

/// Position of a node in its program.
pub type NodeId = usize;

/// Position of an op in the op table.
pub type OpId = usize;

#[derive(Debug, Clone)]
pub struct Node {
    pub op: OpId,
    pub args: Vec<NodeId>,
    pub attrs: Attrs,
    pub shape: Shape,
    /// An integer (an id), not a feature: it has no gradient and no arithmetic.
    pub is_index: bool,
    /// Name of a source, or the author's name of a variable.
    pub label: Option<String>,
    /// Whether it depends on parameters and constants only: one value for all rows and all times.
    pub folded: bool,
    /// The entries axis to which it belongs: one value for each entry of a memory. None for one value per row.
    pub entries: Option<usize>,
}

impl Node {
    pub fn numel(&self) -> usize {
        numel(&self.shape)
    }
}
