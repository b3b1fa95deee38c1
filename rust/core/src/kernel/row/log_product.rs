//! Products of matrices with vectors in the space of logarithms: `y[j] = log(sum over k of exp(m[j, k] + v[k]))`.

use super::total::larger;
use crate::kernel::args::{Dst, Src};
use crate::kernel::math::{self, Math};
use crate::kernel::simd::{MAX_LANES, Simd};

/// Vectors of a line that stay in registers.
const IN_REGISTERS: usize = 4;

/// A sum of exponentials below it has a shift of its own: with the shift of the row, the logarithm would lose digits.
const LEAST: f64 = 1e-3;

/// The product of each row: (rows, lines * cols), (rows, cols) -> (rows, lines). The lines of a matrix are contiguous.
///
/// The largest m + v of a row is the shift of all its lines, because a maximum of each would cost as much as the exponentials.
/// A line that is far below the others has its own.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn log_product<T: Math, S: Simd<T>>(
    s: S,
    (rows, lines, cols): (usize, usize, usize),
    dst: Dst<T>,
    m: Src<T>,
    v: Src<T>,
) {
    let sizes = (lines, cols);
    for r in 0..rows {
        // SAFETY: row r has `lines` lines of `cols` columns, and a result for each of them.
        unsafe {
            let (m, v) = (m.ptr.add(r * m.row), v.ptr.add(r * v.row));
            let out = dst.ptr.add(r * dst.row);
            match cols.div_ceil(S::LANES) {
                1 => row::<T, S, 1>(s, sizes, m, v, out),
                2 => row::<T, S, 2>(s, sizes, m, v, out),
                3 => row::<T, S, 3>(s, sizes, m, v, out),
                IN_REGISTERS => row::<T, S, IN_REGISTERS>(s, sizes, m, v, out),
                _ => wide_row(s, sizes, m, v, out),
            }
        }
    }
}

/// The product of one row whose lines have `N` vectors, the last one perhaps a part.
///
/// # Safety
/// As `log_product`, for one row; `cols` needs `N` vectors.
#[inline(always)]
unsafe fn row<T: Math, S: Simd<T>, const N: usize>(
    s: S,
    (lines, cols): (usize, usize),
    m: *const T,
    v: *const T,
    out: *mut T,
) {
    let mut own = [s.splat(T::ZERO); N];
    let mut best = s.splat(-T::INFINITY);
    // SAFETY: passed on.
    unsafe {
        for (i, own) in own.iter_mut().enumerate() {
            *own = at(s, cols, i * S::LANES, v);
        }
        for line in 0..lines {
            for (i, &own) in own.iter().enumerate() {
                best = s.max(best, s.add(at(s, cols, i * S::LANES, m.add(line * cols)), own));
            }
        }
        let shift = finite(s.largest(best));
        let sum = |line: usize| {
            let mut sum = s.splat(T::ZERO);
            for (i, &own) in own.iter().enumerate() {
                let x = s.add(at(s, cols, i * S::LANES, m.add(line * cols)), own);
                sum = s.add(sum, math::exp(s, s.sub(x, s.splat(shift))));
            }
            s.sum(sum)
        };
        finished(s, (lines, cols), (m, v), shift, sum, out);
    }
}

/// The same with lines of any length.
///
/// # Safety
/// As `log_product`, for one row.
#[inline(always)]
unsafe fn wide_row<T: Math, S: Simd<T>>(
    s: S,
    (lines, cols): (usize, usize),
    m: *const T,
    v: *const T,
    out: *mut T,
) {
    let mut best = s.splat(-T::INFINITY);
    // SAFETY: passed on.
    unsafe {
        for line in 0..lines {
            for c in (0..cols).step_by(S::LANES) {
                best = s.max(best, s.add(at(s, cols, c, m.add(line * cols)), at(s, cols, c, v)));
            }
        }
        let shift = finite(s.largest(best));
        let sum = |line: usize| sum_of(s, cols, m.add(line * cols), v, shift);
        finished(s, (lines, cols), (m, v), shift, sum, out);
    }
}

/// Writes the results of the lines from their sums.
///
/// # Safety
/// As `log_product`, for one row.
#[inline(always)]
unsafe fn finished<T: Math, S: Simd<T>>(
    s: S,
    (lines, cols): (usize, usize),
    (m, v): (*const T, *const T),
    shift: T,
    sum: impl Fn(usize) -> T,
    out: *mut T,
) {
    let least = T::from_f64(LEAST);
    let (mut shifts, mut sums) = ([shift; MAX_LANES], [T::ONE; MAX_LANES]);
    for first in (0..lines).step_by(S::LANES) {
        let count = (lines - first).min(S::LANES);
        for (lane, place) in sums.iter_mut().take(count).enumerate() {
            *place = sum(first + lane);
            shifts[lane] = shift;
            // a NaN, and a sum that a NaN made too large, are in no range
            let is_near = *place >= least && *place < T::INFINITY;
            if !is_near {
                // SAFETY: the line exists, and both operands have `cols` columns.
                unsafe {
                    let line = m.add((first + lane) * cols);
                    shifts[lane] = largest(s, cols, line, v);
                    *place = sum_of(s, cols, line, v, shifts[lane]);
                }
            }
        }
        // SAFETY: the arrays hold a vector, and the lines have results.
        unsafe {
            let y = s.add(s.load(shifts.as_ptr()), math::log(s, s.load(sums.as_ptr())));
            match count < S::LANES {
                true => s.store_partial(out.add(first), count, y),
                false => s.store(out.add(first), y),
            }
        }
    }
}

/// The largest m + v of a line; 0 if it is infinite, because an infinite shift would make NaN of what is inf or -inf. NaN if any
/// is.
///
/// # Safety
/// Both operands have `cols` columns.
#[inline(always)]
unsafe fn largest<T: Math, S: Simd<T>>(s: S, cols: usize, m: *const T, v: *const T) -> T {
    let mut best = s.splat(-T::INFINITY);
    for c in (0..cols).step_by(S::LANES) {
        // SAFETY: passed on.
        best = larger(s, best, unsafe { s.add(at(s, cols, c, m), at(s, cols, c, v)) });
    }
    if s.all(s.eq(best, best)) { finite(s.largest(best)) } else { T::NAN }
}

/// The sum of exp(m + v - shift) of a line.
///
/// # Safety
/// Both operands have `cols` columns.
#[inline(always)]
unsafe fn sum_of<T: Math, S: Simd<T>>(s: S, cols: usize, m: *const T, v: *const T, shift: T) -> T {
    let mut sum = s.splat(T::ZERO);
    for c in (0..cols).step_by(S::LANES) {
        // SAFETY: passed on.
        let x = unsafe { s.add(at(s, cols, c, m), at(s, cols, c, v)) };
        sum = s.add(sum, math::exp(s, s.sub(x, s.splat(shift))));
    }
    s.sum(sum)
}

/// The vector that begins at column `c`; -inf behind the columns, where there are fewer.
///
/// # Safety
/// `x` has `cols` columns, and c < cols.
#[inline(always)]
unsafe fn at<T: Math, S: Simd<T>>(s: S, cols: usize, c: usize, x: *const T) -> S::V {
    // SAFETY: passed on.
    unsafe {
        match c + S::LANES <= cols {
            true => s.load(x.add(c)),
            false => s.load_partial(x.add(c), cols - c, s.splat(-T::INFINITY)),
        }
    }
}

#[inline(always)]
fn finite<T: Math>(x: T) -> T {
    if x == T::INFINITY || x == -T::INFINITY { T::ZERO } else { x }
}

/// The gradient of the matrix: d[j] exp(m[j, k] + v[k] - y[j]), (rows, lines * cols); its sum over j is that of the vector. A line
/// without a finite element has a gradient of 0.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn log_product_grad<T: Math, S: Simd<T>>(
    s: S,
    (rows, lines, cols): (usize, usize, usize),
    dst: Dst<T>,
    [m, v, y, d]: [Src<T>; 4],
) {
    let zero = s.splat(T::ZERO);
    for r in 0..rows {
        // SAFETY: row r has `lines` lines of `cols` columns, and a result and its gradient for each of them.
        unsafe {
            let (m, v) = (m.ptr.add(r * m.row), v.ptr.add(r * v.row));
            let (y, d) = (y.ptr.add(r * y.row), d.ptr.add(r * d.row));
            let out = dst.ptr.add(r * dst.row);
            for c in (0..cols).step_by(S::LANES) {
                let count = cols - c;
                let is_part = count < S::LANES;
                let own = if is_part { s.load_partial(v.add(c), count, zero) } else { s.load(v.add(c)) };
                for line in 0..lines {
                    let (at, shift) = (line * cols + c, finite(*y.add(line)));
                    let x = if is_part { s.load_partial(m.add(at), count, zero) } else { s.load(m.add(at)) };
                    let share = math::exp(s, s.sub(s.add(x, own), s.splat(shift)));
                    let share = s.mul(share, s.splat(*d.add(line)));
                    match is_part {
                        true => s.store_partial(out.add(at), count, share),
                        false => s.store(out.add(at), share),
                    }
                }
            }
        }
    }
}
