//! What the vector functions need of `f32`.

use super::{Math, erf, gamma, polynomial, trig};
use crate::kernel::simd::Simd;

impl Math for f32 {
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    const EXP_MIN: f32 = -104.0;
    const EXP_MAX: f32 = 89.0;
    const EXPM1_MIN: f32 = -20.0;
    // 9.02: tanh rounds to 1 beyond it.
    const TANH_MAX: f32 = 9.02;
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const WHOLE: f32 = (1u32 << 23) as f32;
    const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];
    const TINY: f32 = f32::MIN_POSITIVE;
    const LIFT: (f32, f32) = (33_554_432.0, 25.0);

    /// Coefficients: Cephes expf (S. Moshier).
    #[inline(always)]
    fn expm1_reduced<S: Simd<f32>>(s: S, r: S::V) -> S::V {
        let p = polynomial(
            s,
            r,
            [0.5, 0.166_666_65, 0.041_665_796, 0.008_333_452, 0.001_398_199_9, 0.000_198_756_92],
        );
        s.mul_add(s.mul(r, r), p, r)
    }

    /// Coefficients: Cephes logf (S. Moshier).
    #[inline(always)]
    fn log1p_reduced<S: Simd<f32>>(s: S, f: S::V, e: S::V) -> S::V {
        let p = polynomial(
            s,
            f,
            [
                0.333_333_3,
                -0.25,
                0.200_007_15,
                -0.166_680_58,
                0.142_493_23,
                -0.124_201_41,
                0.116_769_99,
                -0.115_146_1,
                0.070_376_836,
            ],
        );
        let square = s.mul(f, f);
        let y = s.mul(s.mul(square, f), p);
        let y = s.mul_add(e, s.splat(Self::LN_2[1]), y);
        let y = s.neg_mul_add(s.splat(0.5), square, y);
        s.mul_add(e, s.splat(Self::LN_2[0]), s.add(f, y))
    }

    #[inline(always)]
    fn erf<S: Simd<f32>>(s: S, x: S::V) -> S::V {
        erf::erf(s, x)
    }

    #[inline(always)]
    fn sin<S: Simd<f32>>(s: S, x: S::V) -> S::V {
        trig::sin(s, x)
    }

    #[inline(always)]
    fn cos<S: Simd<f32>>(s: S, x: S::V) -> S::V {
        trig::cos(s, x)
    }

    #[inline(always)]
    fn sqrt(self) -> f32 {
        self.sqrt()
    }

    fn pow(a: f32, b: f32) -> f32 {
        f64::from(a).powf(f64::from(b)) as f32
    }

    fn lgamma(self) -> f32 {
        gamma::lgamma(f64::from(self)) as f32
    }

    fn digamma(self) -> f32 {
        gamma::digamma(f64::from(self)) as f32
    }

    fn polygamma(n: f32, x: f32) -> f32 {
        gamma::polygamma(f64::from(n), f64::from(x)) as f32
    }
}
