//! The logarithm of the gamma function and its derivatives, of one number: too rare to be worth a vector.
//!
//! At the numbers of `kernel/tests/accuracy.rs`, from 1e-300 to 1e300 and left of 0, the error is at most 4.5
//! epsilons: of the value for `lgamma` and `polygamma` of the orders 1 and 2, of the larger of the value and 1 for
//! `digamma`. Left of 0 it is of the larger of the value, |x| and 10, but for `polygamma` of order 2, which has no value
//! there. `f32` is rounded from `f64`.
//!
//! Series: Abramowitz and Stegun 1964, 6.1.33, 6.1.41, 6.3.18 and 6.4.11, with their coefficients computed to
//! 50 digits.

use std::f64::consts::PI;

/// lgamma(2 + z) / z, for |z| <= 1/2: 1 - gamma, then (-1)^k (zeta(k) - 1) / k.
const NEAR_2: [f64; 29] = [
    0.422_784_335_098_467_139_39,
    0.322_467_033_424_113_218_24,
    -0.067_352_301_053_198_095_133,
    0.020_580_808_427_784_547_879,
    -0.007_385_551_028_673_985_266_3,
    0.002_890_510_330_741_523_285_8,
    -0.001_192_753_911_703_260_977_1,
    0.000_509_669_524_743_042_422_34,
    -0.000_223_154_758_453_579_379_76,
    0.000_099_457_512_781_808_533_715,
    -0.000_044_926_236_738_133_141_700,
    0.000_020_507_212_775_670_691_553,
    -9.439_488_275_268_395_904e-6,
    4.374_866_789_907_487_804_2e-6,
    -2.039_215_753_801_366_236_8e-6,
    9.551_412_130_407_419_832_9e-7,
    -4.492_469_198_764_566_043_3e-7,
    2.120_718_480_555_466_586_7e-7,
    -1.004_322_482_396_809_960_9e-7,
    4.769_810_169_363_980_565_8e-8,
    -2.271_109_460_894_316_491e-8,
    1.083_865_921_489_695_409_1e-8,
    -5.183_475_041_970_046_655_1e-9,
    2.483_674_543_802_478_317_2e-9,
    -1.192_140_140_586_091_207_4e-9,
    5.731_367_241_678_862_013_3e-10,
    -2.759_522_885_124_233_145_2e-10,
    1.330_476_437_424_448_948_1e-10,
    -6.422_964_563_838_100_022_1e-11,
];

/// B(2k) / (2k (2k - 1)), for 1/x^(2k - 1).
const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1_260.0,
    -1.0 / 1_680.0,
    1.0 / 1_188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3_617.0 / 122_400.0,
];

/// The positive root of digamma, in two parts.
const ROOT: [f64; 2] = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];

/// The derivatives of digamma at its root, divided by k!.
const NEAR_ROOT: [f64; 40] = [
    0.967_672_245_447_621_170_43,
    -0.442_763_168_983_592_106_09,
    0.258_499_760_955_651_010_62,
    -0.163_942_705_442_406_527_50,
    0.107_824_050_691_262_365_76,
    -0.072_199_561_256_454_710_926,
    0.048_804_288_164_143_107_225,
    -0.033_161_126_474_847_359_292,
    0.022_597_648_232_218_104_660,
    -0.015_424_765_904_948_959_139,
    0.010_538_791_616_612_175_388,
    -0.007_204_534_386_356_868_241_0,
    0.004_926_781_395_729_853_446_4,
    -0.003_369_801_655_439_328_082_8,
    0.002_305_126_326_734_927_836_9,
    -0.001_576_936_771_430_197_259_3,
    0.001_078_825_201_916_296_580_7,
    -0.000_738_070_938_996_005_129_57,
    0.000_504_953_265_834_602_035_18,
    -0.000_345_468_025_106_307_699_56,
    0.000_236_356_015_640_270_527_92,
    -0.000_161_706_220_919_748_034_49,
    0.000_110_633_727_687_474_109_04,
    -0.000_075_691_795_821_950_659_192,
    0.000_051_785_757_952_220_808_690,
    -0.000_035_430_070_947_659_606_316,
    0.000_024_240_066_118_601_317_653,
    -0.000_016_584_242_271_854_133_375,
    0.000_011_346_384_584_663_849_807,
    -7.762_817_668_462_094_425_3e-6,
    5.311_060_920_889_863_387_3e-6,
    -3.633_650_789_801_045_667_9e-6,
    2.486_022_733_129_537_948_9e-6,
    -1.700_853_885_433_260_658_2e-6,
    1.163_667_536_554_884_270_3e-6,
    -7.961_425_431_241_970_400_4e-7,
    5.446_941_930_669_445_278_5e-7,
    -3.726_616_128_343_822_958_9e-7,
    2.549_626_552_021_554_256_7e-7,
    -1.744_369_511_772_774_521_8e-7,
];

/// B(2k) / 2k, for 1/x^2k.
const DIGAMMA: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 120.0,
    1.0 / 252.0,
    -1.0 / 240.0,
    1.0 / 132.0,
    -691.0 / 32_760.0,
    1.0 / 12.0,
    -3_617.0 / 8_160.0,
];

/// B(2k) / (2k)!, of the Euler-Maclaurin sum.
const EULER_MACLAURIN: [f64; 11] = [
    1.0 / 12.0,
    -1.0 / 720.0,
    1.0 / 30_240.0,
    -1.0 / 1_209_600.0,
    1.0 / 47_900_160.0,
    -5.284_190_138_687_493_1e-10,
    1.338_253_653_068_467_9e-11,
    -3.389_680_296_322_582_9e-13,
    8.586_062_056_277_844_6e-15,
    -2.174_868_698_558_061_9e-16,
    5.509_002_828_360_229_5e-18,
];

/// log |gamma(x)|; infinity at 0, -1, -2, ...
pub(in crate::kernel) fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::INFINITY;
    }
    if x <= 0.0 {
        let rest = x - x.round_ties_even();
        if rest == 0.0 {
            return f64::INFINITY;
        }
        // gamma(x) gamma(-x) = -pi / (x sin(pi x))
        return PI.ln() - (-x).ln() - (PI * rest).sin().abs().ln() - lgamma(-x);
    }
    if x < 0.5 {
        near_2(x) - x.ln_1p() - x.ln()
    } else if x <= 1.5 {
        near_2(x - 1.0) - (x - 1.0).ln_1p()
    } else if x < 8.0 {
        let (mut left, mut product) = (x, 1.0);
        while left > 2.5 {
            left -= 1.0;
            product *= left;
        }
        near_2(left - 2.0) + product.ln()
    } else {
        let inverse = 1.0 / x;
        let log = x.ln();
        let half_log_2_pi = 0.918_938_533_204_672_741_78;
        let tail = inverse * series(inverse * inverse, &STIRLING);
        x * (log - 1.0) - 0.5 * log + (half_log_2_pi + tail)
    }
}

/// The derivative of `lgamma`; NaN at -1, -2, ..., and infinity with the sign of -x at 0.
pub(in crate::kernel) fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        let rest = x - x.round_ties_even();
        // also of -infinity
        return if rest == 0.0 || x.is_infinite() {
            f64::NAN
        } else {
            digamma(1.0 - x) - PI / (PI * rest).tan()
        };
    }
    let (mut x, mut y) = (x, 0.0);
    if x < 1.0 {
        y = -1.0 / x;
        x += 1.0;
    }
    if x >= 10.0 {
        let inverse = 1.0 / x;
        let square = inverse * inverse;
        return x.ln() - 0.5 * inverse - square * series(square, &DIGAMMA);
    }
    while x > 2.0 {
        x -= 1.0;
        y += 1.0 / x;
    }
    let z = (x - ROOT[0]) - ROOT[1];
    y + z * series(z, &NEAR_ROOT)
}

/// The derivative number n of `digamma`; n = 0 is `digamma` itself. NaN if n is not a whole number from 0, and
/// for n > 1 left of 0.
pub(in crate::kernel) fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    }
    if n.is_nan() || x.is_nan() || n < 0.0 || n != n.floor() {
        return f64::NAN;
    }
    if x < 0.0 {
        let rest = x - x.round_ties_even();
        if n != 1.0 || x.is_infinite() {
            return f64::NAN;
        }
        let sine = (PI * rest).sin();
        return PI * PI / (sine * sine) - polygamma(1.0, 1.0 - x);
    }
    // 171! is infinite
    let factorial = (1..=n.min(171.0) as u32).fold(1.0, |product, one| product * f64::from(one));
    let size = factorial * hurwitz(n + 1.0, x);
    if n % 2.0 == 0.0 { -size } else { size }
}

/// The sum of 1 / (x + k)^s over k = 0, 1, ..., for s from 2 and x from 0.
fn hurwitz(s: f64, x: f64) -> f64 {
    let (mut sum, mut x) = (0.0, x);
    while x < 10.0 {
        sum += x.powf(-s);
        x += 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let inverse = 1.0 / x;
    // not x^-s, which underflows first
    let power = x.powf(1.0 - s);
    let (mut rising, mut tail) = (s * inverse, 0.0);
    for (k, coefficient) in EULER_MACLAURIN.iter().enumerate() {
        tail += coefficient * rising;
        let at = s + 2.0 * k as f64;
        rising *= (at + 1.0) * (at + 2.0) * inverse * inverse;
    }
    sum + power * (1.0 / (s - 1.0) + inverse * (0.5 + tail))
}

/// lgamma(2 + z), for |z| <= 1/2.
fn near_2(z: f64) -> f64 {
    z * series(z, &NEAR_2)
}

/// c[0] + c[1] x + c[2] x^2 + ...
fn series(x: f64, c: &[f64]) -> f64 {
    c.iter().rev().fold(0.0, |sum, one| sum * x + one)
}
