//! What a kind of node says: which rows of its parts become which rows of its result.

use super::super::axis::Axis;

/// A kind of node. `make` checks the parts and says what the node is, or what is wrong.
pub struct Kind {
    pub name: &'static str,
    pub make: fn(&[Part]) -> Result<Made, String>,
}

/// A node that another one is made of.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub node: usize,
    pub width: usize,
    pub axis: Axis,
}

/// What a node is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    pub width: usize,
    pub axis: Axis,
    pub moves: Vec<Move>,
}

/// All columns of a node, added to columns of the result from `column` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub from: usize,
    pub rows: Rows,
    pub column: usize,
}

/// Which rows of a node become which rows of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Each itself.
    Same,
    /// Each sequence back to front within its own length.
    Mirror,
    /// The last step of each sequence is its row. A sequence of length 0 gives zeros, as in all that follow.
    Last,
    /// The first step is the row.
    First,
    /// All steps are added to the row.
    Sum,
    /// The same, divided by the length.
    Mean,
    /// For each feature the largest of all steps, the first of equals. NaN where one is.
    Max,
    /// The row becomes every step.
    Repeat,
}

/// The one part of a kind that takes one.
pub(super) fn only(parts: &[Part]) -> Result<Part, String> {
    match parts {
        [part] => Ok(*part),
        _ => Err(format!("takes one value, got {}", parts.len())),
    }
}

/// A sequence reduced to a row.
pub(super) fn reduced(parts: &[Part], rows: Rows) -> Result<Made, String> {
    let part = only(parts)?;
    match part.axis {
        Axis::Time => Ok(moved(part, rows, Axis::Row)),
        Axis::Row => Err("takes a sequence; this value has no time axis".into()),
    }
}

/// All of one part.
pub(super) fn moved(part: Part, rows: Rows, axis: Axis) -> Made {
    Made { width: part.width, axis, moves: vec![Move { from: part.node, rows, column: 0 }] }
}

/// The axis that all parts have.
pub(super) fn same_axis(parts: &[Part]) -> Result<Axis, String> {
    let axis = parts.first().ok_or("takes at least one value, got none")?.axis;
    match parts.iter().all(|part| part.axis == axis) {
        true => Ok(axis),
        false => Err("joins a sequence with a value of a row; repeat the row along time first".into()),
    }
}
