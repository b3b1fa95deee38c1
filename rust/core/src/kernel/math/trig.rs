//! sin and cos of `f32` vectors: x = n pi/2 + r with |r| <= pi/4, up to |x| = 10^4; beyond it lane by lane.
//!
//! Worst error for all x, also near the zeros: 2.39 ULP.

use super::{each_lane, polynomial, scalar};
use crate::kernel::simd::Simd;

/// Beyond this the parts of pi/2 no longer have products with n that are exact.
const REDUCIBLE: f32 = 1.0e4;

/// pi/2 in four parts; the first three have at most 11 bits, so that their products with n <= 6367 are exact.
const HALF_PI: [f32; 4] = [1.570_312_5, 0.000_483_751_3, 7.549_533_6e-8, 2.563_344e-12];

#[inline(always)]
pub(super) fn sin<S: Simd<f32>>(s: S, x: S::V) -> S::V {
    turned(s, x, 0.0, scalar::sin_f32)
}

#[inline(always)]
pub(super) fn cos<S: Simd<f32>>(s: S, x: S::V) -> S::V {
    // cos(x) = sin(x + pi/2): one quarter further round.
    turned(s, x, 1.0, scalar::cos_f32)
}

/// sin(x + quarters pi/2); `far` computes it for large x.
#[inline(always)]
fn turned<S: Simd<f32>>(s: S, x: S::V, quarters: f32, far: fn(f32) -> f32) -> S::V {
    let one = s.splat(1.0);
    let n = s.round(s.mul(x, s.splat(std::f32::consts::FRAC_2_PI)));
    let mut r = x;
    for part in HALF_PI {
        r = s.neg_mul_add(n, s.splat(part), r);
    }
    // The quadrant as one of -2, -1, 0, 1, 2.
    let q = s.add(n, s.splat(quarters));
    let q = s.neg_mul_add(s.splat(4.0), s.round(s.mul(q, s.splat(0.25))), q);

    // Coefficients: Cephes sinf and cosf (S. Moshier).
    let z = s.mul(r, r);
    let sin = polynomial(s, z, [-0.166_666_55, 0.008_332_161, -0.000_195_152_96]);
    let sin = s.mul_add(s.mul(sin, z), r, r);
    let cos = polynomial(s, z, [-0.5, 0.041_666_646, -0.001_388_731_6, 0.000_024_433_157]);
    let cos = s.mul_add(cos, z, one);

    let y = s.select(s.eq(s.abs(q), one), cos, sin);
    let upside_down = s.or(s.eq(q, s.neg(one)), s.eq(s.abs(q), s.splat(2.0)));
    let y = s.select(upside_down, s.neg(y), y);

    let reducible = s.le(s.abs(x), s.splat(REDUCIBLE));
    if s.all(reducible) { y } else { s.select(reducible, y, each_lane(s, x, far)) }
}
