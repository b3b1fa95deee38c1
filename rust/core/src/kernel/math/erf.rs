//! erf of `f32` vectors. Worst error for all x: 1.67 ULP.

use super::{exp, polynomial};
use crate::kernel::simd::Simd;

/// erf(x) = x + x P(x^2) up to 0.9277, and 1 - exp(-|x| Q(|x|)) beyond.
///
/// Coefficients: N. Juffa's minimax fit ("Computing the error function in single precision", 2015).
#[inline(always)]
pub(super) fn erf<S: Simd<f32>>(s: S, x: S::V) -> S::V {
    const SPLIT: f32 = 0.927_734_4;
    let size = s.abs(x);
    let square = s.mul(x, x);
    let near = polynomial(
        s,
        square,
        [0.128_379_17, -0.376_125_34, 0.112_819_925, -0.026_768_135, 0.004_991_194_2, -0.000_596_761_7],
    );
    let near = s.mul_add(near, x, x);
    // 4.0: erf rounds to 1 beyond 3.92, and the polynomial holds to there alone.
    let t = s.min(s.splat(4.0), size);
    let far = polynomial(
        s,
        t,
        [
            -1.128_717_5,
            -0.634_846_87,
            -0.106_777_88,
            0.024_254_622,
            -0.003_883_964_4,
            0.000_383_197_13,
            -0.000_017_285_347,
        ],
    );
    let far = s.sub(s.splat(1.0), exp(s, s.mul(far, t)));
    s.select(s.le(size, s.splat(SPLIT)), near, s.with_sign(far, x))
}
