//! The worst errors of the approximations, in units in the last place (ULP) of the true value.
//!
//! `f32` is measured against `f64` on a dense sample of all bit patterns, every exponent included; the
//! ignored test takes every single one. `f64` is measured against the standard library, whose own error
//! counts as ours.

use super::support::Failures;
use crate::kernel::math::{scalar_digamma, scalar_erf, scalar_lgamma, scalar_polygamma};
use crate::kernel::{Dst, Float, Isa, Src, Unary};

type Function = fn(f64) -> f64;

/// (operation, truth, range of |x| with its sign left free, most ULP)
type Case = (Unary, Function, std::ops::RangeInclusive<f64>, f64);

const INF: f64 = f64::INFINITY;

/// The claims that the files of `math` make for `f32`.
const CASES: [Case; 13] = [
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
    (Unary::Lgamma, scalar_lgamma, 0.0..=INF, 0.5),
    (Unary::Digamma, scalar_digamma, 0.0..=INF, 0.5),
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

/// x, log |gamma(x)|, digamma, and its first and second derivative as mpmath 1.4 computes them with 60 digits.
#[rustfmt::skip]
const GAMMA: [(f64, f64, f64, f64, f64); 37] = [
    (1e-300, 690.7755278982137, -9.999999999999999e+299, INF, -INF),
    (1e-20, 46.051701859880914, -1e+20, 1.0000000000000002e+40, -2.0000000000000003e+60),
    (0.001, 6.907178885383853, -1000.5755719318103, 1000001.6425331958, -2000000002.3976321),
    (0.1, 2.252712651734206, -10.423754940411076, 101.43329915079275, -2001.8614573783436),
    (0.25, 1.2880225246980774, -4.2274535333762655, 17.19732915450711, -129.32773993753693),
    (0.49999999999, 0.5723649429443352, -1.9635100260707714, 4.9348022007129675, -16.82879664520841),
    (0.75, 0.20328095143129538, -1.0858608797864722, 2.5418796476716063, -5.3026332163376395),
    (0.9999999, 5.772157468444193e-08, -0.5772158293949515, 1.6449343072596394, -2.4041144557132528),
    (1.0000001, -5.772155829918507e-08, -0.5772155004081381, 1.6449338264368782, -2.4041131569253724),
    (1.25, -0.09827183642181316, -0.22745353337626542, 1.1973291545071107, -1.3277399375369203),
    (1.4616321449683622, -0.12148629053584961, -9.241265521729427e-17, 0.9676722454476212, -0.8855263379671844),
    (1.5, -0.12078223763524522, 0.03648997397857652, 0.9348022005446793, -0.82879664423432),
    (1.75, -0.08440112102048555, 0.24747245354686118, 0.7641018698938287, -0.5618924755968989),
    (1.9999999, -4.2278430309861296e-08, 0.4227842706050584, 0.6449341072596095, -0.40411385571313324),
    (2.0000001, 4.227843666532498e-08, 0.4227843995918717, 0.6449340264368484, -0.40411375692525286),
    (2.25, 0.1248717148923966, 0.5725464666237345, 0.5573291545071107, -0.30373993753692036),
    (2.5, 0.2846828704729192, 0.7031566406452432, 0.49035775610023485, -0.2362040516417274),
    (2.6, 0.35741186354897986, 0.7510474527734763, 0.4678068931245799, -0.21529102788419888),
    (3.25, 0.9358019311087253, 1.016990911068179, 0.3597982903095799, -0.12815694713911513),
    (4.7, 2.7364051463155667, 1.4374238096317817, 0.23699183867807336, -0.05591097413830272),
    (7.99, 8.50501160608848, 2.014309222046224, 0.13331424565985758, -0.017746655198676027),
    (8.0, 8.525161361065415, 2.01564147795561, 0.1331370146940314, -0.017699569195767775),
    (9.5, 11.689333420797269, 2.1977378764029494, 0.11099728846909904, -0.012307845807709338),
    (10.0, 12.801827480081469, 2.251752589066721, 0.10516633568168575, -0.011049834970802067),
    (12.3, 18.238983407092245, 2.468398400301138, 0.0846951702459164, -0.0071690031730383234),
    (100.5, 361.4355404677776, 4.605174352581845, 0.009999916669583104, -9.999750014581719e-05),
    (100000.0, 1051287.7089736569, 11.512920464961896, 1.0000050000166667e-05, -1.00001000005e-10),
    (10000000000.0, 220258509288.81058, 23.025850929890456, 1.00000000005e-10, -1.0000000001e-20),
    (1e+100, 2.2925850929940456e+102, 230.25850929940458, 1e-100, -1e-200),
    (1e+300, 6.897755278982137e+302, 690.7755278982137, 1e-300, -0.0),
    (-0.001, 6.908333317515028, 999.4211381978913, 1000001.6473414317, f64::NAN),
    (-0.25, 1.589575312551186, 2.9141391202135276, 18.541879647671607, f64::NAN),
    (-0.5, 1.2655121234846454, 0.03648997397857652, 8.934802200544679, f64::NAN),
    (-1.5, 0.860047015376481, 0.7031566406452432, 9.379246644989124, f64::NAN),
    (-2.3, 0.36956666345500805, 3.3173231575618227, 14.725912160961292, f64::NAN),
    (-10.7, -15.416789096416636, 0.13374481244706443, 14.99018713906938, f64::NAN),
    (-100.25, -363.4009232278215, 7.754238959208646, 19.729283325349364, f64::NAN),
];

#[test]
fn scalar_lgamma_and_its_derivatives_are_near_mpmath() {
    let mut failures = Failures::default();
    for (x, log, first, second, third) in GAMMA {
        let left = if x < 0.0 { x.abs().max(10.0) } else { 0.0 };
        let cases = [
            ("lgamma", scalar_lgamma(x), log, left),
            ("digamma", scalar_digamma(x), first, left.max(1.0)),
            ("polygamma 1", scalar_polygamma(1.0, x), second, left),
            ("polygamma 2", scalar_polygamma(2.0, x), third, 0.0),
        ];
        for (name, got, want, least) in cases {
            let most = 4.5 * f64::EPSILON * want.abs().max(least);
            let is_near = got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= most;
            failures.check(is_near, || format!("{name}({x:e}) = {got:e}, not {want:e}"));
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
