//! Ops over the entries of a memory: for each row and step, over the row's own entries. An entry is to the kernels what a row is
//! elsewhere; a value of the row is a source that stays in place from entry to entry. Threads share rows, never the entries of
//! a row, and a row goes through its steps in one order: all sums have one order on any number of threads.

use std::ops::Range;
use std::sync::PoisonError;

use crate::kernel::{Dst, Float, Reduce, RowMap, Src};
use crate::plan::{Class, EntriesOp, Ref, WholeOp};
use crate::step::rows::Across;

use super::entries::Entries;
use super::entry_row::Row;
use super::row_ops::{self, Tile};
use super::runner::Runner;

impl<T: Float> Runner<'_, T> {
    /// Runs ops over the entries of all rows of the current step, or of a block of steps.
    pub(super) fn entries(&self, op: &EntriesOp) {
        let (entries, (from, to)) = (&self.entries[op.axis], self.steps);
        let alive = self.geometry.alive(from);
        let each = entries.start[alive] / alive.max(1) * (to - from);
        self.in_parts(alive * each * op.work(), alive, 1, &|part, rows| self.entries_of(op, part, rows));
    }

    /// The same for some rows of the group.
    fn entries_of(&self, op: &EntriesOp, part: usize, rows: Range<usize>) {
        let entries = &self.entries[op.axis];
        let (from, to) = self.steps;
        // each thread has its own, so the lock is free
        let mut row = self.binding.entry_rows[part].lock().unwrap_or_else(PoisonError::into_inner);
        for number in rows {
            row.count = entries.lengths[number];
            let steps = (from..to).take_while(|&t| self.geometry.alive(t) > number).count();
            for at in 0..steps {
                let t = from + if self.pass.reversed { steps - 1 - at } else { at };
                self.point_to_row(&mut row, part, t, number);
                // SAFETY: all buffers point to this row at this step, or to its entries.
                unsafe { self.row_of_entries(op, &mut row, part) };
            }
        }
    }

    /// Points every buffer to a row at a step: to the value of the row, or to its first entry.
    fn point_to_row(&self, row: &mut Row<T>, part: usize, t: usize, number: usize) {
        let binding = &self.binding;
        let packed = self.geometry.offset[t] - self.geometry.offset[self.steps.0] + number;
        for (buffer, of) in self.pass.buffers.iter().enumerate() {
            let (here, stride) = (binding.here[buffer], binding.stride[buffer]);
            // an address that no op reads may be anything
            (row.here[buffer], row.stride[buffer]) = {
                match (of.class, of.entries) {
                    (Class::Tile, _) => (here, stride),
                    (Class::RowEntries, _) => (here.wrapping_add(part * binding.layout.row_entries), stride),
                    (Class::Fold(_), _) => (here, 0),
                    (_, None) => (here.wrapping_add(packed * stride), 0),
                    (Class::Memory(_), Some(axis)) => {
                        (here.wrapping_add(self.entries[axis].in_memory[number] * stride), stride)
                    }
                    (_, Some(axis)) => {
                        let own = &self.entries[axis];
                        let first = own.start[number] + self.steps_before(of.class, own, t);
                        (here.wrapping_add(first * stride), stride)
                    }
                }
            };
        }
    }

    /// The entries between the ones that a buffer on entries points to, and those of step `t`.
    pub(super) fn steps_before(&self, class: Class, entries: &Entries, t: usize) -> usize {
        match class {
            Class::Memory(_) | Class::MemoryGradient(_) | Class::Step => 0,
            Class::CarryIn(_) | Class::CarryOut(_) => 0,
            Class::HistoryPrev(_) => entries.previous(t) - entries.previous(self.steps.0),
            _ => entries.step[t] - entries.step[self.steps.0],
        }
    }

    /// # Safety
    /// The buffers of `row` point to a row and its entries.
    unsafe fn row_of_entries(&self, op: &EntriesOp, row: &mut Row<T>, part: usize) {
        for &sum in &op.sums {
            // SAFETY: a sum has `numel` elements.
            unsafe { row.at(sum).write_bytes(0, sum.numel) };
        }
        let scratch = part * self.binding.layout.tile;
        for stage in &op.stages {
            let mut first = 0;
            while first < row.count {
                let rows = (row.count - first).min(self.pass.tile_rows);
                let tile = Tile {
                    pass: self.pass,
                    here: &row.here,
                    stride: &row.stride,
                    first,
                    rows,
                    packed: 0, // no noise is drawn for entries
                    ahead: 0,
                    geometry: self.geometry,
                    noise: self.noise,
                    scratch,
                };
                for op in &stage.ops {
                    // SAFETY: the tile lies inside the entries of the row.
                    unsafe { row_ops::run(self.kernels, op, &tile) };
                }
                first += rows;
            }
            for whole in &stage.whole {
                // SAFETY: as above.
                unsafe { self.whole(whole, row) };
            }
        }
    }

    /// # Safety
    /// As `row_of_entries`.
    unsafe fn whole(&self, op: &WholeOp, row: &mut Row<T>) {
        let count = row.count;
        // SAFETY: the row has `count` entries in every buffer on entries, and one value elsewhere.
        unsafe {
            match (op.run, op.src) {
                (Across::Count, _) => row.at(op.dst).write(T::from_f64(count as f64)),
                (Across::Position, _) => {
                    let (to, stride) = (row.at(op.dst), row.stride[op.dst.buffer]);
                    (0..count).for_each(|entry| to.add(entry * stride).write(T::from_f64(entry as f64)));
                }
                (Across::Shift, Some(src)) => shift(row, op.dst, src, op.by),
                (run, Some(src)) => {
                    for feature in 0..src.numel {
                        self.whole_feature(run, [op.dst, src], feature, row);
                    }
                }
                (_, None) => {}
            }
        }
    }

    /// One feature at all entries, copied to a line and back.
    ///
    /// # Safety
    /// As `row_of_entries`.
    unsafe fn whole_feature(&self, run: Across, [dst, src]: [Ref; 2], feature: usize, row: &mut Row<T>) {
        let count = row.count;
        let (to, to_stride) = (row.at(dst).wrapping_add(feature), row.stride[dst.buffer]);
        let (from, stride) = (row.at(src).wrapping_add(feature), row.stride[src.buffer]);
        row.line.clear();
        // SAFETY: the caller's guarantee.
        unsafe {
            row.line.extend((0..count).map(|entry| from.add(entry * stride).read()));
            let line = Dst { ptr: row.line.as_mut_ptr(), row: count };
            let source = Src { ptr: line.ptr.cast_const(), row: count, col: 1 };
            let result = Dst { ptr: to, row: 1 };
            match run {
                Across::Softmax if count > 0 => {
                    (self.kernels.row_map)(RowMap::Softmax, T::ZERO, 1, count, line, source);
                    (0..count).for_each(|entry| to.add(entry * to_stride).write(row.line[entry]));
                }
                Across::Max if count > 0 => {
                    (self.kernels.reduce)(Reduce::Max, T::ZERO, 1, count, result, source)
                }
                Across::Max => to.write(T::ZERO),
                Across::LogSumExp if count > 0 => {
                    (self.kernels.reduce)(Reduce::LogSumExp, T::ZERO, 1, count, result, source);
                }
                Across::LogSumExp => to.write(T::from_f64(f64::NEG_INFINITY)),
                _ => {}
            }
        }
    }

    /// The address of a value: of the first current row, or of the first entry of a step.
    pub(super) fn at_step(&self, place: Ref, step: usize) -> *mut T {
        let before = self
            .on_entries(place)
            .map_or(0, |entries| self.steps_before(self.pass.buffers[place.buffer].class, entries, step));
        self.at(place).wrapping_add(before * self.binding.stride[place.buffer])
    }

    /// The entries of a value on entries: whether a product, or a sum of outer products, runs over entries.
    pub(super) fn on_entries(&self, place: Ref) -> Option<&Entries> {
        self.pass.buffers[place.buffer].entries.map(|axis| &self.entries[axis])
    }
}

/// Each entry of `dst` is the entry of `src` that stands `by` places before it, or zeros.
///
/// # Safety
/// `row` has `count` entries in both buffers, which do not overlap.
unsafe fn shift<T: Float>(row: &Row<T>, dst: Ref, src: Ref, by: isize) {
    let (to, from) = (row.at(dst), row.at(src));
    let (to_stride, stride) = (row.stride[dst.buffer], row.stride[src.buffer]);
    for entry in 0..row.count {
        let source = entry.checked_add_signed(-by).filter(|&source| source < row.count);
        // SAFETY: both entries are entries of the row.
        unsafe {
            let to = to.add(entry * to_stride);
            match source {
                Some(source) => to.copy_from_nonoverlapping(from.add(source * stride), dst.numel),
                None => to.write_bytes(0, dst.numel),
            }
        }
    }
}
