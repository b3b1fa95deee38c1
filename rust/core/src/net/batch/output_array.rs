//! An array in the caller's order that row groups fill while they run, each with its own rows.

use crate::kernel::Float;
use crate::time::{SeqView, reserve};

use super::super::graph::Axis;
use super::row_groups::Batch;

/// An array (N, T, width), or (N, width), without values yet. Groups write at the same time, as no two have a place in
/// common. Along rows each sequence has a place of its own until the end: a row has one for each of its resets.
pub struct OutputArray<T> {
    /// Of length 0, with room for all.
    room: Vec<T>,
    start: *mut T,
    axis: Axis,
    width: usize,
}

// SAFETY: through a shared reference only `put` writes, and its caller answers for the rows.
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
            Axis::Time => batch.rows * batch.steps,
            Axis::Row => batch.sequences.len(),
        }
    }

    /// Writes the packed rows of a group to their places, and zeros beyond their ends.
    ///
    /// # Safety
    /// The array is of this batch, the view has the rows of this group of it, and nothing else puts the same group meanwhile.
    pub unsafe fn put(&self, batch: &Batch, group: usize, packed: SeqView<T>) {
        assert_eq!(packed.width, self.width);
        let (group, width) = (&batch.groups[group], self.width);
        // SAFETY: the caller's promise; a place is below the number of places.
        let copy = |row: usize, place: usize| unsafe {
            let from = packed.ptr.add(row * packed.stride);
            self.start.add(place * width).copy_from_nonoverlapping(from, width);
        };
        if self.axis == Axis::Row {
            return group.rows.clone().enumerate().for_each(|(row, place)| copy(row, place));
        }
        batch.places(group, Axis::Time).enumerate().for_each(|(row, place)| copy(row, place));
        for padding in batch.padding(group) {
            // SAFETY: the same; the padding of a row is that of one group.
            unsafe { self.start.add(padding.start * width).write_bytes(0, padding.len() * width) };
        }
    }

    /// The array; of a value of rows that of the last sequence of each.
    ///
    /// # Safety
    /// All groups of this batch were put.
    pub unsafe fn filled(mut self, batch: &Batch) -> Vec<T> {
        let (axis, width) = (self.axis, self.width);
        // SAFETY: the groups of a batch have all valid steps, and the padding of all rows; or all sequences.
        unsafe { self.room.set_len(OutputArray::<T>::places(batch, axis) * width) };
        if axis == Axis::Time {
            return self.room;
        }
        let mut rows = vec![T::ZERO; batch.rows * width];
        for (sequence, values) in batch.sequences.iter().zip(self.room.chunks_exact(width.max(1))) {
            if sequence.tail {
                rows[sequence.row * width..][..width].copy_from_slice(values);
            }
        }
        rows
    }

    /// The array; of a value of rows the sum over the sequences of each, in an order that the row alone decides.
    ///
    /// # Safety
    /// As `filled`.
    pub unsafe fn summed(mut self, batch: &Batch) -> Vec<T> {
        let (axis, width) = (self.axis, self.width);
        // SAFETY: as in `filled`.
        unsafe { self.room.set_len(OutputArray::<T>::places(batch, axis) * width) };
        if axis == Axis::Time {
            return self.room;
        }
        let mut rows = vec![T::ZERO; batch.rows * width];
        for (sequence, values) in batch.sequences.iter().zip(self.room.chunks_exact(width.max(1))) {
            let sum = rows[sequence.row * width..][..width].iter_mut();
            sum.zip(values).for_each(|(sum, x)| *sum += *x);
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
        let resets = [[0, 0, 1, 0], [0; 4], [0, 1, 0, 1], [1; 4]].map(|row| row.map(|x| x == 1)).concat();
        for resets in [None, Some(&resets[..])] {
            let extent = Extent { lengths: Some(&[2, 0, 4, 1]), resets, ..Extent::default() };
            let batch = Batch::new(4, 4, extent).unwrap();
            let data: Vec<f32> = (1..=4 * 4 * 2).map(|x| x as f32).collect();
            let back = OutputArray::<f32>::new(&batch, Axis::Time, 2);
            // SAFETY: there is room for as many; this is what memory may hold
            (0..data.len()).for_each(|at| unsafe { back.start.add(at).write(f32::NAN) });
            for (number, group) in batch.groups.iter().enumerate() {
                let mut packed = Vec::new();
                batch.pack(group, Axis::Time, &data, 2, &mut packed);
                // SAFETY: the view has the rows of the group, and nothing else puts anything.
                unsafe { back.put(&batch, number, SeqView::of(&packed, 2)) };
            }
            let expected: Vec<f32> = (data.iter().enumerate())
                .map(|(at, &x)| if at / 2 % 4 < [2, 0, 4, 1][at / 8] { x } else { 0.0 })
                .collect();
            // SAFETY: all groups were put.
            assert_eq!(unsafe { back.filled(&batch) }, expected);
        }
    }
}
