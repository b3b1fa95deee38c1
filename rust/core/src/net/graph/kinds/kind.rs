//! The description of a kind of node: which rows of its parts become which rows of its result.

use super::super::axis::Axis;

/// A kind of node. `make` checks the parts and returns the node's definition, or an error text.
pub struct Kind {
    pub name: &'static str,
    pub make: fn(&[Part]) -> Result<Definition, String>,
}

/// An input of a derived node: `width` columns of a node, starting at `first`.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    pub node: usize,
    pub first: usize,
    pub width: usize,
    pub axis: Axis,
    /// The name of the axis.
    pub axis_name: &'a str,
}

/// The definition of a derived node.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub width: usize,
    pub axis: Axis,
    pub moves: Vec<Move>,
}

/// `width` columns of a node, starting at `first`, added to the columns of the result starting at `column`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub from: usize,
    pub first: usize,
    pub width: usize,
    pub rows: Rows,
    /// The axis of the sequences that `rows` speaks of.
    pub axis: Axis,
    pub column: usize,
}

impl Part<'_> {
    /// The whole part, added to the columns of the result starting at `column`.
    pub(super) fn to(self, rows: Rows, axis: Axis, column: usize) -> Move {
        Move { from: self.node, first: self.first, width: self.width, rows, axis, column }
    }
}

/// Which rows of a node become which rows of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Each row stays in place.
    Same,
    /// Each sequence is reversed within its own length.
    Mirror,
    /// The last step of each sequence becomes its row. A sequence of length 0 gives zeros, here and in the reductions below.
    Last,
    /// The first step of each sequence becomes its row.
    First,
    /// The sum of all steps becomes the row.
    Sum,
    /// The mean of all steps becomes the row.
    Mean,
    /// For each feature, the maximum over all steps; the first of equal values; NaN if any step is NaN.
    Max,
    /// The row is repeated at every step.
    Repeat,
}

/// The part of a kind that takes exactly one.
pub(super) fn only<'a>(parts: &[Part<'a>]) -> Result<Part<'a>, String> {
    match parts {
        [part] => Ok(*part),
        _ => Err(format!("takes one value, got {}", parts.len())),
    }
}

/// A sequence reduced to a value per row.
pub(super) fn reduced(parts: &[Part], rows: Rows) -> Result<Definition, String> {
    let part = only(parts)?;
    match part.axis {
        Axis::Sequence(_) => Ok(moved(part, rows, Axis::Row)),
        Axis::Row => Err("takes a sequence; this value has no time axis".into()),
    }
}

/// The whole of one part.
pub(super) fn moved(part: Part, rows: Rows, axis: Axis) -> Definition {
    let along = if axis == Axis::Row { part.axis } else { axis };
    Definition { width: part.width, axis, moves: vec![part.to(rows, along, 0)] }
}

/// The axis of the parts, which must all have the same one.
pub(super) fn same_axis(parts: &[Part]) -> Result<Axis, String> {
    let first = parts.first().ok_or("takes at least one value, got none")?;
    match parts.iter().find(|part| part.axis != first.axis) {
        None => Ok(first.axis),
        Some(other) if first.axis.is_sequence() && other.axis.is_sequence() => {
            Err(two_axes(first.axis_name, other.axis_name))
        }
        Some(_) => Err("joins a sequence with a value of a row; repeat the row along time first".into()),
    }
}

/// Why sequences of two axes cannot be joined.
pub fn two_axes(one: &str, other: &str) -> String {
    format!(
        "joins a sequence on the axis {one:?} with one on the axis {other:?}, which has other lengths; reduce one of them to a \
         value per row (last, first, mean, max, sum), or put both on one axis"
    )
}
