//! Reductions of a row to one value.

use super::operand::{Operand, Spread};
use super::total::{self, ExpBelow, Plain, ShiftedExp, SquareAround};
use crate::kernel::args::{Dst, Reduce, Src};
use crate::kernel::math::{self, Math};
use crate::kernel::simd::{MAX_LANES, Simd};

/// (rows, cols) -> (rows, 1)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn reduce<T: Math, S: Simd<T>>(
    s: S,
    op: Reduce,
    param: T,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    x: Src<T>,
) {
    if op == Reduce::LogSumExp {
        // SAFETY: passed on.
        return unsafe { log_sum_exp(s, rows, cols, dst, x) };
    }
    let mut spread: Spread<T> = [T::ZERO; MAX_LANES];
    for r in 0..rows {
        // SAFETY: row r < rows exists and has cols columns; a row of none is not read.
        unsafe {
            let x = Operand::row(s, if cols == 0 { Src { col: 1, ..x } } else { x }, r, &mut spread);
            let y = match op {
                Reduce::Sum => total::sum(s, &x, cols, T::ZERO, Plain),
                Reduce::Mean => mean(s, &x, cols),
                Reduce::Max => total::max(s, &x, cols),
                Reduce::ArgMax => T::from_f64(arg_max(s, &x, cols) as f64),
                Reduce::LogSumExp => T::ZERO,
                Reduce::ReciprocalStd => reciprocal_std(s, &x, cols, mean(s, &x, cols), param),
                Reduce::ReciprocalRms => reciprocal_std(s, &x, cols, T::ZERO, param),
            };
            *dst.ptr.add(r * dst.row) = y;
        }
    }
}

/// # Safety
/// The row has `cols` columns.
#[inline(always)]
pub(super) unsafe fn mean<T: Math, S: Simd<T>>(s: S, x: &Operand<T>, cols: usize) -> T {
    // SAFETY: passed on.
    unsafe { total::sum(s, x, cols, T::ZERO, Plain) / T::from_f64(cols as f64) }
}

/// 1 / sqrt(mean((x - center)^2) + eps)
///
/// # Safety
/// The row has `cols` columns.
#[inline(always)]
pub(super) unsafe fn reciprocal_std<T: Math, S: Simd<T>>(
    s: S,
    x: &Operand<T>,
    cols: usize,
    center: T,
    eps: T,
) -> T {
    // SAFETY: passed on.
    let squares = unsafe { total::sum(s, x, cols, center, SquareAround(center)) };
    T::ONE / (squares / T::from_f64(cols as f64) + eps).sqrt()
}

/// # Safety
/// The row has `cols` columns.
#[inline(always)]
unsafe fn arg_max<T: Math, S: Simd<T>>(s: S, x: &Operand<T>, cols: usize) -> usize {
    // SAFETY: passed on; the columns that are read are below cols.
    unsafe {
        let largest = total::max(s, x, cols);
        let is_nan = largest.partial_cmp(&largest).is_none();
        (0..cols)
            .find(|&c| {
                let x = x.at(c);
                x == largest || (is_nan && x.partial_cmp(&x).is_none())
            })
            .unwrap_or(0)
    }
}

/// (rows, cols) -> (rows, 1), (rows, 1): the largest element, and the sum of exp(x - largest). If a row fits the first cache,
/// both passes together read the memory behind it once.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn exp_sums<T: Math, S: Simd<T>>(
    s: S,
    rows: usize,
    cols: usize,
    largest: *mut T,
    sums: *mut T,
    x: Src<T>,
) {
    let mut spread: Spread<T> = [T::ZERO; MAX_LANES];
    for r in 0..rows {
        // SAFETY: row r < rows exists and has cols columns; a row of none is not read.
        unsafe {
            let x = Operand::row(s, if cols == 0 { Src { col: 1, ..x } } else { x }, r, &mut spread);
            let most = total::max(s, &x, cols);
            // -inf - -inf would be NaN: a row of -inf alone has the sum 0
            let shift = if most == -T::INFINITY { T::ZERO } else { most };
            *largest.add(r) = most;
            *sums.add(r) = total::sum(s, &x, cols, -T::INFINITY, ExpBelow(shift));
        }
    }
}

/// log(sum(exp(x))) of each row. Rows are often short, so one vector holds the logarithms of several rows.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn log_sum_exp<T: Math, S: Simd<T>>(s: S, rows: usize, cols: usize, dst: Dst<T>, x: Src<T>) {
    let x = if cols == 0 { Src { col: 1, ..x } } else { x };
    let mut spread: Spread<T> = [T::ZERO; MAX_LANES];
    for first in (0..rows).step_by(S::LANES) {
        let count = (rows - first).min(S::LANES);
        let (mut shifts, mut sums) = ([T::ZERO; MAX_LANES], [T::ONE; MAX_LANES]);
        for (lane, (shift, sum)) in shifts.iter_mut().zip(&mut sums).take(count).enumerate() {
            // SAFETY: the row exists and has cols columns; a row of none is not read.
            unsafe {
                let x = Operand::row(s, x, first + lane, &mut spread);
                let largest = total::max(s, &x, cols);
                // An infinite shift would make NaN of what is inf or -inf.
                *shift = if largest == T::INFINITY || largest == -T::INFINITY { T::ZERO } else { largest };
                *sum = total::sum(s, &x, cols, -T::INFINITY, ShiftedExp(*shift));
            }
        }
        // SAFETY: the arrays have at least a vector of elements; row `first + lane` exists.
        unsafe {
            let y = s.add(s.load(shifts.as_ptr()), math::log(s, s.load(sums.as_ptr())));
            for (lane, y) in math::lanes(s, y)[..count].iter().enumerate() {
                *dst.ptr.add((first + lane) * dst.row) = *y;
            }
        }
    }
}
