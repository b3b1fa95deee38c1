//! The packed rows of a row group along each axis of sequences, and along the row axis.
//!
//! A group has the same rows on every axis. On each axis, its sequences are sorted by the lengths of that axis. Values per
//! row are in the order of the first axis, so a move between another axis and the rows goes through that axis's `order`.

use std::cmp::Reverse;

use crate::time::Geometry;

use super::super::graph::Axis;

/// The sequences of a row group on all axes, and the same rows with one step each.
#[derive(Debug, Clone, Copy)]
pub struct Axes<'a> {
    /// The first axis of sequences.
    pub time: &'a Geometry,
    pub row: &'a Geometry,
    /// The axes of sequences after the first.
    pub others: &'a [AxisRows],
}

impl<'a> Axes<'a> {
    pub fn of(&self, axis: Axis) -> &'a Geometry {
        match axis {
            Axis::Row => self.row,
            Axis::Sequence(0) => self.time,
            Axis::Sequence(number) => &self.others[number - 1].geometry,
        }
    }

    /// The position among the values of rows of each sequence of an axis; None if it is the same.
    pub fn order(&self, axis: Axis) -> Option<&'a [usize]> {
        self.other(axis).map(|rows| &rows.order[..])
    }

    /// For each packed row of an axis after the first, the packed row of the same sequence at the mirrored time.
    pub fn mirror(&self, axis: Axis) -> Option<&'a [usize]> {
        self.other(axis).map(|rows| &rows.mirror[..])
    }

    fn other(&self, axis: Axis) -> Option<&'a AxisRows> {
        match axis {
            Axis::Row | Axis::Sequence(0) => None,
            Axis::Sequence(number) => Some(&self.others[number - 1]),
        }
    }
}

/// The steps of an axis after the first.
#[derive(Debug, Clone, Copy, Default)]
pub struct AxisExtent<'a> {
    pub steps: usize,
    /// (N,); None if every row has all steps.
    pub lengths: Option<&'a [i64]>,
}

impl AxisExtent<'_> {
    /// The length of a caller's row, which was checked.
    pub fn length(&self, row: usize) -> usize {
        self.lengths.map_or(self.steps, |lengths| lengths[row] as usize)
    }
}

/// The sequences of a row group on an axis after the first.
#[derive(Debug, Clone, Default)]
pub struct AxisRows {
    pub geometry: Geometry,
    /// The position in the group of each sequence, the longest sequence first.
    order: Vec<usize>,
    mirror: Vec<usize>,
}

impl AxisRows {
    /// Replaces the sequences and reuses the memory; `rows` are the caller's rows in the order of the group.
    pub fn renew(
        &mut self,
        extent: &AxisExtent,
        rows: impl Fn(usize) -> usize,
        count: usize,
        first_step: usize,
    ) {
        let AxisRows { geometry, order, mirror } = self;
        order.clear();
        order.extend(0..count);
        order.sort_by_key(|&position| Reverse(extent.length(rows(position))));
        let sequences = order.iter().map(|&position| rows(position));
        geometry.renew(sequences.map(|row| (extent.length(row), row, first_step)));
        geometry.mirror_into(mirror);
    }
}
