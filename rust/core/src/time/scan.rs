//! Scans: states with a linear, element-wise recurrence, computed along a whole block of time.

use std::ops::Range;

use crate::kernel::{Along, Float, ScanState};
use crate::plan::{Class, Ref, Scan};

use super::runner::Runner;

/// The cost of one element of a state in multiplications: it is read and written in memory that is often not in a cache.
const SCAN_COST: usize = 4;

/// Consecutive steps with the same rows alive, in the order in which they run.
struct Stretch {
    /// The step that runs first, and its first packed row, relative to the rows that the buffers point to.
    first: usize,
    row: usize,
    steps: usize,
    alive: usize,
}

impl<T: Float> Runner<'_, T> {
    /// Runs a scan over the steps that the buffers point to.
    pub(super) fn scan(&mut self, scan: &Scan) {
        let (from, to) = self.steps;
        let width = self.pass.states[scan.states[0].state].1;
        let elements = (self.geometry.offset[to] - self.geometry.offset[from]) * width;
        self.in_parts(elements * scan.states.len() * SCAN_COST, width, self.kernels.lanes, &|_, columns| {
            self.scan_columns(scan, columns);
        });
        for number in 0..self.binding.base.len() {
            if let Class::HistoryPrev(state) = self.pass.buffers[number].class
                && scan.states.iter().any(|one| one.state == state)
            {
                // SAFETY: the history of the state is written up to the block's end.
                self.binding.here[number] = unsafe { self.previous_rows(number, from, to) };
            }
        }
    }

    /// Some columns of a scan. A state is in memory only between two stretches.
    fn scan_columns(&self, scan: &Scan, columns: Range<usize>) {
        let (from, to) = self.steps;
        let mut done = 0;
        while done < to - from {
            let stretch = self.stretch(from, to, done);
            let states: [Option<ScanState<T>>; 2] =
                [0, 1].map(|k| scan.states.get(k).map(|_| self.scan_state(scan, k, &stretch, columns.start)));
            let width = columns.len();
            // SAFETY: every operand has the rows of each step of the stretch, `width` columns of them; the memory of the
            // states has all rows of the group.
            unsafe {
                match states {
                    [Some(one), Some(two)] => {
                        (self.kernels.scan)(stretch.steps, stretch.alive, width, &[one, two]);
                    }
                    [Some(one), None] => (self.kernels.scan)(stretch.steps, stretch.alive, width, &[one]),
                    _ => {}
                }
            }
            done += stretch.steps;
        }
    }

    /// The stretch after the first `done` of the steps `from..to`.
    fn stretch(&self, from: usize, to: usize, done: usize) -> Stretch {
        let geometry = self.geometry;
        let step = |k: usize| if self.pass.reversed { to - 1 - k } else { from + k };
        let first = step(done);
        let alive = geometry.alive(first);
        let steps = (done..to - from).take_while(|&k| geometry.alive(step(k)) == alive).count();
        Stretch { first, row: geometry.offset[first] - geometry.offset[from], steps, alive }
    }

    /// The addresses of state `k` and its operands, starting at a column.
    fn scan_state(&self, scan: &Scan, k: usize, stretch: &Stretch, column: usize) -> ScanState<T> {
        let one = &scan.states[k];
        let (class, width) = self.pass.states[one.state];
        let (start, end) = match (class, self.binding.carry[one.state], one.update) {
            (Class::History(_), _, Some(update)) => {
                let rows = self.geometry.rows + self.geometry.offset[self.steps.0];
                let back = rows - self.geometry.previous(stretch.first).min(rows);
                let on = self.geometry.previous(stretch.first).saturating_sub(rows);
                // SAFETY: a history starts with the initial rows; the rows of the previous step lie `back` rows before the
                // block's first row or `on` rows after it.
                let start = unsafe { self.binding.here[update.buffer].add(on * width).sub(back * width) };
                (start, std::ptr::null_mut())
            }
            // a repeated pass of one step leaves the state where its owner reads it
            (_, Some(pair), _) => (pair[0], pair[usize::from(self.is_fixed())]),
            _ => unreachable!("a state of a scan is a history or carried"),
        };
        let along = |place: Option<Ref>| {
            let along = self.along(place, stretch);
            // a missing operand stays null: the kernel recognizes it by the address
            Along { ptr: if place.is_some() { along.ptr.wrapping_add(column) } else { along.ptr }, ..along }
        };
        let factor = |j: usize| along(one.factors.get(j).copied().flatten());
        ScanState {
            start: start.wrapping_add(column),
            start_row: width,
            end: if end.is_null() { end } else { end.wrapping_add(column) },
            shift: along(one.shift),
            factors: [factor(0), factor(1)],
            rest: along(one.rest),
            seen: along(one.seen),
            update: along(one.update),
        }
    }

    fn along(&self, place: Option<Ref>, stretch: &Stretch) -> Along<T> {
        let Some(place) = place else {
            return Along { ptr: std::ptr::null(), step: 0, row: 0 };
        };
        let row = self.binding.stride[place.buffer];
        if let Class::Fold(_) = self.pass.buffers[place.buffer].class {
            return Along { ptr: self.at(place), step: 0, row: 0 };
        }
        let step = (stretch.alive * row) as isize;
        Along {
            // SAFETY: the stretch starts at a row of the block, which the buffer has.
            ptr: unsafe { self.at(place).add(stretch.row * row) },
            step: if self.pass.reversed { -step } else { step },
            row,
        }
    }
}
