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
        if scan.moved != 0 {
            self.move_along(scan, width);
        }
        if scan.moved == 0 {
            let elements = (self.geometry.offset[to] - self.geometry.offset[from]) * width;
            self.in_parts(
                elements * scan.states.len() * SCAN_COST,
                width,
                self.kernels.lanes,
                &|_, columns| {
                    self.scan_columns(scan, columns);
                },
            );
        }
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

    /// Runs a delay line. It only copies and adds, so one thread does all of it.
    fn move_along(&self, scan: &Scan, width: usize) {
        let (from, to) = self.steps;
        let is_new = scan.states[0].rest.is_some_and(|rest| rest.numel < width);
        let mut done = 0;
        while done < to - from {
            let stretch = self.stretch(from, to, done);
            let state = self.scan_state(scan, 0, &stretch, 0);
            for row in 0..stretch.alive {
                // SAFETY: every operand has this row at each step of the stretch, `width` columns of it; the memory of the
                // state has all rows of the group.
                unsafe { move_row(&state, (scan.moved, is_new), (stretch.steps, row, width)) };
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

/// `s'[c] = (s + shift)[c - moved] + rest[c]` for one row, step after step; elements from beyond the ends are 0.
/// If `is_new`, the rest has the elements from beyond the ends alone.
///
/// # Safety
/// The operands have row `row` at each of the steps, `width` elements of it.
unsafe fn move_row<T: Float>(
    state: &ScanState<T>,
    (moved, is_new): (isize, bool),
    (steps, row, width): (usize, usize, usize),
) {
    let (fresh, kept) = (moved.unsigned_abs(), width - moved.unsigned_abs());
    // where the elements that stay are read and written, and the place of the new ones
    let (read, written, new) = if moved > 0 { (0, fresh, 0) } else { (fresh, 0, kept) };
    let (start, end) =
        (state.start.wrapping_add(row * state.start_row), state.end.wrapping_add(row * state.start_row));
    let mut from = start;
    for t in 0..steps as isize {
        let at = |along: &Along<T>| match along.ptr.is_null() {
            true => along.ptr,
            false => along.ptr.wrapping_offset(t * along.step).wrapping_add(row * along.row),
        };
        let (shift, rest) = (at(&state.shift), at(&state.rest));
        let (seen, update) = (at(&state.seen).cast_mut(), at(&state.update).cast_mut());
        // SAFETY: column c is below `width`.
        let value = |c: usize| unsafe {
            let value = from.add(c).read();
            if shift.is_null() { value } else { value + shift.add(c).read() }
        };
        if !seen.is_null() {
            if shift.is_null() {
                // SAFETY: as above; what is seen has a place of its own.
                unsafe { seen.copy_from_nonoverlapping(from, width) };
            } else {
                // SAFETY: as above.
                (0..width).for_each(|c| unsafe { seen.add(c).write(value(c)) });
            }
        }
        let to = if update.is_null() { end } else { update };
        if is_new && shift.is_null() {
            // SAFETY: as above; the elements that stay may overlap their new places.
            unsafe {
                to.add(written).copy_from(from.add(read), kept);
                to.add(new).copy_from_nonoverlapping(rest, fresh);
            }
            from = to;
            continue;
        }
        let next = |c: usize| {
            // SAFETY: as above; the columns from the other end on are read before they are written.
            unsafe {
                if is_new {
                    let before = c.wrapping_add_signed(-moved);
                    let next = if before < width { value(before) } else { rest.add(c - new).read() };
                    to.add(c).write(next);
                    return;
                }
                let rest = if rest.is_null() { T::ZERO } else { rest.add(c).read() };
                let next = match c.checked_add_signed(-moved).filter(|&before| before < width) {
                    Some(before) => value(before) + rest,
                    None => rest,
                };
                to.add(c).write(next);
            }
        };
        match moved > 0 {
            true => (0..width).rev().for_each(next),
            false => (0..width).for_each(next),
        }
        from = to;
    }
    if !state.end.is_null() && !std::ptr::eq(from, end) {
        // SAFETY: both are a row of the state.
        unsafe { end.copy_from(from, width) };
    }
}
