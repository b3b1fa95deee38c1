//! Scalar products of the rows of two operands, and sums of products over rows.

use super::operand::{Operand, Spread};
use super::total;
use crate::kernel::args::{Dst, Src};
use crate::kernel::math::Math;
use crate::kernel::simd::{MAX_LANES, Simd};

/// (rows, cols), (rows, cols) -> (rows, 1)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn dots<T: Math, S: Simd<T>>(
    s: S,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    a: Src<T>,
    b: Src<T>,
) {
    // SAFETY: passed on.
    unsafe { of_rows::<T, S, true>(s, rows, cols, dst, a, b) }
}

/// The same, bit-identical to a product that is stored and then summed: both operations round.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn product_sum<T: Math, S: Simd<T>>(
    s: S,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    a: Src<T>,
    b: Src<T>,
) {
    // SAFETY: passed on.
    unsafe { of_rows::<T, S, false>(s, rows, cols, dst, a, b) }
}

/// The sum of the products of each row. `FUSED`: a product is not rounded before it is added.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn of_rows<T: Math, S: Simd<T>, const FUSED: bool>(
    s: S,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    a: Src<T>,
    b: Src<T>,
) {
    let mut spread: [Spread<T>; 2] = [[T::ZERO; MAX_LANES]; 2];
    let [spread_a, spread_b] = &mut spread;
    for r in 0..rows {
        // SAFETY: row r < rows exists and has cols columns; a row of none is not read.
        unsafe {
            let y = if cols == 0 {
                T::ZERO
            } else {
                let (a, b) = (Operand::row(s, a, r, spread_a), Operand::row(s, b, r, spread_b));
                if FUSED { total::dot(s, &a, &b, cols) } else { total::product_sum(s, &a, &b, cols) }
            };
            *dst.ptr.add(r * dst.row) = y;
        }
    }
}

/// out[c] += the sum over rows of a[r, c] b[r, c], in row order, bit-identical to a product that is stored and then summed.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn weighted_sum<T: Math, S: Simd<T>>(
    s: S,
    rows: usize,
    cols: usize,
    a: Src<T>,
    b: Src<T>,
    out: *mut T,
) {
    let mut c = 0;
    // SAFETY: rows below rows and columns below cols exist; a tail is shorter than a vector.
    unsafe {
        // Four sums hide the latency of addition.
        while c + 4 * S::LANES <= cols {
            let mut sums = [s.splat(T::ZERO); 4];
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = s.load(out.add(c + i * S::LANES));
            }
            for r in 0..rows {
                for (i, sum) in sums.iter_mut().enumerate() {
                    let at = c + i * S::LANES;
                    *sum = s.add(*sum, s.mul(element(s, &a, r, at), element(s, &b, r, at)));
                }
            }
            for (i, sum) in sums.iter().enumerate() {
                s.store(out.add(c + i * S::LANES), *sum);
            }
            c += 4 * S::LANES;
        }
        while c + S::LANES <= cols {
            let mut sum = s.load(out.add(c));
            for r in 0..rows {
                sum = s.add(sum, s.mul(element(s, &a, r, c), element(s, &b, r, c)));
            }
            s.store(out.add(c), sum);
            c += S::LANES;
        }
        while c < cols {
            let value = |src: &Src<T>, r: usize| *src.ptr.add(r * src.row + c * src.col);
            let mut sum = *out.add(c);
            for r in 0..rows {
                sum += value(&a, r) * value(&b, r);
            }
            *out.add(c) = sum;
            c += 1;
        }
    }
}

/// The vector of row `r` that begins at column `c`.
///
/// # Safety
/// Columns `c .. c + LANES` of the row exist.
#[inline(always)]
unsafe fn element<T: Math, S: Simd<T>>(s: S, src: &Src<T>, r: usize, c: usize) -> S::V {
    // SAFETY: passed on.
    unsafe {
        let row = src.ptr.add(r * src.row);
        if src.col == 0 { s.splat(*row) } else { s.load(row.add(c)) }
    }
}
