//! Maps of a row to a row of the same width.

use super::maps::Map;
use super::operand::{Operand, Spread};
use super::reduce::{mean, reciprocal_std};
use super::total::{self, Plain, ShiftedExp};
use crate::kernel::args::{Dst, RowMap, Src};
use crate::kernel::math::{self, Math};
use crate::kernel::simd::{MAX_LANES, Simd};

/// (rows, cols) -> (rows, cols)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn row_map<T: Math, S: Simd<T>>(
    s: S,
    op: RowMap,
    param: T,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    x: Src<T>,
) {
    if cols == 0 {
        return;
    }
    if matches!(op, RowMap::LogSoftmax) {
        // SAFETY: passed on.
        return unsafe { log_softmax(s, (rows, cols), dst, x) };
    }
    let mut spread: Spread<T> = [T::ZERO; MAX_LANES];
    for r in 0..rows {
        // SAFETY: row r < rows exists and has cols columns.
        unsafe {
            let x = Operand::row(s, x, r, &mut spread);
            let out = dst.ptr.add(r * dst.row);
            match op {
                RowMap::Softmax => softmax(s, cols, out, &x),
                RowMap::LogSoftmax => {}
                RowMap::LayerNorm => {
                    let center = mean(s, &x, cols);
                    let scale = reciprocal_std(s, &x, cols, center, param);
                    write(s, cols, out, &x, Scale { center, scale });
                }
                RowMap::RmsNorm => {
                    let scale = reciprocal_std(s, &x, cols, T::ZERO, param);
                    write(s, cols, out, &x, Scale { center: T::ZERO, scale });
                }
            }
        }
    }
}

/// exp(x - max) / sum(exp(x - max))
///
/// # Safety
/// The row has `cols` columns, readable at `x` and writable at `out`.
#[inline(always)]
unsafe fn softmax<T: Math, S: Simd<T>>(s: S, cols: usize, out: *mut T, x: &Operand<T>) {
    // SAFETY: passed on; the second operand reads what was just written.
    unsafe {
        let largest = total::max(s, x, cols);
        write(s, cols, out, x, ShiftedExp(largest));
        let mut unused: Spread<T> = [T::ZERO; MAX_LANES];
        let written = Operand::row(s, Src { ptr: out, row: 0, col: 1 }, 0, &mut unused);
        let sum = total::sum(s, &written, cols, T::ZERO, Plain);
        write(s, cols, out, &written, Divide(sum));
    }
}

/// (x - max) - log(sum(exp(x - max))), with the logarithms of a vector of rows at a time: one alone takes as long.
///
/// # Safety
/// As [`row_map`].
#[inline(always)]
unsafe fn log_softmax<T: Math, S: Simd<T>>(s: S, (rows, cols): (usize, usize), dst: Dst<T>, x: Src<T>) {
    let mut spread: Spread<T> = [T::ZERO; MAX_LANES];
    for first in (0..rows).step_by(S::LANES) {
        let count = (rows - first).min(S::LANES);
        let (mut largest, mut sums) = ([T::ZERO; MAX_LANES], [T::ONE; MAX_LANES]);
        // SAFETY: these rows exist and have cols columns; the arrays hold a vector.
        unsafe {
            for lane in 0..count {
                let x = Operand::row(s, x, first + lane, &mut spread);
                largest[lane] = total::max(s, &x, cols);
                sums[lane] = total::sum(s, &x, cols, -T::INFINITY, ShiftedExp(largest[lane]));
            }
            let logs = math::log(s, s.load(sums.as_ptr()));
            s.store(sums.as_mut_ptr(), logs);
            for lane in 0..count {
                let x = Operand::row(s, x, first + lane, &mut spread);
                write(
                    s,
                    cols,
                    dst.ptr.add((first + lane) * dst.row),
                    &x,
                    ShiftTwice(largest[lane], sums[lane]),
                );
            }
        }
    }
}

/// out = f(x) for one row
///
/// # Safety
/// The row has `cols` columns, readable at `x` and writable at `out`.
#[inline(always)]
unsafe fn write<T: Math, S: Simd<T>, F: Map<T, 1>>(s: S, cols: usize, out: *mut T, x: &Operand<T>, f: F) {
    let mut c = 0;
    // SAFETY: columns below cols exist, and a tail is shorter than a vector.
    unsafe {
        while c + S::LANES <= cols {
            s.store(out.add(c), f.apply(s, [x.load(s, c)]));
            c += S::LANES;
        }
        if c < cols {
            let y = f.apply(s, [x.load_partial(s, c, cols - c, s.splat(T::ZERO))]);
            s.store_partial(out.add(c), cols - c, y);
        }
    }
}

/// (x - center) * scale
struct Scale<T> {
    center: T,
    scale: T,
}

impl<T: Math> Map<T, 1> for Scale<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        s.mul(s.sub(x, s.splat(self.center)), s.splat(self.scale))
    }
}

/// x / divisor
struct Divide<T>(T);

impl<T: Math> Map<T, 1> for Divide<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        s.div(x, s.splat(self.0))
    }
}

/// (x - first) - second
struct ShiftTwice<T>(T, T);

impl<T: Math> Map<T, 1> for ShiftTwice<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        s.sub(s.sub(x, s.splat(self.0)), s.splat(self.1))
    }
}
