//! The axes of values.

/// The axis along which the values of a node vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// One value per row.
    Row,
    /// One value per row and step: a sequence. The number is an index of `Network::axes`. Every axis has its own lengths.
    Sequence(usize),
}

impl Axis {
    /// The axis whose lengths decide the order of the rows in a group.
    pub const FIRST: Axis = Axis::Sequence(0);

    pub fn is_sequence(self) -> bool {
        self != Axis::Row
    }
}

/// The name of `Axis::Row`.
pub const ROW: &str = "row";
/// The name of the first axis where none is given.
pub const TIME: &str = "time";
