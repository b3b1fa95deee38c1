//! The segments of a phase, on one thread or on several: products by columns, row ops by rows. Every number is made by the
//! same operations in the same order whoever makes it.

use std::ops::Range;

use crate::kernel::{Float, FlushDenormals, Init as KernelInit, Src};
use crate::plan::{Gemm, Init, Segment, TapeOp, tape_work};
use crate::team::{self, Region, pause};

use super::runner::Runner;
use super::tape::{self, Tile};

/// `Region::share` of work that runs kernels, or `share_chain`: on every thread denormals are flushed.
pub fn share_out(region: &Region, chained: bool, work: &(dyn Fn(usize) + Sync)) {
    let flushed = |part: usize| {
        let _flush = FlushDenormals::new();
        work(part);
    };
    if chained { region.share_chain(&flushed) } else { region.share(&flushed) }
}

impl<T: Float> Runner<'_, T> {
    /// `ahead`: from these rows to those of the next step; none where the rows of a block follow each other.
    pub(super) fn segments(&mut self, segments: &[Segment], rows: usize, ahead: Option<isize>) {
        for segment in segments {
            if ahead.is_none() {
                pause(); // a block of time, which takes longer than a step
            }
            match segment {
                Segment::Scan(scan) => self.scan(scan),
                Segment::Tape(ops) => self.tape(ops, rows, ahead),
                Segment::Gemm(gemm) => self.product(gemm, rows),
            }
        }
    }

    /// Calls `work` for all of `0..total` with the number of a part and its range: multiples of `grain`, one range for each
    /// thread of the region, where there is one and so many multiplications are worth it.
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

    fn tape(&self, ops: &[TapeOp], rows: usize, ahead: Option<isize>) {
        let most = self.pass.tile_rows;
        // a function is called for all rows at once
        let grain = if self.pass.function.is_some() { rows } else { 1 };
        self.in_parts(rows * tape_work(ops), rows, grain, &|part, mut rows| {
            while !rows.is_empty() {
                let count = most.min(rows.len());
                let tile = Tile {
                    pass: self.pass,
                    here: &self.places.here,
                    stride: &self.places.stride,
                    first: rows.start,
                    rows: count,
                    packed: self.packed + rows.start,
                    ahead: ahead.unwrap_or(count as isize),
                    geometry: self.geometry,
                    noise: self.noise,
                    scratch: part * self.places.layout.tile,
                };
                for op in ops {
                    // SAFETY: `here` points at the rows of every buffer that the op names.
                    unsafe { tape::run(self.kernels, op, &tile) };
                }
                rows.start += count;
            }
        });
    }

    fn product(&self, gemm: &Gemm, rows: usize) {
        let pack = &self.pass.packs[gemm.pack];
        let cost = rows * pack.k * pack.n;
        // each thread reads its own columns of the weights, step by step; or all of them, if they are few
        let grain = self.kernels.column_grain;
        let parts = self.region.map_or(1, |region| region.parts());
        if pack.n >= parts * grain || rows < parts {
            self.in_parts(cost, pack.n, grain, &|_, columns| self.partial_product(gemm, 0..rows, columns));
        } else {
            self.in_parts(cost, rows, 1, &|_, rows| self.partial_product(gemm, rows, 0..pack.n));
        }
    }

    /// Some rows and columns of a product. The columns begin at a multiple of `column_grain`.
    fn partial_product(&self, gemm: &Gemm, rows: Range<usize>, columns: Range<usize>) {
        let pack = &self.pass.packs[gemm.pack];
        let (packed, bias) = &self.weights.packs[gemm.pack];
        let stride = |buffer: usize| self.places.stride[buffer];
        let (row, column, n) = (rows.start, columns.start, columns.len());
        if rows.is_empty() || n == 0 {
            return;
        }
        // SAFETY: a, c and a value to start from have these rows, c and what it starts from these columns; c overlaps
        // neither. The pack was made for k and n, and has these columns from `column * k` on.
        unsafe {
            let init = match gemm.init {
                Init::Zero => KernelInit::Zero,
                Init::Bias => KernelInit::From(Src { ptr: bias.as_ptr().add(column), row: 0, col: 1 }),
                Init::Value(at) => KernelInit::From(Src {
                    ptr: self.at(at).add(row * stride(at.buffer) + column),
                    row: stride(at.buffer),
                    col: 1,
                }),
            };
            let (lda, ldc) = (stride(gemm.a.buffer), stride(gemm.c.buffer));
            let (a, c) = (self.at(gemm.a).add(row * lda), self.at(gemm.c).add(row * ldc + column));
            let packed = packed.as_ptr().add(column * pack.k);
            (self.kernels.gemm)(rows.len(), n, pack.k, a, lda, packed, init, c, ldc);
        }
    }
}
