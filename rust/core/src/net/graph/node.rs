//! The nodes of a network: values per row, or per row and step.

use std::ops::Range;

use super::axis::Axis;
use super::kinds::Move;

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub kind: NodeKind,
    /// The number of features; 1 for ids.
    pub width: usize,
    pub axis: Axis,
    /// Whether the backward pass computes the gradient of the node, or runs the layer of the node: something that the node
    /// depends on has a gradient that is required.
    pub differentiated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// An input, by its index.
    Input(usize),
    /// An output of a layer's program, by its index.
    Layer { layer: usize, output: usize },
    /// The state of a layer after the last step of each sequence, by its index.
    Final { layer: usize, state: usize },
    /// Moved or summed elements of other nodes: `kind` is the name of the row in the table of kinds. `columns` has
    /// those of each part that are read; without any, all are.
    Derived { kind: &'static str, parts: Vec<usize>, columns: Vec<Range<usize>>, moves: Vec<Move> },
}

/// An input of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPort {
    pub name: String,
    pub node: usize,
    /// For ids in `0..limit`; None for features.
    pub limit: Option<usize>,
}

/// An output of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPort {
    pub name: String,
    pub node: usize,
}
