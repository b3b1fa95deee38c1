//! C = init + A B with a packed B.

use super::micro::{Left, Start, Stretch, stretch_of_any_width, tile_at};
use super::pack::{first_panel, panel_width, vectors};
use crate::kernel::args::Init;
use crate::kernel::cache::Caches;
use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// So many k at a time: a panel's block stays in a quarter of the second cache while all row tiles pass over it. From there it
/// comes as fast as a tile needs it; blocks that the first cache holds write C more often, which costs more.
fn depth_of_block<T: Math, S: Simd<T>>() -> usize {
    const GRAIN: usize = 64;
    (Caches::or_usual().l2 / 4 / (panel_width::<T, S>() * size_of::<T>()) / GRAIN).max(1) * GRAIN
}

/// C (m, n) = init + A (m, k) B (k, n)
///
/// # Safety
/// As [`crate::kernel::Kernels`]; B was packed for the same token.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(in crate::kernel) unsafe fn gemm<T: Math, S: Simd<T>>(
    s: S,
    m: usize,
    n: usize,
    k: usize,
    a: *const T,
    lda: usize,
    packed: *const T,
    init: Init<T>,
    c: *mut T,
    ldc: usize,
) {
    if m == 0 {
        return;
    }
    let width = panel_width::<T, S>();
    let packed = first_panel(packed);
    // a single tile needs no blocks of k: its rows pass over the panels but once
    let block = if m <= S::TILE_ROWS { k } else { depth_of_block::<T, S>() };
    let mut j = 0;
    while j < n {
        let cols = width.min(n - j);
        // One or two rows make too few sums to hide the latency of multiply-add: two panels in one loop.
        let pair = m <= 2 && n - j >= 2 * width;
        let mut p = 0;
        loop {
            let depth = block.min(k - p);
            // SAFETY: columns j .. j + cols exist, and k from p on for depth.
            unsafe {
                let x = Stretch {
                    rows: m,
                    depth,
                    a: Left { start: a.add(p), row: lda, depth: 1 },
                    b: packed.add(j * k + p * vectors::<T, S>(cols) * S::LANES),
                    panel: width * k,
                    start: if p > 0 { Start::From(c.add(j), ldc) } else { start(init, c, ldc, j) },
                    c: c.add(j),
                    ldc,
                    cols,
                    is_far: false,
                };
                if pair {
                    pair_of_panels(s, &x);
                } else {
                    stretch_of_any_width(s, x);
                }
            }
            p += depth;
            if p >= k {
                break;
            }
        }
        j += if pair { 2 * width } else { width };
    }
}

/// One or two rows of two full panels.
///
/// # Safety
/// As [`super::micro::tile`].
#[inline(always)]
unsafe fn pair_of_panels<T: Math, S: Simd<T>>(s: S, x: &Stretch<T>) {
    // SAFETY: passed on.
    unsafe {
        match (x.rows, S::TILE_VECTORS) {
            (1, 2) => tile_at::<T, S, 1, 2, 2>(s, x, 0),
            (2, 2) => tile_at::<T, S, 2, 2, 2>(s, x, 0),
            (1, 4) => tile_at::<T, S, 1, 4, 2>(s, x, 0),
            (2, 4) => tile_at::<T, S, 2, 4, 2>(s, x, 0),
            sizes => unreachable!("a pair of panels for {sizes:?}"),
        }
    }
}

/// The initial value of the columns from `j`.
///
/// # Safety
/// Column j of C exists.
#[inline(always)]
unsafe fn start<T>(init: Init<T>, c: *mut T, ldc: usize, j: usize) -> Start<T> {
    match init {
        Init::Zero => Start::Zero,
        // SAFETY: the caller vouches for column j.
        Init::Accumulate => Start::From(unsafe { c.add(j) }, ldc),
        Init::From(src) => Start::From(src.ptr.wrapping_add(j), src.row),
    }
}
