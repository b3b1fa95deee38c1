//! One row of an operand, read in vectors.

use crate::kernel::args::Src;
use crate::kernel::math::Math;
use crate::kernel::simd::{MAX_LANES, Simd};

/// Room for the one value of a row that stands for all its columns.
pub(super) type Spread<T> = [T; MAX_LANES];

/// One row of an operand. A value that stands for all columns is spread over one vector, which is then read
/// again and again: one loop serves both kinds.
#[derive(Copy, Clone)]
pub(super) struct Operand<T> {
    start: *const T,
    step: usize,
}

impl<T: Math> Operand<T> {
    /// Row `r` of `src`; `spread` outlives the operand.
    ///
    /// # Safety
    /// If `src.col` is 0, the value of row `r` is readable.
    #[inline(always)]
    pub(super) unsafe fn row<S: Simd<T>>(s: S, src: Src<T>, r: usize, spread: &mut Spread<T>) -> Operand<T> {
        let start = src.ptr.wrapping_add(r * src.row);
        if src.col == 0 {
            // SAFETY: the caller vouches for the value; LANES <= MAX_LANES.
            unsafe { s.store(spread.as_mut_ptr(), s.splat(*start)) };
            Operand { start: spread.as_ptr(), step: 0 }
        } else {
            Operand { start, step: 1 }
        }
    }

    /// The vector that begins at column `c`.
    ///
    /// # Safety
    /// Columns `c .. c + LANES` exist.
    #[inline(always)]
    pub(super) unsafe fn load<S: Simd<T>>(&self, s: S, c: usize) -> S::V {
        // SAFETY: the columns exist, or the pointer stays at the spread vector.
        unsafe { s.load(self.start.add(c * self.step)) }
    }

    /// The columns `c .. c + count`, and `fill` in the other lanes.
    ///
    /// # Safety
    /// Columns `c .. c + count` exist, and `count < LANES`.
    #[inline(always)]
    pub(super) unsafe fn load_partial<S: Simd<T>>(&self, s: S, c: usize, count: usize, fill: S::V) -> S::V {
        // SAFETY: as `load`.
        unsafe { s.load_partial(self.start.add(c * self.step), count, fill) }
    }

    /// The value at column `c`.
    ///
    /// # Safety
    /// Column `c` exists.
    #[inline(always)]
    pub(super) unsafe fn at(&self, c: usize) -> T {
        // SAFETY: the column exists, or the pointer stays at the spread vector.
        unsafe { *self.start.add(c * self.step) }
    }
}
