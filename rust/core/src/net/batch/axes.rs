//! The packed rows of a row group along each axis of sequences, and along the row axis.
//!
//! A group has the same rows on every axis. On each axis, its sequences are sorted by the lengths of that axis. Values per
//! row are in the order of the first axis, so a move between another axis and the rows goes through that axis's `order`.

use std::cmp::Reverse;

use crate::memory::reserve;
use crate::time::Geometry;

use super::super::graph::Axis;
use super::sequence::{Sequence, between_resets};
use super::valid_steps::ValidSteps;

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

/// The steps of an axis of sequences.
#[derive(Debug, Clone, Copy, Default)]
pub struct AxisExtent<'a> {
    pub steps: usize,
    /// (N,); None if every row has all steps.
    pub lengths: Option<&'a [i64]>,
    /// (N, T): see `Extent::mask`.
    pub mask: Option<&'a [bool]>,
}

/// The valid steps of the caller's rows on an axis after the first. Such an axis has no resets: a row is one sequence.
#[derive(Debug, Clone, Default)]
pub struct AxisSteps {
    pub steps: usize,
    pub valid: ValidSteps,
    /// By the caller's row.
    pub sequences: Vec<Sequence>,
}

impl AxisSteps {
    /// Replaces the rows and reuses the memory. The extent was checked.
    pub fn renew(&mut self, rows: usize, extent: &AxisExtent) {
        let AxisExtent { steps, lengths, mask } = *extent;
        self.steps = steps;
        self.valid.renew(mask.is_some());
        self.sequences.clear();
        for row in 0..rows {
            let length = lengths.map_or(steps, |lengths| lengths[row] as usize);
            let mask = mask.map(|mask| &mask[row * steps..][..length]);
            let origin = self.valid.append(row * steps, mask);
            between_resets((row, origin), length, None, mask, &mut self.sequences);
        }
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
    /// Replaces the sequences and reuses the memory; `rows` are the caller's rows in the order of the group, and the noise
    /// counts rows and steps from `first`.
    pub fn renew(
        &mut self,
        steps: &AxisSteps,
        rows: impl Fn(usize) -> usize,
        count: usize,
        (first_row, first_step): (usize, usize),
    ) {
        let AxisRows { geometry, order, mirror } = self;
        order.clear();
        reserve(order, count);
        order.extend(0..count);
        let length = |row: usize| steps.sequences[row].length;
        order.sort_by_key(|&position| Reverse(length(rows(position))));
        let sequences = order.iter().map(|&position| rows(position));
        geometry.renew(sequences.map(|row| (length(row), first_row + row, first_step)));
        geometry.mirror_into(mirror);
    }
}

#[cfg(test)]
mod tests {
    use super::super::row_groups::{Batch, End, Extent};
    use super::*;

    const OTHER: Axis = Axis::Sequence(1);

    /// Rows of these lengths on the first axis, of 5 steps, and on another one, of 4 steps.
    fn batch(lengths: &[i64], others: &[i64]) -> Batch {
        let other = AxisExtent { steps: 4, lengths: Some(others), mask: None };
        let extent = Extent { lengths: Some(lengths), others: &[other], ..Extent::default() };
        Batch::new(lengths.len(), 5, extent).unwrap()
    }

    #[test]
    fn every_axis_has_the_rows_of_a_group_in_the_order_of_its_own_lengths() {
        let batch = batch(&[2, 5, 0, 5], &[1, 0, 4, 3]);
        let group = &batch.groups[0];
        // of two rows of 5 steps, the one that is longer on the other axis comes first
        let rows: Vec<usize> = batch.sequences.iter().map(|one| one.row).collect();
        assert_eq!(rows, [3, 1, 0, 2]);
        let axes = group.axes();
        assert_eq!(axes.of(Axis::FIRST).lengths, [5, 5, 2, 0]);
        assert_eq!((axes.order(Axis::FIRST), axes.order(Axis::Row)), (None, None));
        assert_eq!(axes.of(OTHER).lengths, [4, 3, 1, 0]);
        assert_eq!(axes.order(OTHER), Some(&[3, 0, 2, 1][..]));
        assert_eq!(axes.mirror(OTHER).unwrap(), axes.of(OTHER).mirror());
        let callers = [0, 1, 2, 3].map(|position| axes.of(OTHER).caller(position));
        assert_eq!(callers, [2, 3, 0, 1]);
        assert_eq!((batch.total(Axis::FIRST), batch.total(OTHER), batch.count(OTHER)), (12, 8, 16));
    }

    #[test]
    fn arrays_and_states_are_packed_in_the_order_of_their_axis() {
        let batch = batch(&[2, 5, 0, 5], &[1, 0, 4, 3]);
        let group = &batch.groups[0];
        let data: Vec<usize> = (0..16).collect();
        let mut packed = Vec::new();
        batch.pack(group, OTHER, &data, 1, &mut packed);
        assert_eq!(packed, [8, 12, 0, 9, 13, 10, 14, 11]); // row 2, row 3, row 0; ...
        let padding: Vec<_> = batch.padding(group, OTHER).collect();
        assert_eq!(padding, [12..12, 15..16, 1..4, 4..8]);
        let mut states = [0.0; 4];
        batch.pack_state((group, OTHER), &[0.0, 1.0, 2.0, 3.0], 1, End::Initial, &mut states);
        assert_eq!(states, [2.0, 3.0, 0.0, 1.0]);
        let mut back = [9.0; 4];
        batch.unpack_state((group, OTHER), &states, 1, End::Final, &mut back);
        assert_eq!(back, [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn masked_steps_of_every_axis_are_skipped() {
        // row 0 has steps 1 and 2 of the other axis, row 1 none, row 2 steps 0 and 3
        let mask = ["0110", "0000", "1001"].concat().chars().map(|c| c == '1').collect::<Vec<_>>();
        let other = AxisExtent { steps: 4, lengths: Some(&[3, 4, 4]), mask: Some(&mask) };
        let first = "11 01 11".replace(' ', "").chars().map(|c| c == '1').collect::<Vec<_>>();
        let extent = Extent { mask: Some(&first), others: &[other], ..Extent::default() };
        let batch = Batch::new(3, 2, extent).unwrap();
        let group = &batch.groups[0];
        // rows 0 and 2 have two valid steps on both axes
        assert_eq!(group.axes().of(Axis::FIRST).lengths, [2, 2, 1]);
        assert_eq!(group.axes().of(OTHER).lengths, [2, 2, 0]);
        let data: Vec<usize> = (0..12).collect();
        let mut packed = Vec::new();
        batch.pack(group, OTHER, &data, 1, &mut packed);
        assert_eq!(packed, [1, 8, 2, 11]);
        let padding: Vec<_> = batch.padding(group, OTHER).filter(|gap| !gap.is_empty()).collect();
        assert_eq!(padding, [0..1, 3..4, 9..11, 4..8]);
    }

    #[test]
    fn the_extent_of_every_axis_is_checked_and_resets_are_refused() {
        let other = AxisExtent { steps: 4, lengths: Some(&[5]), mask: None };
        assert!(Batch::new(1, 5, Extent { others: &[other], ..Extent::default() }).is_err());
        let short = AxisExtent { steps: 4, lengths: None, mask: Some(&[true; 3]) };
        assert!(Batch::new(1, 5, Extent { others: &[short], ..Extent::default() }).is_err());
        let others = &[AxisExtent { steps: 4, lengths: None, mask: None }];
        let extent = Extent { resets: Some(&[false; 5]), others, ..Extent::default() };
        assert!(Batch::new(1, 5, extent).is_err());
    }
}
