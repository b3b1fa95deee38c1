//! A hint to the caches: rows that will be read or written soon.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// Every machine that matters here fetches so many bytes at a time.
const LINE_BYTES: usize = 64;

/// Prefetches rows into the second cache; row `r` begins at `first + r * row`.
///
/// # Safety
/// None is needed: hints touch no memory. It is unsafe to fit the table.
#[inline(always)]
pub(in crate::kernel) unsafe fn prefetch<T: Math, S: Simd<T>>(
    s: S,
    rows: usize,
    cols: usize,
    first: *const T,
    row: usize,
) {
    let (rows, cols) = if row == cols { (1, rows * cols) } else { (rows, cols) };
    for r in 0..rows {
        let start = first.wrapping_add(r * row);
        for c in (0..cols).step_by(LINE_BYTES / size_of::<T>()) {
            s.prefetch(start.wrapping_add(c));
        }
    }
}
