//! Which rows have a valid step at which time, and where their values are in packed order.

use crate::memory::{push, reserve, resized};
use crate::team;

/// Steps between two cancellation points.
const PAUSE_EVERY: usize = 1 << 16;

/// The rows of a row group, sorted by length (longest first), packed by time: the packed rows of step `t` are `offset[t] ..
/// offset[t + 1]`, and row `b` of the group is packed row `offset[t] + b` while it is alive, that is, while its steps are
/// valid.
#[derive(Debug, Clone, Default)]
pub struct Geometry {
    /// All rows of the group, including those of length 0.
    pub rows: usize,
    pub lengths: Vec<usize>,
    pub offset: Vec<usize>,
    /// The caller's index of each row; empty means identity.
    callers: Vec<usize>,
    /// The caller's step at which each row starts; empty means 0.
    begins: Vec<usize>,
    /// The step of the whole sequences that is step 0 here: a piece of time may start later.
    pub start: usize,
}

impl Geometry {
    /// `lengths` must be sorted, longest first.
    pub fn new(lengths: Vec<usize>) -> Geometry {
        let mut geometry = Geometry { lengths, ..Geometry::default() };
        geometry.settle();
        geometry
    }

    /// Replaces the rows and reuses the memory. Each row is (its length, longest first; the caller's row; the caller's step
    /// at which it starts).
    pub fn renew(&mut self, rows: impl Iterator<Item = (usize, usize, usize)>) {
        let Geometry { lengths, callers, begins, .. } = self;
        lengths.clear();
        callers.clear();
        begins.clear();
        for (length, caller, begin) in rows {
            push(lengths, length);
            push(callers, caller);
            push(begins, begin);
        }
        self.start = 0;
        self.settle();
    }

    /// Computes the fields that follow from the lengths.
    fn settle(&mut self) {
        debug_assert!(self.lengths.is_sorted_by(|a, b| a >= b));
        self.rows = self.lengths.len();
        let steps = self.lengths.first().copied().unwrap_or(0);
        self.offset.clear();
        reserve(&mut self.offset, steps + 1);
        let mut alive = self.rows;
        let mut total = 0;
        self.offset.push(0);
        for t in 0..steps {
            if t % PAUSE_EVERY == 0 {
                team::pause();
            }
            while alive > 0 && self.lengths[alive - 1] <= t {
                alive -= 1;
            }
            total += alive;
            self.offset.push(total);
        }
    }

    /// The caller's index of a row; it addresses the noise.
    pub fn caller(&self, row: usize) -> usize {
        self.callers.get(row).copied().unwrap_or(row)
    }

    /// The caller's step of a packed row, and its row index in the group.
    pub fn place(&self, packed: usize) -> (usize, usize) {
        let t = self.offset.partition_point(|&offset| offset <= packed) - 1;
        let row = packed - self.offset[t];
        (self.begins.get(row).copied().unwrap_or(0) + self.start + t, row)
    }

    /// The steps `from..to` alone. All rows stay; rows that ended before have length 0 in the piece.
    ///
    /// The packed rows of the piece are the packed rows starting at `offset[from]`.
    pub fn piece(&self, from: usize, to: usize) -> Geometry {
        let mut piece = Geometry::default();
        self.piece_into(from, to, &mut piece);
        piece
    }

    /// The same, in existing memory.
    pub fn piece_into(&self, from: usize, to: usize, piece: &mut Geometry) {
        piece.lengths.clear();
        piece.lengths.extend(self.lengths.iter().map(|&length| length.min(to).saturating_sub(from)));
        piece.callers.clone_from(&self.callers);
        piece.begins.clone_from(&self.begins);
        piece.start = self.start + from;
        piece.settle();
    }

    /// The first packed row of step `t`; beyond the last step, the number of packed rows.
    pub fn first_row(&self, t: usize) -> usize {
        self.offset[t.min(self.steps())]
    }

    pub fn steps(&self) -> usize {
        self.offset.len() - 1
    }

    /// The number of packed rows of all steps.
    pub fn total(&self) -> usize {
        self.offset[self.steps()]
    }

    pub fn alive(&self, t: usize) -> usize {
        self.offset[t + 1] - self.offset[t]
    }

    /// The row of a history that holds the state that step `t` reads: the initial values come first.
    pub fn previous(&self, t: usize) -> usize {
        if t == 0 { 0 } else { self.rows + self.offset[t - 1] }
    }

    /// Whether the states that the steps `from..to` read are contiguous in a history.
    pub fn is_dense(&self, from: usize, to: usize) -> bool {
        let start = self.previous(from);
        (from..to).all(|t| self.previous(t) == start + self.offset[t] - self.offset[from])
    }

    /// For each packed row, the packed row of the same sequence at the mirrored time.
    pub fn mirror(&self) -> Vec<usize> {
        let mut mirror = Vec::new();
        self.mirror_into(&mut mirror);
        mirror
    }

    /// The same, in existing memory.
    pub fn mirror_into(&self, mirror: &mut Vec<usize>) {
        mirror.clear();
        resized(mirror, self.total(), 0);
        for t in 0..self.steps() {
            for b in 0..self.alive(t) {
                mirror[self.offset[t] + b] = self.offset[self.lengths[b] - 1 - t] + b;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_alive_are_a_prefix_and_zero_lengths_never_live() {
        let geometry = Geometry::new(vec![3, 3, 1, 0]);
        assert_eq!(geometry.offset, [0, 3, 5, 7]);
        assert_eq!((geometry.rows, geometry.steps(), geometry.total()), (4, 3, 7));
        assert!(!geometry.is_dense(0, 2));
        assert_eq!(geometry.mirror(), [5, 6, 2, 3, 4, 0, 1]);
        assert_eq!([0, 2, 3, 6].map(|packed| geometry.place(packed)), [(0, 0), (0, 2), (1, 0), (2, 1)]);
    }

    #[test]
    fn equal_lengths_are_dense() {
        let geometry = Geometry::new(vec![4, 4]);
        assert!(geometry.is_dense(0, 4) && geometry.is_dense(1, 3));
    }

    #[test]
    fn a_piece_holds_the_rows_of_its_steps_in_their_order() {
        let whole = Geometry::new(vec![5, 3, 1, 0]);
        let piece = whole.piece(1, 4);
        assert_eq!((&piece.lengths[..], piece.rows, piece.start), (&[3, 2, 0, 0][..], 4, 1));
        assert_eq!(piece.total(), whole.first_row(4) - whole.first_row(1));
        assert_eq!((piece.piece(1, 3).start, piece.piece(7, 9).total()), (2, 0));
        assert_eq!((whole.piece(0, 5).offset, whole.first_row(9)), (whole.offset.clone(), whole.total()));
    }

    #[test]
    fn nothing_is_a_geometry_too() {
        assert_eq!(Geometry::new(vec![]).total(), 0);
        assert_eq!(Geometry::new(vec![0, 0]).steps(), 0);
    }
}
