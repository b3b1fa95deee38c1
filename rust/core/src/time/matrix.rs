//! States that are matrices, along a block of time: each row of the batch goes through all steps of the block.

use crate::kernel::{Float, MOST_READS, MatrixBack, MatrixSteps, Track};
use crate::plan::{Class, MatrixOp, Ref};

use super::memory::{first_mark, watched_mark};
use super::runner::Runner;

impl<T: Float> Runner<'_, T> {
    /// Runs the steps that the buffers point to.
    pub(super) fn matrix(&self, op: &MatrixOp) {
        let (from, to) = self.steps;
        let alive = self.geometry.alive(from);
        let rows = self.geometry.offset[to] - self.geometry.offset[from];
        self.in_parts(rows * op.work(), alive, 1, &|part, rows| {
            rows.for_each(|row| self.matrix_of_row(op, part, row));
        });
    }

    fn matrix_of_row(&self, op: &MatrixOp, part: usize, row: usize) {
        let (from, to) = self.steps;
        let steps = self.geometry.lengths[row].min(to) - from;
        let track = |place: Ref| self.track(place, row);
        let mut vectors = [track(op.key); MOST_READS];
        vectors.iter_mut().zip(&op.vectors).for_each(|(vector, &place)| *vector = track(place));
        let sequence = MatrixSteps {
            lines: op.lines,
            cols: op.cols,
            rows: &self.geometry.offset[from..from + steps],
            first_row: self.geometry.offset[from],
            factor: track(op.factor),
            factor_by_line: op.factor.numel > 1,
            write: track(op.write),
            key: track(op.key),
            rate: track(op.rate.unwrap_or(op.factor)),
            rate_by_line: op.rate.is_some_and(|rate| rate.numel > 1),
            has_rate: op.rate.is_some(),
            vectors,
            before: op.before,
            after: op.vectors.len() - op.before,
            reads: track(op.reads),
        };
        let numel = op.lines * op.cols;
        let Some(pair) = self.binding.carry[op.state] else {
            unreachable!("a state that is a matrix is carried")
        };
        // SAFETY: the carries hold the matrices of all rows.
        let [carry, other] = pair.map(|carry| unsafe { carry.add(row * numel) });
        let mark = op.marks.map(|buffer| {
            let first = first_mark(self.geometry, from, self.steps_per_block);
            // SAFETY: the marks of a block hold the rows that are alive at its start.
            unsafe { self.binding.base[buffer].add((first + row) * numel) }
        });
        // SAFETY: every operand has the rows of the steps; the scratch of a thread is as long as `matrix_scratch`.
        unsafe {
            match (op.gradients, mark) {
                (Some(gradients), Some(mark)) => {
                    let back = MatrixBack {
                        start: mark.cast_const(),
                        carry,
                        d_reads: track(op.reads),
                        gradients: track(gradients),
                        scratch: self.binding.matrices.add(part * self.binding.layout.matrix),
                    };
                    (self.kernels.matrix_back)(&sequence, &back);
                }
                (_, mark) => {
                    let mut sequence = sequence;
                    if let Some(mark) = mark {
                        mark.copy_from_nonoverlapping(carry.cast_const(), numel);
                        if let Some(stop) = self.watch.and_then(|watch| watch.checked_sub(from)) {
                            let (start, rest) = sequence.rows.split_at(stop.min(steps));
                            let part = MatrixSteps { rows: start, ..sequence };
                            (self.kernels.matrix_forward)(&part, carry.cast_const(), carry);
                            let watched = watched_mark(self.geometry) + row;
                            let place = op.marks.map(|buffer| self.binding.base[buffer].add(watched * numel));
                            place
                                .iter()
                                .for_each(|to| to.copy_from_nonoverlapping(carry.cast_const(), numel));
                            sequence.rows = rest;
                        }
                    }
                    // a repeated pass of one step leaves the state where its owner reads it
                    let end = if self.is_fixed() { other } else { carry };
                    (self.kernels.matrix_forward)(&sequence, carry.cast_const(), end);
                }
            }
        }
    }

    /// A value of one row along the steps that the buffers point to.
    fn track(&self, place: Ref, row: usize) -> Track<T> {
        let stride = match self.pass.buffers[place.buffer].class {
            Class::Fold(_) => 0,
            _ => self.binding.stride[place.buffer],
        };
        Track { ptr: self.at(place).wrapping_add(row * stride).cast_const(), row: stride }
    }
}
