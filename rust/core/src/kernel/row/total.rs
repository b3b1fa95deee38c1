//! Sums and maxima over one row, in an order that depends on its width alone.

use super::maps::Map;
use super::operand::Operand;
use crate::kernel::math::{self, Math};
use crate::kernel::simd::Simd;

/// The sum of f(x) over a row; `fill` is a number whose f is 0.
///
/// # Safety
/// The row has `cols` columns.
#[inline(always)]
pub(super) unsafe fn sum<T: Math, S: Simd<T>, F: Map<T, 1>>(
    s: S,
    x: &Operand<T>,
    cols: usize,
    fill: T,
    f: F,
) -> T {
    // Four sums hide the latency of addition.
    let mut sums = [s.splat(T::ZERO); 4];
    let mut c = 0;
    // SAFETY: all columns that are read are below cols.
    unsafe {
        while c + 4 * S::LANES <= cols {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = s.add(*sum, f.apply(s, [x.load(s, c + i * S::LANES)]));
            }
            c += 4 * S::LANES;
        }
        while c + S::LANES <= cols {
            sums[0] = s.add(sums[0], f.apply(s, [x.load(s, c)]));
            c += S::LANES;
        }
        if c < cols {
            sums[1] = s.add(sums[1], f.apply(s, [x.load_partial(s, c, cols - c, s.splat(fill))]));
        }
    }
    total(s, sums)
}

/// The sum of a b over a row.
///
/// # Safety
/// Both rows have `cols` columns.
#[inline(always)]
pub(super) unsafe fn dot<T: Math, S: Simd<T>>(s: S, a: &Operand<T>, b: &Operand<T>, cols: usize) -> T {
    let mut sums = [s.splat(T::ZERO); 4];
    let mut c = 0;
    // SAFETY: all columns that are read are below cols.
    unsafe {
        while c + 4 * S::LANES <= cols {
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = c + i * S::LANES;
                *sum = s.mul_add(a.load(s, at), b.load(s, at), *sum);
            }
            c += 4 * S::LANES;
        }
        while c + S::LANES <= cols {
            sums[0] = s.mul_add(a.load(s, c), b.load(s, c), sums[0]);
            c += S::LANES;
        }
        if c < cols {
            let (count, zero) = (cols - c, s.splat(T::ZERO));
            sums[1] =
                s.mul_add(a.load_partial(s, c, count, zero), b.load_partial(s, c, count, zero), sums[1]);
        }
    }
    total(s, sums)
}

/// The same sum with the order and the roundings of `sum` over stored products.
///
/// # Safety
/// Both rows have `cols` columns.
#[inline(always)]
pub(super) unsafe fn product_sum<T: Math, S: Simd<T>>(
    s: S,
    a: &Operand<T>,
    b: &Operand<T>,
    cols: usize,
) -> T {
    let mut sums = [s.splat(T::ZERO); 4];
    let mut c = 0;
    // SAFETY: all columns that are read are below cols.
    unsafe {
        while c + 4 * S::LANES <= cols {
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = c + i * S::LANES;
                *sum = s.add(*sum, s.mul(a.load(s, at), b.load(s, at)));
            }
            c += 4 * S::LANES;
        }
        while c + S::LANES <= cols {
            sums[0] = s.add(sums[0], s.mul(a.load(s, c), b.load(s, c)));
            c += S::LANES;
        }
        if c < cols {
            let (count, zero) = (cols - c, s.splat(T::ZERO));
            let product = s.mul(a.load_partial(s, c, count, zero), b.load_partial(s, c, count, zero));
            sums[1] = s.add(sums[1], product);
        }
    }
    total(s, sums)
}

/// The sum of four vectors of sums.
#[inline(always)]
fn total<T: Math, S: Simd<T>>(s: S, sums: [S::V; 4]) -> T {
    s.sum(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])))
}

/// The sums of d and of d y over a row.
///
/// # Safety
/// Both rows have `cols` columns.
#[inline(always)]
pub(super) unsafe fn sum_and_dot<T: Math, S: Simd<T>>(
    s: S,
    d: &Operand<T>,
    y: &Operand<T>,
    cols: usize,
) -> (T, T) {
    let mut sums = [s.splat(T::ZERO); 4];
    let mut dots = sums;
    let mut c = 0;
    // SAFETY: all columns that are read are below cols.
    unsafe {
        while c + 4 * S::LANES <= cols {
            for i in 0..4 {
                let at = c + i * S::LANES;
                let d = d.load(s, at);
                sums[i] = s.add(sums[i], d);
                dots[i] = s.mul_add(d, y.load(s, at), dots[i]);
            }
            c += 4 * S::LANES;
        }
        while c + S::LANES <= cols {
            let d = d.load(s, c);
            sums[0] = s.add(sums[0], d);
            dots[0] = s.mul_add(d, y.load(s, c), dots[0]);
            c += S::LANES;
        }
        if c < cols {
            let (count, zero) = (cols - c, s.splat(T::ZERO));
            let d = d.load_partial(s, c, count, zero);
            sums[1] = s.add(sums[1], d);
            dots[1] = s.mul_add(d, y.load_partial(s, c, count, zero), dots[1]);
        }
    }
    (total(s, sums), total(s, dots))
}

/// The largest of a row, NaN if any is NaN, -inf if it is empty.
///
/// # Safety
/// The row has `cols` columns.
#[inline(always)]
pub(super) unsafe fn max<T: Math, S: Simd<T>>(s: S, x: &Operand<T>, cols: usize) -> T {
    let least = s.splat(-T::INFINITY);
    let mut best = least;
    let mut c = 0;
    // SAFETY: all columns that are read are below cols.
    unsafe {
        while c + S::LANES <= cols {
            best = larger(s, best, x.load(s, c));
            c += S::LANES;
        }
        if c < cols {
            best = larger(s, best, x.load_partial(s, c, cols - c, least));
        }
    }
    if s.all(s.eq(best, best)) { s.largest(best) } else { T::NAN }
}

/// The larger of two vectors, NaN where either is.
#[inline(always)]
pub(super) fn larger<T: Math, S: Simd<T>>(s: S, a: S::V, b: S::V) -> S::V {
    s.select(s.eq(a, a), s.max(a, b), a)
}

/// x
pub(super) struct Plain;

impl<T: Math> Map<T, 1> for Plain {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, _s: S, [x]: [S::V; 1]) -> S::V {
        x
    }
}

/// (x - center)^2
pub(super) struct SquareAround<T>(pub(super) T);

impl<T: Math> Map<T, 1> for SquareAround<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        let d = s.sub(x, s.splat(self.0));
        s.mul(d, d)
    }
}

/// exp(x - shift)
pub(super) struct ShiftedExp<T>(pub(super) T);

impl<T: Math> Map<T, 1> for ShiftedExp<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        math::exp(s, s.sub(x, s.splat(self.0)))
    }
}

/// exp(x - shift) for x <= shift
pub(super) struct ExpBelow<T>(pub(super) T);

impl<T: Math> Map<T, 1> for ExpBelow<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        let (power, rest) = math::exp_parts(s, s.sub(x, s.splat(self.0)));
        s.mul_add(power, rest, power)
    }
}
