//! A hint to the caches: rows that will be read or written soon.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// The size of a cache line on most machines; a hint for fewer bytes is harmless.
const LINE_BYTES: usize = 64;

/// Prefetches rows into the second cache; row `r` begins at `first + r * row`.
///
/// # Safety
/// No condition: a hint does not access memory. It is unsafe only to have the type of the table's field.
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
