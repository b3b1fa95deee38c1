//! The worst errors of the approximations, in units in the last place (ULP) of the true value.
//!
//! `f32` is measured against `f64` on a dense sample of all bit patterns, every exponent included; the
//! ignored test takes every single one. `f64` is measured against the standard library, whose own error
//! counts as ours.

use super::support::Failures;
use crate::kernel::math::scalar_erf;
use crate::kernel::{Dst, Float, Isa, Src, Unary};

type Function = fn(f64) -> f64;

/// (operation, truth, range of |x| with its sign left free, most ULP)
type Case = (Unary, Function, std::ops::RangeInclusive<f64>, f64);

const INF: f64 = f64::INFINITY;

/// The claims that the files of `math` make for `f32`.
const CASES: [Case; 11] = [
    (Unary::Exp, f64::exp, 0.0..=INF, 1.1),
    (Unary::Log, f64::ln, 0.0..=INF, 0.9),
    (Unary::Sigmoid, sigmoid, 0.0..=INF, 2.0),
    (Unary::Tanh, f64::tanh, 0.0..=INF, 2.6),
    (Unary::Elu, elu, 0.0..=INF, 1.0),
    (Unary::Softplus, softplus, 0.0..=INF, 2.1),
    (Unary::Silu, silu, 0.0..=87.0, 3.0),
    (Unary::Erf, scalar_erf, 0.0..=INF, 1.7),
    (Unary::Sqrt, f64::sqrt, 0.0..=INF, 0.5),
    (Unary::Sin, f64::sin, 0.0..=INF, 2.5),
    (Unary::Cos, f64::cos, 0.0..=INF, 2.5),
];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn elu(x: f64) -> f64 {
    if x > 0.0 { x } else { x.exp_m1() }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// op(x) for every x.
fn apply<T: Float>(isa: Isa, op: Unary, x: &[T]) -> Vec<T> {
    let mut y = vec![T::ZERO; x.len()];
    let (dst, src) = (Dst { ptr: y.as_mut_ptr(), row: 0 }, Src { ptr: x.as_ptr(), row: 0, col: 1 });
    // SAFETY: one row of this length.
    unsafe { (T::kernels(isa).unary)(op, T::ONE, 1, x.len(), dst, src) };
    y
}

/// The distance in ULP of the wanted number; results below the normal numbers may be anything below them.
fn ulps_f32(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    if (got.is_infinite() && got == rounded) || (got.is_nan() && want.is_nan()) {
        return 0.0;
    }
    if want.abs() < f64::from(f32::MIN_POSITIVE) && f64::from(got).abs() <= f64::from(f32::MIN_POSITIVE) {
        return 0.0;
    }
    (f64::from(got) - want).abs() / spacing_f32(want)
}

fn spacing_f32(x: f64) -> f64 {
    let x = (x.abs() as f32).clamp(f32::MIN_POSITIVE, f32::MAX);
    f64::from(f32::from_bits(x.to_bits() & 0xff80_0000)) * f64::from(f32::EPSILON)
}

/// The worst error of each case over the bit patterns first, first + step, ...
fn measure_f32(isa: Isa, step: usize) -> Vec<(f64, f32)> {
    const CHUNK: usize = 1 << 14;
    let mut worst = vec![(0.0, 0.0); CASES.len()];
    let mut patterns = (0..=u32::MAX).step_by(step);
    loop {
        let x: Vec<f32> = patterns.by_ref().take(CHUNK).map(f32::from_bits).collect();
        if x.is_empty() {
            return worst;
        }
        for ((op, truth, range, _), worst) in CASES.iter().zip(&mut worst) {
            for (&x, y) in x.iter().zip(apply(isa, *op, &x)) {
                let error = ulps_f32(y, truth(f64::from(x)));
                if range.contains(&f64::from(x).abs()) && (error > worst.0 || error.is_nan()) {
                    *worst = (error, x);
                }
            }
        }
    }
}

fn check_f32(step: usize) {
    let mut failures = Failures::default();
    for isa in Isa::available() {
        for ((op, .., most), (error, x)) in CASES.iter().zip(measure_f32(isa, step)) {
            println!("{} {op:?}: {error:.3} ULP at {x:e}", isa.name());
            failures.check(error <= *most, || {
                format!("{} {op:?}({x:e}): {error:.3} ULP, claimed {most}", isa.name())
            });
        }
    }
    failures.report();
}

#[test]
fn f32_errors_stay_within_the_claims_on_a_dense_sample() {
    // A prime, so that all low bits vary.
    check_f32(16_381);
}

#[test]
#[ignore = "minutes: every one of the 2^32 numbers"]
fn f32_errors_stay_within_the_claims_for_every_number() {
    check_f32(1);
}

/// Numbers of every exponent between 2^low and 2^high, of both signs.
fn every_exponent(low: i32, high: i32) -> Vec<f64> {
    let mut numbers = super::support::Numbers::new(13);
    let mut x = Vec::new();
    for e in low..high {
        for _ in 0..400_000 / (high - low) {
            x.push((1.0 + numbers.tame().abs()) * 2.0_f64.powi(e) * numbers.tame().signum());
        }
    }
    x
}

#[test]
fn f64_errors_stay_within_four_ulp_of_the_standard_library() {
    let mut failures = Failures::default();
    for isa in Isa::available() {
        for (op, truth, range, _) in &CASES {
            let range = if range.end().is_finite() { (-1000, 9) } else { (-1022, 1023) };
            let mut x = every_exponent(range.0, range.1);
            x.extend(every_exponent(-8, 6));
            let mut worst = (0.0, 0.0);
            for (&x, y) in x.iter().zip(apply(isa, *op, &x)) {
                let want = truth(x);
                let size = want.abs().clamp(f64::MIN_POSITIVE, f64::MAX);
                let spacing = f64::from_bits(size.to_bits() & 0xfff0_0000_0000_0000) * f64::EPSILON;
                let is_equal = y == want || (y.is_nan() && want.is_nan());
                let is_tiny = y.abs() <= f64::MIN_POSITIVE && want.abs() <= f64::MIN_POSITIVE;
                let error = if is_equal || is_tiny { 0.0 } else { ((y - want) / spacing).abs() };
                if error > worst.0 || error.is_nan() {
                    worst = (error, x);
                }
            }
            println!("{} {op:?}: {:.1} ULP at {:e}", isa.name(), worst.0, worst.1);
            failures.check(worst.0 <= 4.0, || format!("{} {op:?}: {worst:?}", isa.name()));
        }
    }
    failures.report();
}

/// erf as glibc 2.36 computes it.
const ERF: [(f64, f64); 25] = [
    (1e-300, 1.1283791670955126e-300),
    (1e-20, 1.1283791670955125e-20),
    (1e-8, 1.1283791670955126e-08),
    (0.001, 0.0011283787909692365),
    (0.1, 0.1124629160182849),
    (0.25, 0.2763263901682369),
    (0.4, 0.42839235504666845),
    (0.46875, 0.49261347321793797),
    (0.469, 0.4928398949625797),
    (0.5, 0.5204998778130465),
    (0.7, 0.6778011938374184),
    (0.84375, 0.7672256612323416),
    (1.0, 0.8427007929497149),
    (1.25, 0.9229001282564582),
    (1.5, 0.9661051464753108),
    (2.0, 0.9953222650189527),
    (2.5, 0.999593047982555),
    (3.0, 0.9999779095030014),
    (3.5, 0.9999992569016276),
    (4.0, 0.9999999845827421),
    (4.001, 0.9999999847092178),
    (4.5, 0.9999999998033839),
    (5.0, 0.9999999999984626),
    (5.5, 0.9999999999999927),
    (5.9, 0.9999999999999999),
];

#[test]
fn scalar_erf_is_within_1e_15_of_glibc() {
    let mut failures = Failures::default();
    for (x, want) in ERF {
        for (x, want) in [(x, want), (-x, -want)] {
            let got = scalar_erf(x);
            failures
                .check(((got - want) / want).abs() < 1.0e-15, || format!("erf({x}) = {got:e}, not {want:e}"));
        }
    }
    failures.report();
}

#[test]
fn sin_and_cos_stay_accurate_beside_their_zeros() {
    let mut failures = Failures::default();
    let mut x: Vec<f32> = Vec::new();
    for n in 1..6_366 {
        let zero = (f64::from(n) * std::f64::consts::FRAC_PI_2) as f32;
        x.extend([zero.next_down(), zero, zero.next_up(), -zero]);
    }
    let cases: [(Unary, Function); 2] = [(Unary::Sin, f64::sin), (Unary::Cos, f64::cos)];
    for (isa, (op, truth)) in Isa::available().into_iter().flat_map(|isa| cases.map(|case| (isa, case))) {
        for (&x, y) in x.iter().zip(apply(isa, op, &x)) {
            let error = ulps_f32(y, truth(f64::from(x)));
            failures.check(error <= 2.0, || format!("{} {op:?}({x:e}): {error:.3} ULP", isa.name()));
        }
    }
    failures.report();
}
