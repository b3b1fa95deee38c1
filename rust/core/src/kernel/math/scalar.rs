//! Functions of one number, for what is too rare or too far out to be worth a vector. The error of `erf` is
//! below 1e-15; the others are the standard library's, rounded.

/// sin of a large number, rounded from `f64`.
pub(super) fn sin_f32(x: f32) -> f32 {
    f64::from(x).sin() as f32
}

/// cos of a large number, rounded from `f64`.
pub(super) fn cos_f32(x: f32) -> f32 {
    f64::from(x).cos() as f32
}

/// The error function; relative error below 1e-15.
///
/// Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969),
/// with the coefficients of his CALERF (netlib specfun).
pub(in crate::kernel) fn erf(x: f64) -> f64 {
    let y = x.abs();
    if y <= 0.46875 {
        // Below 1e-150 the square is 0, which is as good.
        x * near(x * x)
    } else if y >= 6.0 {
        // 5.93: erf rounds to 1 beyond it.
        1.0_f64.copysign(x)
    } else if x.is_nan() {
        x
    } else {
        // erf(x) = 1 - erfc(|x|), whose exp(-y^2) is split so that the square is exact.
        let tail = if y <= 4.0 { middle(y) } else { far(y) };
        let head = f64::from((y * 16.0) as i32) / 16.0;
        let rest = (y - head) * (y + head);
        let erfc = (-head * head).exp() * (-rest).exp() * tail;
        ((0.5 - erfc) + 0.5).copysign(x)
    }
}

/// erf(x) / x for x^2 = z, |x| <= 0.46875.
fn near(z: f64) -> f64 {
    const A: [f64; 5] = [
        3.161_123_743_870_565_60e0,
        1.138_641_541_510_501_56e2,
        3.774_852_376_853_020_21e2,
        3.209_377_589_138_469_47e3,
        1.857_777_061_846_031_53e-1,
    ];
    const B: [f64; 4] = [
        2.360_129_095_234_412_09e1,
        2.440_246_379_344_441_73e2,
        1.282_616_526_077_372_28e3,
        2.844_236_833_439_170_62e3,
    ];
    let mut above = A[4] * z;
    let mut below = z;
    for i in 0..3 {
        above = (above + A[i]) * z;
        below = (below + B[i]) * z;
    }
    (above + A[3]) / (below + B[3])
}

/// exp(y^2) erfc(y) for 0.46875 <= y <= 4.
fn middle(y: f64) -> f64 {
    const C: [f64; 9] = [
        5.641_884_969_886_700_89e-1,
        8.883_149_794_388_375_94e0,
        6.611_919_063_714_162_95e1,
        2.986_351_381_974_001_31e2,
        8.819_522_212_417_690_90e2,
        1.712_047_612_634_070_58e3,
        2.051_078_377_826_071_47e3,
        1.230_339_354_797_997_25e3,
        2.153_115_354_744_038_46e-8,
    ];
    const D: [f64; 8] = [
        1.574_492_611_070_983_47e1,
        1.176_939_508_913_124_99e2,
        5.371_811_018_620_098_58e2,
        1.621_389_574_566_690_19e3,
        3.290_799_235_733_459_63e3,
        4.362_619_090_143_247_16e3,
        3.439_367_674_143_721_64e3,
        1.230_339_354_803_749_42e3,
    ];
    let mut above = C[8] * y;
    let mut below = y;
    for i in 0..7 {
        above = (above + C[i]) * y;
        below = (below + D[i]) * y;
    }
    (above + C[7]) / (below + D[7])
}

/// exp(y^2) erfc(y) for y >= 4.
fn far(y: f64) -> f64 {
    const P: [f64; 6] = [
        3.053_266_349_612_323_44e-1,
        3.603_448_999_498_044_39e-1,
        1.257_817_261_112_292_46e-1,
        1.608_378_514_874_227_66e-2,
        6.587_491_615_298_378_03e-4,
        1.631_538_713_730_209_78e-2,
    ];
    const Q: [f64; 5] = [
        2.568_520_192_289_822_42e0,
        1.872_952_849_923_460_47e0,
        5.279_051_029_514_284_12e-1,
        6.051_834_131_244_131_91e-2,
        2.335_204_976_268_691_85e-3,
    ];
    let z = 1.0 / (y * y);
    let mut above = P[5] * z;
    let mut below = z;
    for i in 0..4 {
        above = (above + P[i]) * z;
        below = (below + Q[i]) * z;
    }
    let correction = z * (above + P[4]) / (below + Q[4]);
    (std::f64::consts::FRAC_2_SQRT_PI * 0.5 - correction) / y
}
