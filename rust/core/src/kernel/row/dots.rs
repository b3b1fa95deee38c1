//! Scalar products of the rows of two operands.

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
    let mut spread: [Spread<T>; 2] = [[T::ZERO; MAX_LANES]; 2];
    let [spread_a, spread_b] = &mut spread;
    for r in 0..rows {
        // SAFETY: row r < rows exists and has cols columns; a row of none is not read.
        unsafe {
            let y = if cols == 0 {
                T::ZERO
            } else {
                let (a, b) = (Operand::row(s, a, r, spread_a), Operand::row(s, b, r, spread_b));
                total::dot(s, &a, &b, cols)
            };
            *dst.ptr.add(r * dst.row) = y;
        }
    }
}
