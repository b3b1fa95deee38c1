//! An array in the caller's order. Row groups fill it while they run, each group its own rows.

use std::ops::Range;

use crate::kernel::Float;
use crate::memory::{reserve, zeros};
use crate::team::Pauses;
use crate::time::SeqView;

use super::super::graph::Axis;
use super::row_groups::Batch;

/// An array (N, T, width) or (N, width), initially without values. Groups write concurrently, because no two groups share a
/// position. Along rows, each sequence has its own position until the end: a row has one position for each of its resets.
pub struct OutputArray<T> {
    /// Of length 0, with capacity for all values.
    room: Vec<T>,
    start: *mut T,
    axis: Axis,
    width: usize,
}

// SAFETY: through a shared reference only `put` writes, and the caller of `put` guarantees disjoint rows.
unsafe impl<T: Send> Sync for OutputArray<T> {}

impl<T: Float> OutputArray<T> {
    pub fn new(batch: &Batch, axis: Axis, width: usize) -> OutputArray<T> {
        let mut room = Vec::new();
        reserve(&mut room, OutputArray::<T>::places(batch, axis) * width);
        let start = room.as_mut_ptr();
        OutputArray { room, start, axis, width }
    }

    fn places(batch: &Batch, axis: Axis) -> usize {
        match axis {
            Axis::Sequence(_) => batch.count(axis),
            Axis::Row => batch.sequences.len(),
        }
    }

    /// Writes all packed rows of a group to their positions, and zeros to their padding and masked steps. It pauses.
    ///
    /// # Safety
    /// The array belongs to this batch, the view has the rows of this group, and no other thread puts the same group at the
    /// same time.
    pub unsafe fn put(&self, batch: &Batch, group: usize, packed: SeqView<T>) {
        let steps = 0..batch.groups[group].axes().of(self.axis).steps();
        // SAFETY: the caller's guarantee.
        unsafe {
            self.put_steps(batch, group, steps, packed);
            self.put_padding(batch, group);
        }
    }

    /// Writes the packed rows of some steps of a group to their positions; for an array along rows, every row. It pauses.
    ///
    /// # Safety
    /// As `put`, for the rows of these steps.
    pub unsafe fn put_steps(&self, batch: &Batch, group: usize, steps: Range<usize>, packed: SeqView<T>) {
        // SAFETY: the caller's guarantee; the rows do not overlap.
        let copy = |from: *const T, to: *mut T, width| unsafe { to.copy_from_nonoverlapping(from, width) };
        // SAFETY: the caller's guarantee.
        unsafe { self.put_by(batch, group, steps, packed, copy) };
    }

    /// The same, as if the rows were added to zeros, which makes -0 a 0: a sum over pieces of time has the same bits.
    ///
    /// # Safety
    /// As `put`.
    pub unsafe fn put_sums(&self, batch: &Batch, group: usize, packed: SeqView<T>) {
        let add = |from: *const T, to: *mut T, width: usize| {
            for column in 0..width {
                // SAFETY: both rows have this column.
                unsafe { to.add(column).write(from.add(column).read() + T::ZERO) };
            }
        };
        let steps = 0..batch.groups[group].axes().of(self.axis).steps();
        // SAFETY: the caller's guarantee.
        unsafe {
            self.put_by(batch, group, steps, packed, add);
            self.put_padding(batch, group);
        }
    }

    /// `write` receives the addresses of a packed row and of its position, and the width of both.
    ///
    /// # Safety
    /// As `put_steps`.
    unsafe fn put_by(
        &self,
        batch: &Batch,
        group: usize,
        steps: Range<usize>,
        packed: SeqView<T>,
        write: impl Fn(*const T, *mut T, usize),
    ) {
        assert_eq!(packed.width, self.width);
        let (group, width) = (&batch.groups[group], self.width);
        // SAFETY: the caller's guarantee; a position is less than the number of positions.
        let copy = |row: usize, place: usize| unsafe {
            write(packed.ptr.add(row * packed.stride), self.start.add(place * width), width);
        };
        if self.axis == Axis::Row {
            return group.rows.clone().enumerate().for_each(|(row, place)| copy(row, place));
        }
        let mut pauses = Pauses::default();
        batch.each_row(group, self.axis, steps, |row, place| {
            copy(row, place);
            pauses.after(width);
        });
    }

    /// Writes zeros to the padding and the masked steps of a group. It pauses.
    ///
    /// # Safety
    /// The array belongs to this batch, and no other thread does the same for this group at the same time.
    pub unsafe fn put_padding(&self, batch: &Batch, group: usize) {
        if self.axis == Axis::Row {
            return; // no padding
        }
        let (group, width) = (&batch.groups[group], self.width);
        let mut pauses = Pauses::default();
        for padding in batch.padding(group, self.axis) {
            // SAFETY: the caller's guarantee; a position of the padding belongs to exactly one group.
            unsafe { self.start.add(padding.start * width).write_bytes(0, padding.len() * width) };
            pauses.after(padding.len() * width);
        }
    }

    /// The complete array. For a value per row, the value of the last sequence of each row.
    ///
    /// # Safety
    /// All groups of this batch were put.
    pub unsafe fn filled(self, batch: &Batch) -> Vec<T> {
        let last = |is_last: bool, row: &mut [T], values: &[T]| {
            if is_last {
                row.copy_from_slice(values);
            }
        };
        // SAFETY: the caller's guarantee.
        unsafe { self.complete(batch, last) }
    }

    /// The complete array. For a value per row, the sum over the sequences of each row, in an order that depends only on the
    /// row.
    ///
    /// # Safety
    /// As `filled`.
    pub unsafe fn summed(self, batch: &Batch) -> Vec<T> {
        let sum = |_, row: &mut [T], values: &[T]| row.iter_mut().zip(values).for_each(|(sum, x)| *sum += *x);
        // SAFETY: the caller's guarantee.
        unsafe { self.complete(batch, sum) }
    }

    /// The complete array. For a value per row, `join` receives whether a sequence is the last of its row, the values of the
    /// row, initially zeros, and those of the sequence.
    ///
    /// # Safety
    /// As `filled`.
    unsafe fn complete(mut self, batch: &Batch, join: impl Fn(bool, &mut [T], &[T])) -> Vec<T> {
        let (axis, width) = (self.axis, self.width);
        // SAFETY: together, the groups of a batch cover all steps of all rows, valid or not, or all sequences.
        unsafe { self.room.set_len(OutputArray::<T>::places(batch, axis) * width) };
        if axis.is_sequence() {
            return self.room;
        }
        let mut rows = zeros(batch.rows * width);
        for (sequence, values) in batch.sequences.iter().zip(self.room.chunks_exact(width.max(1))) {
            join(sequence.tail, &mut rows[sequence.row * width..][..width], values);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::row_groups::Extent;
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_everything_else_is_zero() {
        let flags = |rows: [[i32; 4]; 4]| rows.map(|row| row.map(|x| x == 1)).concat();
        let resets = flags([[0, 0, 1, 0], [0; 4], [0, 1, 0, 1], [1; 4]]);
        let masks = [
            flags([[1; 4]; 4]),
            flags([[0, 1, 1, 1], [1; 4], [1, 0, 0, 1], [1; 4]]),
            flags([[1, 0, 1, 1], [0; 4], [0, 1, 1, 0], [0; 4]]),
            flags([[0; 4]; 4]),
        ];
        let lengths = [2, 0, 4, 1];
        for resets in [None, Some(&resets[..])] {
            for mask in std::iter::once(None).chain(masks.iter().map(|mask| Some(&mask[..]))) {
                let extent = Extent { lengths: Some(&lengths), mask, resets, ..Extent::default() };
                let batch = Batch::new(4, 4, extent).unwrap();
                let data: Vec<f32> = (1..=4 * 4 * 2).map(|x| x as f32).collect();
                let back = OutputArray::<f32>::new(&batch, Axis::FIRST, 2);
                // SAFETY: the capacity is as large; uninitialized memory may hold such values
                (0..data.len()).for_each(|at| unsafe { back.start.add(at).write(f32::NAN) });
                for (number, group) in batch.groups.iter().enumerate() {
                    let mut packed = Vec::new();
                    batch.pack(group, Axis::FIRST, &data, 2, &mut packed);
                    // SAFETY: the view has the rows of the group, and nothing else puts anything.
                    unsafe { back.put(&batch, number, SeqView::of(&packed, 2)) };
                }
                let valid = |place: usize| {
                    (place % 4) < lengths[place / 4] as usize && mask.is_none_or(|mask| mask[place])
                };
                let expected: Vec<f32> =
                    data.iter().enumerate().map(|(at, &x)| if valid(at / 2) { x } else { 0.0 }).collect();
                // SAFETY: all groups were put.
                assert_eq!(unsafe { back.filled(&batch) }, expected);
            }
        }
    }
}
