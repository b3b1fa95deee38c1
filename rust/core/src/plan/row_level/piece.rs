//! The parts of inputs, and from which cost on a value is computed once per row.

/// Multiplications for each element of a result from which on the result is computed once per row: with less, a step
/// computes the value as fast as it reads it. A product of fewer columns is not divided for the same reason.
pub const WORTH: usize = 8;

/// A part of an input: adjacent features, all of them per row or all of them per step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub width: usize,
    pub is_row: bool,
}
