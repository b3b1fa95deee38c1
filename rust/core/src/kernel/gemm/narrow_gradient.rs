//! C += A^T B over many k for a B of few columns: the gradient of the weights of few inputs.
//!
//! A tile of columns of A by columns of B leaves most of each vector empty. Here the vectors hold columns of A, which are read
//! in place, and the sums are the elements of C transposed. Each sum is in the order of k, as everywhere.

use super::pack::panel_width;
use crate::kernel::math::Math;
use crate::kernel::simd::Simd;
use crate::memory::lengthen;

/// So many k at a time: several tiles read the same rows of A.
const DEPTH: usize = 128;

/// Whether this form makes at most half the vectors that the other makes. Where it saves less, reading A in place costs more.
#[inline(always)]
pub(super) fn is_narrow<T: Math, S: Simd<T>>(m: usize, n: usize) -> bool {
    2 * n * m.div_ceil(S::LANES) <= m * n.div_ceil(S::LANES)
}

/// C (m, n) += A^T B with A (k, m), B (k, n); `scratch` holds C transposed.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(super) unsafe fn narrow_tn<T: Math, S: Simd<T>>(
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
    // one vector more than a row has, so that rows of a page or more do not begin in one set of the first cache
    let row = m.next_multiple_of(S::LANES) + S::LANES;
    lengthen(scratch, row * n);
    let turned = scratch.as_mut_ptr();
    // SAFETY: C has m rows of n elements, ldc apart; the scratch has room for as many.
    unsafe {
        for i in 0..m {
            (0..n).for_each(|j| *turned.add(j * row + i) = *c.add(i * ldc + j));
        }
    }
    let width = panel_width::<T, S>();
    let tiles = n.div_ceil(S::TILE_ROWS);
    for p in (0..k).step_by(DEPTH) {
        let depth = DEPTH.min(k - p);
        let mut i = 0;
        while i < m {
            let (vectors, cols) = match m - i {
                left if left >= width => (S::TILE_VECTORS, width),
                left => (1, S::LANES.min(left)),
            };
            let mut j = 0;
            for t in 0..tiles {
                let rows = n / tiles + usize::from(t < n % tiles);
                // SAFETY: columns i .. i + cols of A and j .. j + rows of B exist, and k from p on for depth.
                unsafe {
                    let x = Narrow {
                        depth,
                        a: a.add(p * lda + i),
                        lda,
                        b: b.add(p * ldb + j),
                        ldb,
                        c: turned.add(j * row + i),
                        ldc: row,
                        cols,
                    };
                    tile_of_any_size(s, &x, rows, vectors);
                }
                j += rows;
            }
            i += cols;
        }
    }
    // SAFETY: as above.
    unsafe {
        for i in 0..m {
            (0..n).for_each(|j| *c.add(i * ldc + j) = *turned.add(j * row + i));
        }
    }
}

/// A tile of C transposed: some columns of B by `cols` columns of A, which are whole vectors or less than one.
struct Narrow<T> {
    depth: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    cols: usize,
}

/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tile_of_any_size<T: Math, S: Simd<T>>(s: S, x: &Narrow<T>, rows: usize, vectors: usize) {
    // SAFETY: passed on; a tile has one vector or TILE_VECTORS, and at most TILE_ROWS rows.
    unsafe {
        match vectors {
            1 => tile_of_any_height::<T, S, 1>(s, x, rows),
            2 => tile_of_any_height::<T, S, 2>(s, x, rows),
            _ if S::TILE_VECTORS >= 4 => tile_of_any_height::<T, S, 4>(s, x, rows),
            _ => unreachable!("a tile of {vectors} vectors"),
        }
    }
}

/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tile_of_any_height<T: Math, S: Simd<T>, const VECTORS: usize>(s: S, x: &Narrow<T>, rows: usize) {
    // SAFETY: passed on.
    unsafe {
        match rows {
            1 => tile::<T, S, 1, VECTORS>(s, x),
            2 => tile::<T, S, 2, VECTORS>(s, x),
            3 if S::TILE_ROWS >= 3 => tile::<T, S, 3, VECTORS>(s, x),
            4 if S::TILE_ROWS >= 4 => tile::<T, S, 4, VECTORS>(s, x),
            5 if S::TILE_ROWS >= 5 => tile::<T, S, 5, VECTORS>(s, x),
            _ if S::TILE_ROWS >= 6 => tile::<T, S, 6, VECTORS>(s, x),
            _ => unreachable!("a tile of {rows} rows"),
        }
    }
}

/// # Safety
/// The columns of A and of B are readable for the depth, the tile of C is readable and writable; the columns of A are
/// VECTORS vectors, or less than one if VECTORS is 1.
#[inline(always)]
unsafe fn tile<T: Math, S: Simd<T>, const ROWS: usize, const VECTORS: usize>(s: S, x: &Narrow<T>) {
    let zero = s.splat(T::ZERO);
    let mut sums = [[zero; VECTORS]; ROWS];
    let is_partial = VECTORS == 1 && x.cols < S::LANES;
    // SAFETY: the caller vouches for the columns; a partial vector is `cols` long.
    unsafe {
        let load = |at: *const T| if is_partial { s.load_partial(at, x.cols, zero) } else { s.load(at) };
        for (j, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = load(x.c.add(j * x.ldc + v * S::LANES));
            }
        }
        let (mut a, mut b) = (x.a, x.b);
        for _ in 0..x.depth {
            let mut left = [zero; ROWS];
            for (j, left) in left.iter_mut().enumerate() {
                *left = s.splat(*b.add(j));
            }
            for v in 0..VECTORS {
                let right = load(a.add(v * S::LANES));
                for (sums, left) in sums.iter_mut().zip(left) {
                    sums[v] = s.mul_add(left, right, sums[v]);
                }
            }
            (a, b) = (a.wrapping_add(x.lda), b.wrapping_add(x.ldb));
        }
        for (j, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                let to = x.c.add(j * x.ldc + v * S::LANES);
                if is_partial {
                    s.store_partial(to, x.cols, *sum);
                } else {
                    s.store(to, *sum);
                }
            }
        }
    }
}
