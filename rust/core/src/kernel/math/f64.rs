//! What the vector functions need of `f64`.

use super::{Math, each_lane, gamma, polynomial, scalar};
use crate::kernel::simd::Simd;

impl Math for f64 {
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    const EXP_MIN: f64 = -746.0;
    const EXP_MAX: f64 = 710.0;
    const EXPM1_MIN: f64 = -40.0;
    // 19.07: tanh rounds to 1 beyond it.
    const TANH_MAX: f64 = 19.07;
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const WHOLE: f64 = (1u64 << 52) as f64;
    const LN_2: [f64; 2] = [6.931_471_803_691_238_164_90e-1, 1.908_214_929_270_587_700_02e-10];
    const TINY: f64 = f64::MIN_POSITIVE;
    const LIFT: (f64, f64) = (18_014_398_509_481_984.0, 54.0);

    /// Taylor's series to r^13: its next term is below 5e-18.
    #[inline(always)]
    fn expm1_reduced<S: Simd<f64>>(s: S, r: S::V) -> S::V {
        let p = polynomial(
            s,
            r,
            [
                1.0 / 2.0,
                1.0 / 6.0,
                1.0 / 24.0,
                1.0 / 120.0,
                1.0 / 720.0,
                1.0 / 5_040.0,
                1.0 / 40_320.0,
                1.0 / 362_880.0,
                1.0 / 3_628_800.0,
                1.0 / 39_916_800.0,
                1.0 / 479_001_600.0,
                1.0 / 6_227_020_800.0,
            ],
        );
        s.mul_add(s.mul(r, r), p, r)
    }

    /// log(1 + f) = f - f^2/2 + q (f^2/2 + R(q^2)) with q = f / (2 + f). Coefficients: FreeBSD's e_log.c
    /// (Sun, 1993).
    #[inline(always)]
    fn log1p_reduced<S: Simd<f64>>(s: S, f: S::V, e: S::V) -> S::V {
        let q = s.div(f, s.add(f, s.splat(2.0)));
        let z = s.mul(q, q);
        let r = polynomial(
            s,
            z,
            [
                6.666_666_666_666_735_130e-1,
                3.999_999_999_940_941_908e-1,
                2.857_142_874_366_239_149e-1,
                2.222_219_843_214_978_396e-1,
                1.818_357_216_161_805_012e-1,
                1.531_383_769_920_937_332e-1,
                1.479_819_860_511_658_591e-1,
            ],
        );
        let half_square = s.mul(s.mul(s.splat(0.5), f), f);
        let small = s.mul(q, s.mul_add(r, z, half_square));
        let small = s.mul_add(e, s.splat(Self::LN_2[1]), small);
        s.mul_add(e, s.splat(Self::LN_2[0]), s.sub(f, s.sub(half_square, small)))
    }

    #[inline(always)]
    fn erf<S: Simd<f64>>(s: S, x: S::V) -> S::V {
        each_lane(s, x, scalar::erf)
    }

    #[inline(always)]
    fn sin<S: Simd<f64>>(s: S, x: S::V) -> S::V {
        each_lane(s, x, f64::sin)
    }

    #[inline(always)]
    fn cos<S: Simd<f64>>(s: S, x: S::V) -> S::V {
        each_lane(s, x, f64::cos)
    }

    #[inline(always)]
    fn sqrt(self) -> f64 {
        self.sqrt()
    }

    fn pow(a: f64, b: f64) -> f64 {
        a.powf(b)
    }

    fn lgamma(self) -> f64 {
        gamma::lgamma(self)
    }

    fn digamma(self) -> f64 {
        gamma::digamma(self)
    }

    fn polygamma(n: f64, x: f64) -> f64 {
        gamma::polygamma(n, x)
    }
}
