//! exp and its kin: x = n ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n exp(r).
//!
//! Worst error for all x whose result is a normal number: `exp` 1.01 ULP (f32), 1 ULP compared with the standard
//! library (f64); `elu` 0.91 ULP (f32), 1 ULP (f64). Results below the normal numbers underflow gradually.

use super::Math;
use crate::kernel::simd::Simd;

/// exp(x); overflow gives infinity, underflow gradually 0.
#[inline(always)]
pub(in crate::kernel) fn exp<T: Math, S: Simd<T>>(s: S, x: S::V) -> S::V {
    let x = s.max(s.splat(T::EXP_MIN), s.min(s.splat(T::EXP_MAX), x));
    let (n, r) = reduce(s, x);
    s.scale(s.add(T::expm1_reduced(s, r), s.splat(T::ONE)), n)
}

/// (p, q) with exp(x) = p + p q and p a power of two, for x <= 0; p is 0 or denormal where exp is.
#[inline(always)]
pub(in crate::kernel) fn exp_parts<T: Math, S: Simd<T>>(s: S, x: S::V) -> (S::V, S::V) {
    let (n, r) = reduce(s, s.max(s.splat(T::EXP_MIN), x));
    (s.scale(s.splat(T::ONE), n), T::expm1_reduced(s, r))
}

/// exp(x) - 1 for x between `EXPM1_MIN` (which stands for all below) and 2 `TANH_MAX`, accurate near 0.
#[inline(always)]
pub(super) fn expm1<T: Math, S: Simd<T>>(s: S, x: S::V) -> S::V {
    let (n, r) = reduce(s, s.max(s.splat(T::EXPM1_MIN), x));
    let one = s.splat(T::ONE);
    let power = s.scale(one, n);
    // 2^n (e^r - 1) + (2^n - 1): at n = 0 the second term is exactly 0, and elsewhere nothing cancels.
    s.mul_add(power, T::expm1_reduced(s, r), s.sub(power, one))
}

/// x > 0 ? x : alpha (exp(x) - 1)
#[inline(always)]
pub(in crate::kernel) fn elu<T: Math, S: Simd<T>>(s: S, alpha: T, x: S::V) -> S::V {
    let zero = s.splat(T::ZERO);
    let negative = s.mul(s.splat(alpha), expm1(s, s.min(zero, x)));
    s.select(s.lt(zero, x), x, negative)
}

/// (n, r) with x = n ln 2 + r, n whole and |r| <= ln 2 / 2.
#[inline(always)]
fn reduce<T: Math, S: Simd<T>>(s: S, x: S::V) -> (S::V, S::V) {
    let n = s.round(s.mul(x, s.splat(T::LOG2_E)));
    let r = s.neg_mul_add(n, s.splat(T::LN_2[0]), x);
    (n, s.neg_mul_add(n, s.splat(T::LN_2[1]), r))
}
