//! The nodes of a network: values of every row, or of every row and step.

use super::axis::Axis;
use super::kinds::Move;

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub kind: NodeKind,
    /// Features; 1 for ids.
    pub width: usize,
    pub axis: Axis,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// An input, by its number.
    Input(usize),
    /// An output of a layer's program, by its number.
    Layer { layer: usize, output: usize },
    /// Elements of other nodes, moved or summed: `kind` is its row in the table of kinds.
    Derived { kind: &'static str, parts: Vec<usize>, moves: Vec<Move> },
}

/// An input of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPort {
    pub name: String,
    pub node: usize,
    /// For ids: they are `0..limit`. None for features.
    pub limit: Option<usize>,
}

/// An output of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPort {
    pub name: String,
    pub node: usize,
}
