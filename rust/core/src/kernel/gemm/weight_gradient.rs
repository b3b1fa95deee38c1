//! C += A^T B over many k: the product of weight gradients, where k runs over rows and steps.
//!
//! B is packed block by block. A is read in place where its rows are short; rows of half a page or more are
//! copied, as a tile reads a few columns of every row, which would lie in the same few sets of the first
//! cache and on as many pages as there are rows. A B of few columns has its own kernel (`narrow_gradient`).

use super::micro::{Left, Start, Stretch, stretch_of_any_width};
use super::narrow_gradient::{is_narrow, narrow_tn};
use super::pack::{pack_rows, panel_width};
use crate::kernel::cache::Caches;
use crate::kernel::math::Math;
use crate::kernel::simd::Simd;
use crate::memory::lengthen;

/// The most k at a time. Beyond it C is read and written so seldom that longer blocks do not help.
const MOST_DEPTH: usize = 256;
const LEAST_DEPTH: usize = 64;

/// So many k at a time, and so many columns of A: a panel of a block stays in the first cache, and a chunk of A in three
/// eighths of the second, while the other passes over it. A C that the second cache does not hold goes to and fro between far
/// caches with every block, so that its blocks are as long as they get. `k` is divided evenly.
fn block_and_chunk<T: Math, S: Simd<T>>(m: usize, n: usize, k: usize) -> (usize, usize) {
    let Caches { l1, l2, .. } = Caches::or_usual();
    let fitting = l1 / (panel_width::<T, S>() * size_of::<T>());
    let is_large = m * n * size_of::<T>() > l2;
    let most = if is_large { MOST_DEPTH } else { fitting.clamp(LEAST_DEPTH, MOST_DEPTH) };
    let block = k.div_ceil(k.div_ceil(most).max(1)).max(1);
    let chunk = l2 * 3 / 8 / (block * size_of::<T>()) / GROUP * GROUP;
    (block, chunk.max(GROUP))
}

/// The columns of A that are copied side by side: a multiple of every tile's height and every vector's
/// length.
const GROUP: usize = 96;

/// Rows of A from this size on are copied.
const LONG_ROW_BYTES: usize = 2048;

/// The columns of B that are packed at a time, a multiple of every panel's width: all of a wide one would take more memory
/// than C.
const SPAN: usize = 1024;

/// C (m, n) += A^T B with A (k, m), B (k, n); `scratch` holds a block of a span of B, and what is copied of A.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(in crate::kernel) unsafe fn gemm_tn<T: Math, S: Simd<T>>(
    s: S,
    m: usize,
    n: usize,
    k: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    scratch: &mut Vec<T>,
) {
    if is_narrow::<T, S>(m, n) {
        // SAFETY: passed on.
        unsafe { narrow_tn(s, m, n, k, a, lda, b, ldb, c, ldc, scratch) };
        return;
    }
    for j in (0..n).step_by(SPAN) {
        // SAFETY: columns j and on exist in B and C.
        unsafe { span_tn(s, m, SPAN.min(n - j), k, a, lda, b.add(j), ldb, c.add(j), ldc, scratch) };
    }
}

/// The same for one span of columns.
///
/// # Safety
/// As [`gemm_tn`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
unsafe fn span_tn<T: Math, S: Simd<T>>(
    s: S,
    m: usize,
    n: usize,
    k: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    scratch: &mut Vec<T>,
) {
    if m == 0 {
        return;
    }
    let width = panel_width::<T, S>();
    let copied = lda * size_of::<T>() >= LONG_ROW_BYTES;
    let (block, chunk) = block_and_chunk::<T, S>(m, n, k);
    let group = if copied { GROUP } else { chunk };
    // panels of a block of k, one after the other, and behind them the chunk
    let panels = block * n.next_multiple_of(width);
    let room = panels + if copied { block * m.min(chunk).next_multiple_of(GROUP) } else { 0 };
    lengthen(scratch, room);
    let panel = scratch.as_mut_ptr();
    let mut p = 0;
    while p < k {
        let depth = block.min(k - p);
        for j in (0..n).step_by(width) {
            // SAFETY: columns from j on exist, and k from p on for depth; there is room for a panel of that depth.
            unsafe { pack_rows(s, depth, width.min(n - j), b.add(p * ldb + j), ldb, panel.add(j * block)) };
        }
        let mut i = 0;
        while i < m {
            let rows = chunk.min(m - i);
            // SAFETY: there is room for all panels, and behind them for the chunk if it is copied; columns i .. i
            // + rows of A and k from p on for depth exist, and so do the tiles of C.
            unsafe {
                let groups = panel.add(panels);
                let from = a.add(p * lda + i);
                if copied {
                    copy_groups(s, block, depth, rows, from, lda, groups);
                }
                let mut j = 0;
                while j < n {
                    let cols = width.min(n - j);
                    let mut g = 0;
                    while g < rows {
                        let c = c.add((i + g) * ldc + j);
                        let a = if copied {
                            Left { start: groups.add(g * block), row: 1, depth: GROUP }
                        } else {
                            Left { start: from, row: 1, depth: lda }
                        };
                        let x = Stretch {
                            rows: group.min(rows - g),
                            depth,
                            a,
                            b: panel.add(j * block),
                            panel: 0,
                            start: Start::From(c, ldc),
                            c,
                            ldc,
                            cols,
                            is_far: true,
                        };
                        stretch_of_any_width(s, x);
                        g += group;
                    }
                    j += width;
                }
            }
            i += rows;
        }
        p += depth;
    }
}

/// A (depth, cols) into groups of GROUP columns, each with room for `block` rows.
///
/// # Safety
/// A is readable, and whole groups for its columns are writable at `out`.
#[inline(always)]
unsafe fn copy_groups<T: Math, S: Simd<T>>(
    s: S,
    block: usize,
    depth: usize,
    cols: usize,
    a: *const T,
    lda: usize,
    out: *mut T,
) {
    for p in 0..depth {
        let mut g = 0;
        while g < cols {
            let count = GROUP.min(cols - g);
            // SAFETY: row p < depth, columns g .. g + count < cols; GROUP is a multiple of LANES, so that a
            // whole vector always fits into the group.
            unsafe {
                let (from, to) = (a.add(p * lda + g), out.add(g * block + p * GROUP));
                let mut c = 0;
                while c + S::LANES <= count {
                    s.store(to.add(c), s.load(from.add(c)));
                    c += S::LANES;
                }
                if c < count {
                    s.store(to.add(c), s.load_partial(from.add(c), count - c, s.splat(T::ZERO)));
                }
            }
            g += GROUP;
        }
    }
}
