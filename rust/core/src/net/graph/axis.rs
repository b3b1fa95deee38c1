//! The axes of values.

/// Where the values of a node vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// One value a row and step: a sequence.
    Time,
    /// One value a row.
    Row,
}
