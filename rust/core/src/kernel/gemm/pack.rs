//! The packed form of B.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// The columns of a full panel.
#[inline(always)]
pub(super) const fn panel_width<T: Math, S: Simd<T>>() -> usize {
    S::TILE_VECTORS * S::LANES
}

/// The vectors that hold `cols` columns.
#[inline(always)]
pub(super) const fn vectors<T: Math, S: Simd<T>>(cols: usize) -> usize {
    cols.div_ceil(S::LANES)
}

/// Panels begin on a cache line, so that no vector of 64 bytes lies on two: one row by 256 KiB of them took 10 %
/// less (the example `rates 1` measures it).
const LINE_BYTES: usize = 64;

/// The grain of columns from which the rest of a packed B is itself a packed B: whole panels that fill whole lines.
pub(in crate::kernel) const fn column_grain<T: Math, S: Simd<T>>() -> usize {
    panel_width::<T, S>().next_multiple_of(LINE_BYTES / size_of::<T>())
}

/// The number of elements of the packed form of B (k, n), with room to align the first line.
pub(in crate::kernel) fn packed_len<T: Math, S: Simd<T>>(k: usize, n: usize) -> usize {
    vectors::<T, S>(n) * S::LANES * k + LINE_BYTES / size_of::<T>() - 1
}

/// The start of the panels in the memory for a packed B. It changes if the memory moves.
#[inline(always)]
pub(super) fn first_panel<T>(memory: *const T) -> *const T {
    memory.wrapping_byte_add(memory.addr().wrapping_neg() % LINE_BYTES)
}

/// B (k, n) into panels, the last one padded with zeros to whole vectors.
///
/// # Safety
/// As [`crate::kernel::Kernels`]; `packed_len` elements are writable at `out`.
#[inline(always)]
pub(in crate::kernel) unsafe fn pack<T: Math, S: Simd<T>>(
    s: S,
    k: usize,
    n: usize,
    b: *const T,
    row_stride: usize,
    col_stride: usize,
    out: *mut T,
) {
    let width = panel_width::<T, S>();
    let out = first_panel(out).cast_mut();
    let mut j = 0;
    while j < n {
        let cols = width.min(n - j);
        // SAFETY: columns j .. j + cols exist, and full panels lie before this one.
        unsafe {
            let (from, to) = (b.wrapping_add(j * col_stride), out.add(j * k));
            if col_stride == 1 {
                pack_rows(s, k, cols, from, row_stride, to);
            } else {
                pack_any(s, k, cols, from, row_stride, col_stride, to);
            }
        }
        j += width;
    }
}

/// One panel of a B whose columns lie side by side.
///
/// # Safety
/// B (k, cols) is readable, a panel writable.
#[inline(always)]
pub(super) unsafe fn pack_rows<T: Math, S: Simd<T>>(
    s: S,
    k: usize,
    cols: usize,
    b: *const T,
    row_stride: usize,
    out: *mut T,
) {
    let padded = vectors::<T, S>(cols) * S::LANES;
    for p in 0..k {
        // SAFETY: row p < k exists; vectors below padded exist in the panel, and those below cols in B.
        unsafe {
            let (from, to) = (b.add(p * row_stride), out.add(p * padded));
            let mut j = 0;
            while j + S::LANES <= cols {
                s.store(to.add(j), s.load(from.add(j)));
                j += S::LANES;
            }
            if j < cols {
                s.store(to.add(j), s.load_partial(from.add(j), cols - j, s.splat(T::ZERO)));
            }
        }
    }
}

/// One panel of any B.
///
/// # Safety
/// B (k, cols) is readable, a panel writable.
#[inline(always)]
unsafe fn pack_any<T: Math, S: Simd<T>>(
    _s: S,
    k: usize,
    cols: usize,
    b: *const T,
    row_stride: usize,
    col_stride: usize,
    out: *mut T,
) {
    /// So many k of every column before the next, as they share cache lines where `row_stride` is 1.
    const BLOCK: usize = 16;
    let padded = vectors::<T, S>(cols) * S::LANES;
    let mut start = 0;
    while start < k {
        let count = BLOCK.min(k - start);
        // SAFETY: k from start on for count exist, and columns j < padded of the panel; of B those below
        // cols.
        unsafe {
            let to = out.add(start * padded);
            for j in 0..cols {
                let from = b.add(start * row_stride + j * col_stride);
                if count == BLOCK {
                    // A loop of known length, which the compiler unrolls.
                    for p in 0..BLOCK {
                        *to.add(p * padded + j) = *from.add(p * row_stride);
                    }
                } else {
                    for p in 0..count {
                        *to.add(p * padded + j) = *from.add(p * row_stride);
                    }
                }
            }
            for j in cols..padded {
                for p in 0..count {
                    *to.add(p * padded + j) = T::ZERO;
                }
            }
        }
        start += count;
    }
}
