//! The entries of a memory: which each row has, and where their values are.

use crate::memory::{make_room, push, resized};

use super::Geometry;

/// The entries of the rows of a group on one entries axis. In memory, the entries of a row follow each other, and rows are in
/// the order of the layer that reads them, not of the memory's own axis.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    /// Where the entries of a row start in a value on entries; at the end, where those of all rows end.
    pub start: Vec<usize>,
    /// The number of entries of each row.
    pub lengths: Vec<usize>,
    /// Where the entries of a row start in a memory. Rows may share entries.
    pub in_memory: Vec<usize>,
    /// The number of entries of the rows of all steps before a step; at the end, of all steps.
    pub step: Vec<usize>,
    /// The largest number of entries of a row.
    pub most: usize,
    /// For each entry, its packed row on the memory's axis.
    packed: Vec<usize>,
}

impl Entries {
    /// The entries of the rows of `time`: the steps of the sequences of `memory`. `place` is the position of a row among
    /// these sequences.
    pub fn new(time: &Geometry, memory: &Geometry, place: impl Fn(usize) -> usize) -> Entries {
        let mut entries = Entries { start: vec![0], step: vec![0], ..Entries::default() };
        for row in 0..time.rows {
            let position = place(row);
            let length = memory.lengths[position];
            make_room(&mut entries.packed, length);
            entries.packed.extend((0..length).map(|s| memory.offset[s] + position));
            entries.most = entries.most.max(length);
            push(&mut entries.lengths, length);
            push(&mut entries.in_memory, entries.start[row]);
            push(&mut entries.start, entries.packed.len());
        }
        let mut total = 0;
        for t in 0..time.steps() {
            total += entries.start[time.alive(t)];
            push(&mut entries.step, total);
        }
        entries
    }

    /// Room for `rows` rows of up to `most` entries, for a single step; `place` says which entries a row has.
    pub fn with_room(rows: usize, most: usize) -> Entries {
        let mut entries = Entries { most, step: vec![0, rows * most], ..Entries::default() };
        resized(&mut entries.lengths, rows, 0);
        resized(&mut entries.in_memory, rows, 0);
        (0..=rows).for_each(|row| push(&mut entries.start, row * most));
        entries
    }

    /// Whether there is room between the entries of one row and those of the next.
    pub fn is_apart(&self) -> bool {
        self.packed.is_empty()
    }

    /// Gives a row `length` entries of a memory, starting at `first`.
    pub fn place(&mut self, row: usize, first: usize, length: usize) {
        debug_assert!(length <= self.most);
        self.in_memory[row] = first;
        self.lengths[row] = length;
    }

    /// The number of entries of all rows, or the room for them.
    pub fn count(&self) -> usize {
        self.start.last().copied().unwrap_or(0)
    }

    /// The number of entries of the rows of all steps.
    pub fn total(&self) -> usize {
        self.step.last().copied().unwrap_or(0)
    }

    /// The entries in a history before those that step `t` reads: the initial values come first.
    pub fn previous(&self, t: usize) -> usize {
        if t == 0 { 0 } else { self.count() + self.step[t - 1] }
    }

    /// For each entry, its packed row on the memory's axis.
    pub fn packed(&self) -> &[usize] {
        &self.packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_follow_each_other_row_by_row() {
        // the rows of a group have 3, 1 and 1 steps, and 0, 2 and 1 entries
        let (time, memory) = (Geometry::new(vec![3, 1, 1]), Geometry::new(vec![2, 1, 0]));
        let entries = Entries::new(&time, &memory, |row| [2, 0, 1][row]);
        assert_eq!(entries.start, [0, 0, 2, 3]);
        assert_eq!(entries.packed(), [0, 2, 1]);
        assert_eq!(entries.step, [0, 3, 3, 3]);
        assert_eq!((entries.most, entries.count(), entries.total()), (2, 3, 3));
    }
}
