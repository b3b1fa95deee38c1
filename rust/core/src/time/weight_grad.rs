//! The gradients of parameters: sums over the rows of a block of time, after the last phase of the block. Threads of a
//! region share the elements of a sum, never its rows.

use std::sync::PoisonError;

use crate::kernel::Float;
use crate::plan::{Ref, SinkOp, SinkRun};

use super::function_call;
use super::runner::Runner;
use super::slot_gradients::SlotGradients;

/// The least number of rows of a gradient matrix for one thread: a multiple of most tiles.
const GRAIN: usize = 48;

/// The elements of a gradient. Threads write disjoint elements.
struct Target<T>(*mut T);

// SAFETY: the parts of a sink have no element in common, and the gradient is borrowed until all are done.
unsafe impl<T: Send> Sync for Target<T> {}

impl<T> Target<T> {
    fn at(&self, element: usize) -> *mut T {
        self.0.wrapping_add(element)
    }
}

impl<T: Float> Runner<'_, T> {
    /// Adds the contribution of `rows` rows to the gradient of a slot.
    pub(super) fn sink(&self, sink: &SinkOp, rows: usize, slots: &mut SlotGradients<T>) {
        let slot = slots.slot_mut(sink.slot);
        let target = Target(slot.as_mut_ptr());
        let place = |place: Ref| (self.at(place), self.binding.stride[place.buffer]);
        match sink.run {
            SinkRun::Called { p, x, s, d } => {
                let operand = |at: Ref| (self.at(at).cast_const(), self.binding.stride[at.buffer], at.numel);
                let operands = [p, x, s, d].map(operand);
                // SAFETY: each operand has `rows` rows here (the parameters one row, with a stride of 0).
                unsafe { function_call::gradient(self.pass.function.as_ref(), rows, &operands, slot) };
            }
            SinkRun::Outer { left, right, .. } if self.on_entries(left).is_some() => {
                self.outer_on_entries(left, right, slot);
            }
            SinkRun::Outer { left, right, lines } => {
                let (m, n) = (left.numel / lines, right.numel / lines);
                debug_assert_eq!(slot.len(), m * n);
                let (pieces, k) = self.pieces(&[left, right], lines, rows);
                let [lda, ldb] = [left, right].map(|operand| self.line_stride(operand, lines));
                self.in_parts(rows * lines * m * n, m, GRAIN, &|part, part_of_m| {
                    let ((a, next_a), (b, next_b)) = (place(left), place(right));
                    let mut scratch = self.products[part].lock().unwrap_or_else(PoisonError::into_inner);
                    for piece in 0..pieces {
                        // SAFETY: both operands have `pieces` pieces of `k` vectors here; the target is an m x n matrix, and
                        // this part is some of its rows.
                        unsafe {
                            let a = a.add(piece * next_a + part_of_m.start);
                            let (b, c) = (b.add(piece * next_b), target.at(part_of_m.start * n));
                            (self.kernels.gemm_tn)(part_of_m.len(), n, k, a, lda, b, ldb, c, n, &mut scratch);
                        }
                    }
                });
            }
            SinkRun::Sum(d) => {
                self.in_parts(rows * d.numel, d.numel, GRAIN, &|_, columns| {
                    let (from, stride) = place(d);
                    // SAFETY: `d` has `rows` rows of as many elements as the target.
                    unsafe {
                        let (from, to) = (from.add(columns.start), target.at(columns.start));
                        (self.kernels.col_sum)(rows, columns.len(), from, stride, to);
                    }
                });
            }
            SinkRun::Scatter { id, d } => {
                for row in 0..rows {
                    // SAFETY: ids were checked against the table when the input was packed; rows lie inside both buffers.
                    unsafe {
                        let ((ids, next_id), (from, stride)) = (place(id), place(d));
                        let index = ids.add(row * next_id).read().to_f64() as usize;
                        let from = from.add(row * stride);
                        let line = &mut slot[index * d.numel..(index + 1) * d.numel];
                        line.iter_mut().enumerate().for_each(|(column, sum)| *sum += from.add(column).read());
                    }
                }
            }
        }
    }

    /// The same sum over the entries of all rows, step by step: the entries of one step are contiguous.
    fn outer_on_entries(&self, left: Ref, right: Ref, slot: &mut [T]) {
        let (m, n) = (left.numel, right.numel);
        debug_assert_eq!(slot.len(), m * n);
        let target = Target(slot.as_mut_ptr());
        let stride = |place: Ref| self.binding.stride[place.buffer];
        let Some(entries) = self.on_entries(left) else { return };
        for t in self.steps.0..self.steps.1 {
            let rows = entries.start[self.geometry.alive(t)];
            self.in_parts(rows * m * n, m, GRAIN, &|part, lines| {
                let (a, b) = (self.at_step(left, t), self.at_step(right, t));
                let mut scratch = self.products[part].lock().unwrap_or_else(PoisonError::into_inner);
                // SAFETY: both operands have `rows` entries at this step; the target is an m x n matrix, and this part is some
                // of its rows.
                unsafe {
                    let (a, c) = (a.add(lines.start), target.at(lines.start * n));
                    let count = lines.len();
                    (self.kernels.gemm_tn)(
                        count,
                        n,
                        rows,
                        a,
                        stride(left),
                        b,
                        stride(right),
                        c,
                        n,
                        &mut scratch,
                    );
                }
            });
        }
    }
}
