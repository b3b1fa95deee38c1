//! Functions on vectors: approximations of our own, written once over [`Simd`] and [`Math`].
//!
//! [`Math`] holds what differs between `f32` and `f64`, polynomials above all; the functions made of them are
//! free functions in a file for each family. Every file states the range and the worst error measured (f32:
//! on 10^8 numbers of all exponents, for all instruction sets), and `tests/accuracy.rs` measures it again.

// Coefficients stand as their sources print them.
#![allow(clippy::excessive_precision)]

mod erf;
mod exp;
mod f32;
mod f64;
mod gamma;
mod log;
mod scalar;
mod sigmoid;
mod trig;

use super::real::Real;
use super::simd::{MAX_LANES, Simd};

pub(super) use exp::{elu, exp, exp_parts};
pub(super) use log::{log, softplus};
pub(super) use sigmoid::{gelu, sigmoid, silu, tanh};

#[cfg(test)]
pub(super) use gamma::{digamma as scalar_digamma, lgamma as scalar_lgamma, polygamma as scalar_polygamma};
#[cfg(test)]
pub(super) use scalar::erf as scalar_erf;

/// The constants and conversions of a number type that the vector functions use.
pub(super) trait Math: Real {
    const INFINITY: Self;
    const NAN: Self;

    /// exp is 0 at and below this, or a denormal about to be.
    const EXP_MIN: Self;
    /// exp overflows at this and above.
    const EXP_MAX: Self;
    /// exp(x) - 1 is -1 at and below this.
    const EXPM1_MIN: Self;
    /// tanh is 1 at and above this.
    const TANH_MAX: Self;
    const LOG2_E: Self;
    /// The least number from which on all numbers are whole: 2^23 (f32) or 2^52 (f64).
    const WHOLE: Self;
    /// ln 2 in two parts; the first has so few bits that its products with exponents are exact.
    const LN_2: [Self; 2];
    /// The least positive normal number.
    const TINY: Self;
    /// A power of two that lifts every denormal above `TINY`, and its logarithm.
    const LIFT: (Self, Self);

    /// exp(r) - 1 for |r| <= ln 2 / 2.
    fn expm1_reduced<S: Simd<Self>>(s: S, r: S::V) -> S::V;
    /// log(1 + f) + e ln 2 for sqrt(1/2) <= 1 + f < sqrt 2.
    fn log1p_reduced<S: Simd<Self>>(s: S, f: S::V, e: S::V) -> S::V;
    fn erf<S: Simd<Self>>(s: S, x: S::V) -> S::V;
    fn sin<S: Simd<Self>>(s: S, x: S::V) -> S::V;
    fn cos<S: Simd<Self>>(s: S, x: S::V) -> S::V;
    fn sqrt(self) -> Self;
    /// a to the power b, of numbers.
    fn pow(a: Self, b: Self) -> Self;
    fn lgamma(self) -> Self;
    fn digamma(self) -> Self;
    /// The derivative number n of digamma.
    fn polygamma(n: Self, x: Self) -> Self;
}

/// log |gamma(x)|, lane by lane.
#[inline(always)]
pub(super) fn lgamma<T: Math, S: Simd<T>>(s: S, x: S::V) -> S::V {
    each_lane(s, x, T::lgamma)
}

/// The derivative of [`lgamma`], lane by lane.
#[inline(always)]
pub(super) fn digamma<T: Math, S: Simd<T>>(s: S, x: S::V) -> S::V {
    each_lane(s, x, T::digamma)
}

/// The derivative number n of [`digamma`], lane by lane.
#[inline(always)]
pub(super) fn polygamma<T: Math, S: Simd<T>>(s: S, n: S::V, x: S::V) -> S::V {
    let (n, mut x) = (lanes(s, n), lanes(s, x));
    for (x, n) in x.iter_mut().zip(n).take(S::LANES) {
        *x = T::polygamma(n, *x);
    }
    from_lanes(s, &x)
}

/// a to the power b, lane by lane.
#[inline(always)]
pub(super) fn pow<T: Math, S: Simd<T>>(s: S, a: S::V, b: S::V) -> S::V {
    let (mut x, y) = (lanes(s, a), lanes(s, b));
    for (x, y) in x.iter_mut().zip(y) {
        *x = T::pow(*x, y);
    }
    from_lanes(s, &x)
}

/// `f` of every lane, one after the other.
#[inline(always)]
fn each_lane<T: Math, S: Simd<T>>(s: S, x: S::V, f: fn(T) -> T) -> S::V {
    let mut lanes = lanes(s, x);
    for x in &mut lanes[..S::LANES] {
        *x = f(*x);
    }
    from_lanes(s, &lanes)
}

/// The lanes of a vector, and zeros behind them.
#[inline(always)]
pub(super) fn lanes<T: Real, S: Simd<T>>(s: S, x: S::V) -> [T; MAX_LANES] {
    let mut lanes = [T::ZERO; MAX_LANES];
    // SAFETY: LANES <= MAX_LANES.
    unsafe { s.store(lanes.as_mut_ptr(), x) };
    lanes
}

#[inline(always)]
fn from_lanes<T: Real, S: Simd<T>>(s: S, lanes: &[T; MAX_LANES]) -> S::V {
    // SAFETY: LANES <= MAX_LANES.
    unsafe { s.load(lanes.as_ptr()) }
}

/// c[0] + c[1] x + c[2] x^2 + ...
#[inline(always)]
fn polynomial<T: Math, S: Simd<T>, const N: usize>(s: S, x: S::V, c: [T; N]) -> S::V {
    let mut sum = s.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.mul_add(sum, x, s.splat(c[i]));
    }
    sum
}
