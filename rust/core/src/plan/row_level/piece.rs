//! The parts of inputs.

/// A part of an input: adjacent features, all of them per row or all of them per step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub width: usize,
    pub is_row: bool,
}
