//! An array in the caller's order that units fill while they run, each with its own rows.

use crate::time::{SeqView, reserve};

use super::batch::Batch;
use super::pool::Pooled;

/// An array (N, T, width) without values yet. Units write at the same time, as no two have a place in common.
pub struct Filling<T> {
    /// Of length 0, with room for all.
    room: Vec<T>,
    start: *mut T,
    width: usize,
}

// SAFETY: through a shared reference only `put` writes, and its caller answers for the rows.
unsafe impl<T: Send> Sync for Filling<T> {}

impl<T: Pooled> Filling<T> {
    pub fn new(batch: &Batch, width: usize) -> Filling<T> {
        let mut room = Vec::new();
        reserve(&mut room, batch.rows * batch.steps * width);
        let start = room.as_mut_ptr();
        Filling { room, start, width }
    }

    /// Writes the packed rows of a unit to their places, and zeros beyond their ends.
    ///
    /// # Safety
    /// The array is of this batch, the view has the rows of this unit of it, and nobody else puts the same unit meanwhile.
    pub unsafe fn put(&self, batch: &Batch, unit: usize, packed: SeqView<T>) {
        assert_eq!(packed.width, self.width);
        let (unit, width) = (&batch.units[unit], self.width);
        for (row, place) in batch.places(unit).enumerate() {
            // SAFETY: the caller's promise; a place is below N T.
            unsafe {
                self.start
                    .add(place * width)
                    .copy_from_nonoverlapping(packed.ptr.add(row * packed.stride), width);
            }
        }
        for padding in batch.padding(unit) {
            // SAFETY: the same; the padding of a row is that of one unit.
            unsafe { self.start.add(padding.start * width).write_bytes(0, padding.len() * width) };
        }
    }

    /// The array.
    ///
    /// # Safety
    /// All units of this batch were put.
    pub unsafe fn filled(mut self, batch: &Batch) -> Vec<T> {
        // SAFETY: the units of a batch have all valid steps, and the padding of all rows.
        unsafe { self.room.set_len(batch.rows * batch.steps * self.width) };
        self.room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::batch::Extent;

    #[test]
    fn what_was_packed_comes_back_and_everything_else_is_zero() {
        let resets = [[0, 0, 1, 0], [0; 4], [0, 1, 0, 1], [1; 4]].map(|row| row.map(|x| x == 1)).concat();
        for resets in [None, Some(&resets[..])] {
            let extent = Extent { lengths: Some(&[2, 0, 4, 1]), resets, ..Extent::default() };
            let batch = Batch::new(4, 4, extent).unwrap();
            let data: Vec<f32> = (1..=4 * 4 * 2).map(|x| x as f32).collect();
            let back = Filling::<f32>::new(&batch, 2);
            // SAFETY: there is room for as many; this is what memory may hold
            (0..data.len()).for_each(|at| unsafe { back.start.add(at).write(f32::NAN) });
            for (number, unit) in batch.units.iter().enumerate() {
                let mut packed = Vec::new();
                batch.pack(unit, &data, 2, &mut packed);
                // SAFETY: the view has the rows of the unit, and nobody else puts anything.
                unsafe { back.put(&batch, number, SeqView::of(&packed, 2)) };
            }
            let expected: Vec<f32> = (data.iter().enumerate())
                .map(|(at, &x)| if at / 2 % 4 < [2, 0, 4, 1][at / 8] { x } else { 0.0 })
                .collect();
            // SAFETY: all units were put.
            assert_eq!(unsafe { back.filled(&batch) }, expected);
        }
    }
}
