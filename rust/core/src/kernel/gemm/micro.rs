//! The inner kernel: one tile of C in registers.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// Element (i, p) of A lies at `start + i * row + p * depth`.
#[derive(Copy, Clone)]
pub(super) struct Left<T> {
    pub(super) start: *const T,
    pub(super) row: usize,
    pub(super) depth: usize,
}

/// The initial value of a tile.
#[derive(Copy, Clone)]
pub(super) enum Start<T> {
    Zero,
    /// Element (i, j) lies at `.0 + i * .1 + j`.
    From(*const T, usize),
}

/// C (ROWS, cols) = start + A (ROWS, depth) times PANELS panels, each VECTORS vectors wide.
///
/// `panel` is the stride between panels; `cols` of the last panel's columns exist, of the others all. `is_far`: see
/// [`Stretch`].
///
/// # Safety
/// A and the panels are readable, C is writable, the start is readable; (VECTORS - 1) LANES < `cols` <=
/// VECTORS LANES.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(super) unsafe fn tile<
    T: Math,
    S: Simd<T>,
    const ROWS: usize,
    const VECTORS: usize,
    const PANELS: usize,
>(
    s: S,
    depth: usize,
    a: Left<T>,
    b: *const T,
    panel: usize,
    start: Start<T>,
    c: *mut T,
    ldc: usize,
    cols: usize,
    is_far: bool,
) {
    let width = VECTORS * S::LANES;
    let mut sums = [[[s.splat(T::ZERO); VECTORS]; ROWS]; PANELS];
    // The one vector that may be partial.
    let tail = cols - (VECTORS - 1) * S::LANES;
    let is_partial = |q: usize, j: usize| q == PANELS - 1 && j == VECTORS - 1 && tail < S::LANES;
    // SAFETY: all places are inside the matrices that the caller vouches for; a partial vector is `tail`
    // long.
    unsafe {
        if let Start::From(from, stride) = start {
            for (q, sums) in sums.iter_mut().enumerate() {
                for (i, sums) in sums.iter_mut().enumerate() {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        let from = from.add(i * stride + q * width + j * S::LANES);
                        *sum = if is_partial(q, j) {
                            s.load_partial(from, tail, s.splat(T::ZERO))
                        } else {
                            s.load(from)
                        };
                    }
                }
            }
        }
        if is_far {
            for i in ROWS..2 * ROWS {
                for j in 0..VECTORS {
                    s.prefetch(c.wrapping_add(i * ldc + j * S::LANES));
                }
            }
        }
        let (mut a_at, mut b_at) = (a.start, b);
        for _ in 0..depth {
            let mut left = [s.splat(T::ZERO); ROWS];
            for (i, left) in left.iter_mut().enumerate() {
                *left = s.splat(*a_at.add(i * a.row));
            }
            for (q, sums) in sums.iter_mut().enumerate() {
                for j in 0..VECTORS {
                    let right = s.load(b_at.add(q * panel + j * S::LANES));
                    for (sums, left) in sums.iter_mut().zip(left) {
                        sums[j] = s.mul_add(left, right, sums[j]);
                    }
                }
            }
            a_at = a_at.wrapping_add(a.depth);
            b_at = b_at.wrapping_add(width);
        }
        for (q, sums) in sums.iter().enumerate() {
            for (i, sums) in sums.iter().enumerate() {
                for (j, sum) in sums.iter().enumerate() {
                    let to = c.add(i * ldc + q * width + j * S::LANES);
                    if is_partial(q, j) {
                        s.store_partial(to, tail, *sum);
                    } else {
                        s.store(to, *sum);
                    }
                }
            }
        }
    }
}

/// The stretch of C that one panel, or a pair of panels, makes: `rows` rows in tiles of even height.
#[derive(Copy, Clone)]
pub(super) struct Stretch<T> {
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) a: Left<T>,
    pub(super) b: *const T,
    /// From one panel of the pair to the next.
    pub(super) panel: usize,
    pub(super) start: Start<T>,
    pub(super) c: *mut T,
    pub(super) ldc: usize,
    /// Columns of the last panel.
    pub(super) cols: usize,
    /// C lies in a far cache: while a tile is computed, the one below it is fetched.
    pub(super) is_far: bool,
}

/// All row tiles of a stretch, heights as even as they come: 32 rows are 6+6+5+5+5+5.
///
/// # Safety
/// As [`tile`], for all rows.
#[inline(always)]
pub(super) unsafe fn stretch<T: Math, S: Simd<T>, const VECTORS: usize>(s: S, x: Stretch<T>) {
    let tiles = x.rows.div_ceil(S::TILE_ROWS);
    if tiles == 0 {
        return;
    }
    let (low, high_count) = (x.rows / tiles, x.rows % tiles);
    let mut i = 0;
    for t in 0..tiles {
        let rows = low + usize::from(t < high_count);
        // SAFETY: i + rows <= x.rows; heights do not exceed TILE_ROWS, so the last arm is never beyond it.
        unsafe {
            match rows {
                1 => tile_at::<T, S, 1, VECTORS, 1>(s, &x, i),
                2 => tile_at::<T, S, 2, VECTORS, 1>(s, &x, i),
                3 if S::TILE_ROWS >= 3 => tile_at::<T, S, 3, VECTORS, 1>(s, &x, i),
                4 if S::TILE_ROWS >= 4 => tile_at::<T, S, 4, VECTORS, 1>(s, &x, i),
                5 if S::TILE_ROWS >= 5 => tile_at::<T, S, 5, VECTORS, 1>(s, &x, i),
                _ if S::TILE_ROWS >= 6 => tile_at::<T, S, 6, VECTORS, 1>(s, &x, i),
                _ => unreachable!("a tile of {rows} rows"),
            }
        }
        i += rows;
    }
}

/// One tile of ROWS rows, from row `i` of a stretch on.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn tile_at<
    T: Math,
    S: Simd<T>,
    const ROWS: usize,
    const VECTORS: usize,
    const PANELS: usize,
>(
    s: S,
    x: &Stretch<T>,
    i: usize,
) {
    let start = match x.start {
        Start::Zero => Start::Zero,
        Start::From(from, stride) => Start::From(from.wrapping_add(i * stride), stride),
    };
    let a = Left { start: x.a.start.wrapping_add(i * x.a.row), ..x.a };
    // SAFETY: passed on.
    unsafe {
        let c = x.c.add(i * x.ldc);
        tile::<T, S, ROWS, VECTORS, PANELS>(s, x.depth, a, x.b, x.panel, start, c, x.ldc, x.cols, x.is_far);
    }
}

/// As [`stretch`], for the number of vectors that the columns of the panel need.
///
/// # Safety
/// As [`stretch`].
#[inline(always)]
pub(super) unsafe fn stretch_of_any_width<T: Math, S: Simd<T>>(s: S, x: Stretch<T>) {
    // SAFETY: passed on; a panel has at most TILE_VECTORS vectors, so the last arm is never beyond it.
    unsafe {
        match super::pack::vectors::<T, S>(x.cols) {
            1 => stretch::<T, S, 1>(s, x),
            2 if S::TILE_VECTORS >= 2 => stretch::<T, S, 2>(s, x),
            3 if S::TILE_VECTORS >= 3 => stretch::<T, S, 3>(s, x),
            _ if S::TILE_VECTORS >= 4 => stretch::<T, S, 4>(s, x),
            vectors => unreachable!("a panel of {vectors} vectors"),
        }
    }
}
