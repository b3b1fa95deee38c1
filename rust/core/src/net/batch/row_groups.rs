//! A batch in the engine's layout: sequences sorted by length, divided into row groups, packed by time.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Mutex;

use crate::kernel::Float;
use crate::memory::{check, ensure, make_room, reserve, zeros};
use crate::team::{self, Pauses};
use crate::time::Geometry;

use super::super::graph::{Axis, NetError, expect_len};
use super::super::locks::lock;
use super::axes::{Axes, AxisExtent, AxisRows, AxisSteps};
use super::sequence::{Sequence, between_resets};
use super::valid_steps::ValidSteps;

/// An array of the caller, packed for each row group.
pub type Packed<T> = Vec<Mutex<Vec<T>>>;

/// The states of the rows of each group, by state slot.
pub type States<T> = Vec<Vec<Vec<T>>>;

/// The largest number of rows in a group of a network whose weights are small (`group_rows.rs`). Neither the number of threads
/// nor another property of the machine decides it, so that sums of gradients do not depend on them.
const GROUP_ROWS: usize = 16;
/// A batch of this many rows or more has at least two groups.
const SPLIT_ROWS: usize = 8;
/// Gradients are summed in at most this many partial sums: group g goes to partial sum g % (number of partial sums).
pub const MAX_SUMS: usize = 8;
/// About what a row takes in the lists of a batch and of its row groups.
const ROW_BYTES: usize = 144;
/// Rows between two cancellation points.
const PAUSE_EVERY: usize = 1024;

/// Optional properties of a batch, besides its numbers of rows and steps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent<'a> {
    /// (N,); None if every row has all steps. Of the first axis of sequences, as `resets` is.
    pub lengths: Option<&'a [i64]>,
    /// (N, T): false where a step within the length of its row is not valid: it is skipped, as if the row did not have it. None
    /// if all steps within the lengths are valid.
    pub mask: Option<&'a [bool]>,
    /// The axes of sequences after the first. With several axes, there are no resets.
    pub others: &'a [AxisExtent<'a>],
    /// (N, T): true where the state of a row is set to zeros before the step.
    pub resets: Option<&'a [bool]>,
    /// The number of the first step. A step addresses its noise by the number of valid steps before it in its row, plus this.
    pub first_step: usize,
    /// The number of the first row, where the rows are some of a larger batch: a row addresses its noise by its index plus this.
    pub first_row: usize,
    /// The most rows of a group. None gives the usual size; another size changes the bits of sums over groups.
    pub group_rows: Option<usize>,
}

/// An input: (N, T, F) row-major or (N, T) ids along an axis of sequences, (N, F) or (N,) along rows.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T> {
    Features { data: &'a [T], width: usize },
    Ids { data: &'a [i64] },
}

#[derive(Debug, Clone, Default)]
pub struct RowGroup {
    /// The group's range in `Batch::sequences`.
    pub rows: Range<usize>,
    pub geometry: Geometry,
    /// The same rows with one step each.
    row_geometry: Geometry,
    /// The same rows on the axes after the first.
    others: Vec<AxisRows>,
}

impl RowGroup {
    pub fn axes(&self) -> Axes<'_> {
        Axes { time: &self.geometry, row: &self.row_geometry, others: &self.others }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub rows: usize,
    /// The steps of the first axis.
    pub steps: usize,
    /// The valid steps of the rows on the other axes.
    others: Vec<AxisSteps>,
    /// On the first axis, longest first. Sequences of equal length are in the order of their lengths on the other axes, then
    /// of the caller's rows and steps.
    pub sequences: Vec<Sequence>,
    valid: ValidSteps,
    pub groups: Vec<RowGroup>,
}

impl Batch {
    pub fn new(rows: usize, steps: usize, extent: Extent) -> Result<Batch, NetError> {
        let mut batch = Batch::default();
        batch.renew(rows, steps, extent)?;
        Ok(batch)
    }

    /// The steps of an axis, and the number of valid ones of each row. Without resets, a row is one sequence.
    pub fn lengths_of(&self, axis: Axis) -> (usize, Vec<usize>) {
        let (steps, sequences) = match axis {
            Axis::Sequence(number) if number > 0 => {
                let other = &self.others[number - 1];
                (other.steps, &other.sequences)
            }
            _ => (self.steps, &self.sequences),
        };
        let mut lengths = zeros(self.rows);
        sequences.iter().for_each(|one| lengths[one.row] += one.length);
        (steps, lengths)
    }

    /// Replaces the batch by another one and reuses its memory.
    pub fn renew<'a>(&mut self, rows: usize, steps: usize, extent: Extent<'a>) -> Result<(), NetError> {
        check_lengths(rows, steps, extent.lengths)?;
        check_flags("resets", extent.resets, rows * steps)?;
        check_flags("mask", extent.mask, rows * steps)?;
        if extent.resets.is_some() && !extent.others.is_empty() {
            let text = "resets: expected none, because this network has sequences on several axes";
            return Err(NetError::Config(text.into()));
        }
        for other in extent.others {
            check_lengths(rows, other.steps, other.lengths)?;
            check_flags("mask", other.mask, rows * other.steps)?;
        }
        ensure(rows.saturating_mul(ROW_BYTES));
        (self.rows, self.steps) = (rows, steps);
        self.others.resize_with(extent.others.len(), AxisSteps::default);
        for (axis, other) in self.others.iter_mut().zip(extent.others) {
            axis.renew(rows, other);
        }
        self.sequences.clear();
        reserve(&mut self.sequences, rows);
        self.valid.renew(extent.mask.is_some());
        for row in 0..rows {
            if row % PAUSE_EVERY == 0 {
                team::pause();
            }
            let length = extent.lengths.map_or(steps, |lengths| lengths[row] as usize);
            let of_row = |flags: Option<&'a [bool]>| flags.map(|flags| &flags[row * steps..][..length]);
            let (resets, mask) = (of_row(extent.resets), of_row(extent.mask));
            let origin = self.valid.append(row * steps, mask);
            between_resets((row, origin), length, resets, mask, &mut self.sequences);
        }
        let others = &self.others;
        self.sequences.sort_unstable_by(|a, b| {
            let others = || {
                let lengths = others.iter().map(|axis| {
                    let length = |row: usize| axis.sequences[row].length;
                    length(b.row).cmp(&length(a.row))
                });
                lengths.fold(Ordering::Equal, Ordering::then)
            };
            let callers = || (a.row, a.first).cmp(&(b.row, b.first));
            b.length.cmp(&a.length).then_with(others).then_with(callers)
        });
        let count = self.sequences.len();
        let groups = match extent.group_rows {
            Some(rows) => count.div_ceil(rows.max(1)),
            None => Batch::group_count(count),
        };
        reserve(&mut self.groups, groups);
        self.groups.resize_with(groups, RowGroup::default);
        for (number, group) in self.groups.iter_mut().enumerate() {
            check();
            team::pause();
            // no group has more rows than the first: memory that fits the first group fits all
            group.rows = (number * count).div_ceil(groups)..((number + 1) * count).div_ceil(groups);
            let rows = || self.sequences[group.rows.clone()].iter();
            let place = |one: &Sequence| (extent.first_row + one.row, extent.first_step + one.first);
            let extents = |length: usize, one| {
                let (row, step) = place(one);
                (length, row, step)
            };
            group.geometry.renew(rows().map(|one| extents(one.length, one)));
            group.row_geometry.renew(rows().map(|one| extents(1, one)));
            group.others.resize_with(self.others.len(), AxisRows::default);
            let sequences = &self.sequences[group.rows.clone()];
            for (axis, steps) in group.others.iter_mut().zip(&self.others) {
                let first = (extent.first_row, extent.first_step);
                axis.renew(steps, |position| sequences[position].row, sequences.len(), first);
            }
        }
        Ok(())
    }

    /// The number of groups of `count` sequences, unless `Extent::group_rows` is set.
    pub fn group_count(count: usize) -> usize {
        let least = usize::from(count > 0) + usize::from(count >= SPLIT_ROWS);
        count.div_ceil(GROUP_ROWS).max(least)
    }

    /// Whether every row has all steps of the only axis, starting from its first one.
    pub fn is_even(&self) -> bool {
        self.others.is_empty() && self.sequences.iter().all(|one| one.length == self.steps)
    }

    /// The number of partial sums of gradients.
    pub fn partial_sums(&self) -> usize {
        self.groups.len().min(MAX_SUMS)
    }

    /// The groups whose gradients are added to a partial sum.
    pub fn groups_of(&self, sum: usize) -> impl Iterator<Item = usize> + use<> {
        (sum..self.groups.len()).step_by(self.partial_sums().max(1))
    }

    /// The position of each packed row of a group in the caller's (N, T) or (N,) order.
    pub(super) fn places<'a>(&'a self, group: &'a RowGroup, axis: Axis) -> impl Iterator<Item = usize> + 'a {
        let (geometry, valid) = (group.axes().of(axis), self.valid(axis));
        let sequence = self.in_order(group, axis);
        (0..geometry.steps()).flat_map(move |t| {
            (0..geometry.alive(t)).map(move |position| match axis {
                Axis::Sequence(_) => valid.place(sequence(position).origin + t),
                Axis::Row => sequence(position).row,
            })
        })
    }

    /// Visits each packed row of some steps of a group with its position, one sequence after the other: memory of the caller
    /// is read, or written, in its order.
    pub(super) fn each_row(
        &self,
        group: &RowGroup,
        axis: Axis,
        steps: Range<usize>,
        mut visit: impl FnMut(usize, usize),
    ) {
        let (geometry, valid) = (group.axes().of(axis), self.valid(axis));
        let sequence = self.in_order(group, axis);
        for position in 0..geometry.rows {
            let one = sequence(position);
            for t in steps.start..geometry.lengths[position].min(steps.end) {
                let place = match axis {
                    Axis::Sequence(_) => valid.place(one.origin + t),
                    Axis::Row => one.row,
                };
                visit(geometry.first_row(t) + position, place);
            }
        }
    }

    /// The positions in (N, T) that the sequences of a group leave without values along an axis: padding and masked steps. Each
    /// position belongs to exactly one group.
    pub(super) fn padding<'a>(
        &'a self,
        group: &'a RowGroup,
        axis: Axis,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let (rows, steps, valid) = (group.rows.len(), self.steps_of(axis), self.valid(axis));
        let sequence = self.in_order(group, axis);
        (0..rows).flat_map(move |position| {
            let one = *sequence(position);
            valid.gaps(one, one.row * steps, (one.row + 1) * steps)
        })
    }

    /// The sequences of a group by their positions along an axis; of values per row, those of the first axis.
    fn in_order<'a>(
        &'a self,
        group: &'a RowGroup,
        axis: Axis,
    ) -> impl Fn(usize) -> &'a Sequence + Copy + use<'a> {
        let (sequences, order) = (&self.sequences[group.rows.clone()], group.axes().order(axis));
        let other = self.other(axis).map(|steps| &steps.sequences);
        move |position| {
            let first = &sequences[order.map_or(position, |order| order[position])];
            other.map_or(first, |sequences| &sequences[first.row])
        }
    }

    /// The valid steps of an axis of sequences.
    fn valid(&self, axis: Axis) -> &ValidSteps {
        self.other(axis).map_or(&self.valid, |steps| &steps.valid)
    }

    fn other(&self, axis: Axis) -> Option<&AxisSteps> {
        match axis {
            Axis::Row | Axis::Sequence(0) => None,
            Axis::Sequence(number) => Some(&self.others[number - 1]),
        }
    }

    /// The number of steps of an axis; 1 for values per row.
    pub fn steps_of(&self, axis: Axis) -> usize {
        match axis {
            Axis::Row => 1,
            Axis::Sequence(0) => self.steps,
            Axis::Sequence(number) => self.others[number - 1].steps,
        }
    }

    /// The number of positions of an array along an axis.
    pub fn count(&self, axis: Axis) -> usize {
        self.rows * self.steps_of(axis)
    }

    /// The number of axes of sequences.
    pub fn axes(&self) -> usize {
        1 + self.others.len()
    }

    /// The valid steps of all sequences along an axis.
    pub fn total(&self, axis: Axis) -> usize {
        self.groups.iter().map(|group| group.axes().of(axis).total()).sum()
    }

    /// Appends the rows of a group from (N, T, width) or (N, width). Padding and masked steps are never read. It pauses.
    pub fn pack<T: Copy>(&self, group: &RowGroup, axis: Axis, data: &[T], width: usize, packed: &mut Vec<T>) {
        let geometry = group.axes().of(axis);
        let (before, elements) = (packed.len(), geometry.total() * width);
        make_room(packed, elements);
        // SAFETY: there is room for all packed rows, and each of them is written.
        unsafe {
            self.pack_steps(group, axis, 0..geometry.steps(), data, width, packed.as_mut_ptr().add(before));
            packed.set_len(before + elements);
        }
    }

    /// Writes the rows of some steps of a group to their places among all packed rows, which begin at `packed`. It pauses.
    ///
    /// # Safety
    /// All packed rows of the group are writable, and nothing else reads or writes those of these steps.
    pub unsafe fn pack_steps<T: Copy>(
        &self,
        group: &RowGroup,
        axis: Axis,
        steps: Range<usize>,
        data: &[T],
        width: usize,
        packed: *mut T,
    ) {
        let mut pauses = Pauses::default();
        self.each_row(group, axis, steps, |row, place| {
            let values = &data[place * width..(place + 1) * width];
            // SAFETY: the caller's guarantee; this is one of the packed rows.
            unsafe { packed.add(row * width).copy_from_nonoverlapping(values.as_ptr(), width) };
            pauses.after(width);
        });
    }

    /// `pack` for every group, each into its own vector. Large arrays are copied by several threads. It pauses.
    pub fn pack_groups<T: Float>(
        &self,
        axis: Axis,
        data: &[T],
        width: usize,
        packed: &[Mutex<Vec<T>>],
    ) -> Result<(), NetError> {
        let lanes = team::lanes_to_copy(data.len());
        let one = |group: usize, _| {
            self.pack(&self.groups[group], axis, data, width, &mut lock(&packed[group]));
        };
        Ok(team::run_nested(lanes, self.groups.len(), &one)?)
    }

    /// Appends the ids of a group, converted to the number type. Each id is checked against `limit`. It pauses.
    pub fn pack_ids<T: Float>(
        &self,
        group: &RowGroup,
        axis: Axis,
        ids: &[i64],
        (what, limit): (&str, usize),
        packed: &mut Vec<T>,
    ) -> Result<(), NetError> {
        let mut pauses = Pauses::default();
        for place in self.places(group, axis) {
            pauses.after(1);
            packed.push(match ids[place] {
                id if (0..limit as i64).contains(&id) => T::from_f64(id as f64),
                id => {
                    let at = match axis {
                        Axis::Sequence(_) => {
                            let steps = self.steps_of(axis);
                            format!("{}, {}", place / steps, place % steps)
                        }
                        Axis::Row => place.to_string(),
                    };
                    let text = format!("{what}[{at}] is {id}; expected an id from 0 to {}", limit - 1);
                    return Err(NetError::Config(text));
                }
            });
        }
        Ok(())
    }

    /// For each sequence of a group, whether it ends its row. The other sequences produce no value of the row.
    pub fn ends<'a>(&'a self, group: &'a RowGroup) -> impl Iterator<Item = bool> + 'a {
        self.sequences[group.rows.clone()].iter().map(|sequence| sequence.tail)
    }

    /// Copies the rows of a group from (N, width) in the order of an axis: initial states, or gradients of final states.
    /// Sequences that neither start nor end a caller's row keep their entries of `packed`.
    pub fn pack_state<T: Float>(
        &self,
        (group, axis): (&RowGroup, Axis),
        data: &[T],
        width: usize,
        end: End,
        packed: &mut [T],
    ) {
        for (position, row) in self.rows_at(group, axis, end) {
            packed[position * width..][..width].copy_from_slice(&data[row * width..][..width]);
        }
    }

    /// Writes the rows of a group to their positions in (N, width).
    pub fn unpack_state<T: Copy>(
        &self,
        (group, axis): (&RowGroup, Axis),
        values: &[T],
        width: usize,
        end: End,
        data: &mut [T],
    ) {
        for (position, row) in self.rows_at(group, axis, end) {
            data[row * width..][..width].copy_from_slice(&values[position * width..][..width]);
        }
    }

    /// The sequences of a group that start or end a caller's row, each with the number of that row.
    fn rows_at<'a>(
        &'a self,
        group: &'a RowGroup,
        axis: Axis,
        end: End,
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let sequence = self.in_order(group, axis);
        let sequences = (0..group.rows.len()).map(move |position| (position, sequence(position)));
        let at = move |sequence: &Sequence| if end == End::Initial { sequence.head } else { sequence.tail };
        sequences
            .filter(move |(_, sequence)| at(sequence))
            .map(|(position, sequence)| (position, sequence.row))
    }
}

/// The initial or the final states of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Initial,
    Final,
}

fn check_flags(what: &str, flags: Option<&[bool]>, count: usize) -> Result<(), NetError> {
    flags.map_or(Ok(()), |flags| expect_len(what, flags.len(), count))
}

fn check_lengths(rows: usize, steps: usize, lengths: Option<&[i64]>) -> Result<(), NetError> {
    let Some(lengths) = lengths else { return Ok(()) };
    if lengths.len() != rows {
        return Err(NetError::Shape(format!("lengths has {} entries; expected {rows}", lengths.len())));
    }
    let valid = |&length: &i64| usize::try_from(length).is_ok_and(|length| length <= steps);
    match lengths.iter().position(|length| !valid(length)) {
        Some(row) => {
            Err(NetError::Shape(format!("lengths[{row}] is {}; expected 0 to {steps}", lengths[row])))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_depend_on_the_batch_alone() {
        for (rows, groups) in [(0, 0), (1, 1), (7, 1), (8, 2), (32, 2), (33, 3), (128, 8)] {
            assert_eq!(Batch::new(rows, 5, Extent::default()).unwrap().groups.len(), groups, "{rows} rows");
        }
    }

    #[test]
    fn lengths_out_of_range_are_named() {
        for lengths in [[1, 5], [-1, 2]] {
            let extent = Extent { lengths: Some(&lengths), ..Extent::default() };
            assert!(
                matches!(Batch::new(2, 4, extent), Err(NetError::Shape(text)) if text.contains("lengths["))
            );
        }
    }

    #[test]
    fn packing_ends_soon_when_its_call_is_interrupted() {
        let (rows, steps, width) = (2, 4096, 64);
        let batch = Batch::new(rows, steps, Extent::default()).unwrap();
        let data = vec![1.0; rows * steps * width];
        let packed = || batch.groups.iter().map(|_| Mutex::new(Vec::new())).collect::<Packed<f32>>();
        let all = |packed: &Packed<f32>| packed.iter().map(|one| lock(one).len()).sum::<usize>();
        for after in 1..=3 {
            let mut polls = 0;
            let mut poll = || {
                polls += 1;
                polls == after
            };
            let of_floats = packed();
            let pack = || batch.pack_groups(Axis::FIRST, &data, width, &of_floats);
            assert_eq!(team::alone(pack, &mut poll).unwrap_err(), team::Stop::Cancelled);
            assert!(all(&of_floats) < data.len(), "after {after} polls");
        }
        let mut packed = Vec::new();
        let ids = vec![0; 1 << 18];
        let long = Batch::new(1, ids.len(), Extent::default()).unwrap();
        let pack = || long.pack_ids::<f32>(&long.groups[0], Axis::FIRST, &ids, ("x", 1), &mut packed);
        assert_eq!(team::alone(pack, &mut || true).unwrap_err(), team::Stop::Cancelled);
        assert!(packed.len() < ids.len());
    }

    #[test]
    fn a_reset_ends_a_sequence_and_begins_another() {
        // row 0 restarts at step 2, row 1 at steps 0 and 3; the resets beyond the length of row 2 are not read
        let resets = [[0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]].map(|row| row.map(|x| x == 1)).concat();
        let extent = Extent { lengths: Some(&[4, 4, 1]), resets: Some(&resets), ..Extent::default() };
        let batch = Batch::new(3, 4, extent).unwrap();
        let found: Vec<_> =
            batch.sequences.iter().map(|s| (s.row, s.first, s.length, s.head, s.tail)).collect();
        let expected = [
            (1, 0, 3, false, false),
            (0, 0, 2, true, false),
            (0, 2, 2, false, true),
            (1, 3, 1, false, true),
            (2, 0, 1, true, true),
        ];
        assert_eq!(found, expected);
        let group = &batch.groups[0];
        for (end, expected) in
            [(End::Initial, [0.0, 1.0, 0.0, 0.0, 3.0]), (End::Final, [0.0, 0.0, 1.0, 2.0, 3.0])]
        {
            let mut packed = [0.0; 5];
            batch.pack_state((group, Axis::FIRST), &[1.0, 2.0, 3.0], 1, end, &mut packed);
            assert_eq!(packed, expected);
        }
    }
}
