//! The axes of values.

/// The axis along which the values of a node vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// One value per row and step: a sequence.
    Time,
    /// One value per row.
    Row,
}
