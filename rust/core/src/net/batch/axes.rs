//! The packed rows of a row group along the time axis and along the row axis.

use crate::time::Geometry;

use super::super::graph::Axis;

/// The sequences of a row group, and the same rows with one step each.
#[derive(Debug, Clone, Copy)]
pub struct Axes<'a> {
    pub time: &'a Geometry,
    pub row: &'a Geometry,
}

impl<'a> Axes<'a> {
    pub fn of(&self, axis: Axis) -> &'a Geometry {
        match axis {
            Axis::Time => self.time,
            Axis::Row => self.row,
        }
    }
}
