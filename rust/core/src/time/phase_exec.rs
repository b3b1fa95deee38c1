//! The operations of a phase on one thread or several: products divided by columns, row ops divided by rows. Every number is
//! computed by the same operations in the same order on any number of threads.

use std::ops::Range;

use crate::kernel::{Float, FlushDenormals, Init as KernelInit, Src};
use crate::plan::{Class, Gemm, Init, PhaseOp, Ref, RowOp, row_work};
use crate::team::{self, Region, pause};

use super::entries::Entries;
use super::row_ops::{self, Tile};
use super::runner::Runner;

/// `Region::share`, or `share_chain` if `chained`, of work that runs kernels: denormals are flushed on every thread.
pub fn share_out(region: &Region, chained: bool, work: &(dyn Fn(usize) + Sync)) {
    let flushed = |part: usize| {
        let _flush = FlushDenormals::new();
        work(part);
    };
    if chained { region.share_chain(&flushed) } else { region.share(&flushed) }
}

impl<T: Float> Runner<'_, T> {
    /// `ahead`: the distance from these rows to the rows of the next step; None if the rows of a block follow each other.
    pub(super) fn phase(&mut self, ops: &[PhaseOp], rows: usize, ahead: Option<isize>) {
        for op in ops {
            if ahead.is_none() {
                pause(); // a block of time takes longer than a step
            }
            match op {
                PhaseOp::Scan(scan) => self.scan(scan),
                PhaseOp::Matrix(op) => self.matrix(op),
                PhaseOp::Rows(ops) => self.rows(ops, rows, ahead),
                PhaseOp::Entries(op) => self.entries(op),
                PhaseOp::Gemm(gemm) => match self.on_entries(gemm.c) {
                    Some(entries) if entries.is_apart() => {
                        for row in 0..self.geometry.alive(self.steps.0) {
                            self.product_of_row(gemm, entries, row);
                        }
                    }
                    Some(entries) => {
                        // the entries of a step are contiguous, those of several steps may not be
                        for t in self.steps.0..self.steps.1 {
                            self.product(gemm, entries.start[self.geometry.alive(t)], t);
                        }
                    }
                    None => self.product(gemm, rows, self.steps.0),
                },
            }
        }
    }

    /// Calls `work` for all of `0..total` with the index of a part and its range: multiples of `grain`, one range for each
    /// thread of the region, if there is a region and `cost` multiplications justify it.
    pub(super) fn in_parts(
        &self,
        cost: usize,
        total: usize,
        grain: usize,
        work: &(dyn Fn(usize, Range<usize>) + Sync),
    ) {
        match self.region {
            Some(region) if total > grain && team::is_worth(cost) => {
                let (grains, parts) = (total.div_ceil(grain), region.parts());
                let at = |part: usize| (part * grains / parts * grain).min(total);
                share_out(region, false, &|part| work(part, at(part)..at(part + 1)));
            }
            _ => work(0, 0..total),
        }
    }

    fn rows(&self, ops: &[RowOp], rows: usize, ahead: Option<isize>) {
        let most = self.pass.tile_rows;
        // a function is called for all rows together
        let grain = if self.pass.function.is_some() { rows } else { 1 };
        self.in_parts(rows * row_work(ops), rows, grain, &|part, mut rows| {
            while !rows.is_empty() {
                let count = most.min(rows.len());
                let tile = Tile {
                    pass: self.pass,
                    here: &self.binding.here,
                    stride: &self.binding.stride,
                    first: rows.start,
                    rows: count,
                    packed: self.packed + rows.start,
                    ahead: ahead.unwrap_or(count as isize),
                    geometry: self.geometry,
                    noise: self.noise,
                    scratch: part * self.binding.layout.tile,
                };
                for op in ops {
                    // SAFETY: `here` points to the rows of every buffer that the op names.
                    unsafe { row_ops::run(self.kernels, op, &tile) };
                }
                rows.start += count;
            }
        });
    }

    /// A product over `rows` rows, or over the entries of a step.
    fn product(&self, gemm: &Gemm, rows: usize, step: usize) {
        let pack = &self.pass.packs[gemm.pack];
        let cost = rows * gemm.lines * pack.k * pack.n;
        // each thread reads its own columns of the weights at every step; if there are few columns, it reads all of them
        let grain = self.kernels.column_grain;
        let parts = self.region.map_or(1, |region| region.parts());
        if pack.n >= parts * grain || rows < parts {
            self.in_parts(cost, pack.n, grain, &|_, columns| {
                self.partial_product(gemm, step, rows, columns, &|_| 0);
            });
        } else {
            self.in_parts(cost, rows, 1, &|_, rows| {
                self.partial_product(gemm, step, rows.len(), 0..pack.n, &|_| rows.start);
            });
        }
    }

    /// A product over the entries of a row, where the entries of different rows do not follow each other.
    fn product_of_row(&self, gemm: &Gemm, entries: &Entries, row: usize) {
        let first = |place: Ref| match self.pass.buffers[place.buffer].class {
            Class::Memory(_) => entries.in_memory[row],
            _ => entries.start[row],
        };
        let columns = 0..self.pass.packs[gemm.pack].n;
        self.partial_product(gemm, self.steps.0, entries.lengths[row], columns, &first);
    }

    /// The vectors of operands that are `lines` lines in each of `rows` rows: in how many pieces, and the vectors of a piece. One
    /// piece has all of them if the rows of all operands follow each other without a gap.
    pub(super) fn pieces(&self, operands: &[Ref], lines: usize, rows: usize) -> (usize, usize) {
        let is_dense = |operand: &Ref| self.binding.stride[operand.buffer] == operand.numel;
        if lines == 1 || operands.iter().all(is_dense) { (1, rows * lines) } else { (rows, lines) }
    }

    /// The distance from one vector of an operand to the next.
    pub(super) fn line_stride(&self, operand: Ref, lines: usize) -> usize {
        if lines == 1 { self.binding.stride[operand.buffer] } else { operand.numel / lines }
    }

    /// Some columns of a product over `rows` rows; `first` has the first one of each operand. The columns start at a multiple
    /// of `column_grain`.
    fn partial_product(
        &self,
        gemm: &Gemm,
        step: usize,
        rows: usize,
        columns: Range<usize>,
        first: &dyn Fn(Ref) -> usize,
    ) {
        let pack = &self.pass.packs[gemm.pack];
        let (packed, bias) = &self.weights.packs[gemm.pack];
        let stride = |buffer: usize| self.binding.stride[buffer];
        let (column, n) = (columns.start, columns.len());
        let at = |place: Ref| self.at_step(place, step).wrapping_add(first(place) * stride(place.buffer));
        if rows == 0 || n == 0 {
            return;
        }
        let (pieces, rows) = self.pieces(&[gemm.a, gemm.c], gemm.lines, rows);
        // SAFETY: a, c and an initial value have these rows; c and the initial value have these columns; c overlaps neither.
        // The pack was made for k and n, and these columns start at `column * k`. A product of lines starts from zeros.
        unsafe {
            let init = match gemm.init {
                Init::Zero => KernelInit::Zero,
                Init::Bias => KernelInit::From(Src { ptr: bias.as_ptr().add(column), row: 0, col: 1 }),
                Init::Value(from) => {
                    KernelInit::From(Src { ptr: at(from).add(column), row: stride(from.buffer), col: 1 })
                }
            };
            let [lda, ldc] = [gemm.a, gemm.c].map(|operand| self.line_stride(operand, gemm.lines));
            let (a, c) = (at(gemm.a), at(gemm.c).add(column));
            let packed = packed.as_ptr().add(column * pack.k);
            for piece in 0..pieces {
                let (a, c) = (a.add(piece * stride(gemm.a.buffer)), c.add(piece * stride(gemm.c.buffer)));
                (self.kernels.gemm)(rows, n, pack.k, a, lda, packed, init, c, ldc);
            }
        }
    }
}
