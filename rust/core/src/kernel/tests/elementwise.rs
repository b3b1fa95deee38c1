//! Elementwise kernels: every operation, size and form of operand, in place and not.

use super::support::{
    Failures, Form, Grid, Numbers, SIZES, epsilon, label, least_normal, near, on_every_isa,
};
use crate::kernel::math::{scalar_digamma, scalar_erf, scalar_lgamma, scalar_polygamma};
use crate::kernel::{Binary, Float, Isa, Ternary, Unary};

pub(super) const UNARY: [Unary; 22] = [
    Unary::Copy,
    Unary::Neg,
    Unary::Exp,
    Unary::Log,
    Unary::Sqrt,
    Unary::Abs,
    Unary::Sign,
    Unary::Sigmoid,
    Unary::Tanh,
    Unary::Relu,
    Unary::LeakyRelu,
    Unary::Elu,
    Unary::Softplus,
    Unary::Silu,
    Unary::Gelu,
    Unary::Erf,
    Unary::Sin,
    Unary::Cos,
    Unary::Round,
    Unary::Floor,
    Unary::Lgamma,
    Unary::Digamma,
];

pub(super) const BINARY: [Binary; 18] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Pow,
    Binary::Min,
    Binary::Max,
    Binary::LogAddExp,
    Binary::Polygamma,
    Binary::Less,
    Binary::LessEqual,
    Binary::Greater,
    Binary::GreaterEqual,
    Binary::Equal,
    Binary::NotEqual,
    Binary::SigmoidGrad,
    Binary::TanhGrad,
    Binary::ReluGrad,
];

pub(super) const TERNARY: [Ternary; 7] = [
    Ternary::Where,
    Ternary::MulAdd,
    Ternary::Lerp,
    Ternary::SigmoidGrad,
    Ternary::TanhGrad,
    Ternary::Clip,
    Ternary::ClipGrad,
];

const ALPHA: f64 = 0.375;

/// (f(x), the tolerated absolute error in units of epsilon)
pub(super) fn unary_reference(op: Unary, alpha: f64, x: f64) -> (f64, f64) {
    let exact = |y: f64| (y, 0.0);
    let within_4_ulp = |y: f64| (y, 4.0 * y.abs());
    match op {
        Unary::Copy => exact(x),
        Unary::Neg => exact(-x),
        Unary::Exp => within_4_ulp(x.exp()),
        Unary::Log => within_4_ulp(x.ln()),
        Unary::Sqrt => exact(x.sqrt()),
        Unary::Abs => exact(x.abs()),
        Unary::Sign => exact(if x == 0.0 || x.is_nan() { x } else { x.signum() }),
        Unary::Sigmoid => within_4_ulp(1.0 / (1.0 + (-x).exp())),
        Unary::Tanh => within_4_ulp(x.tanh()),
        Unary::Relu => exact(if x < 0.0 { 0.0 } else { x }),
        Unary::LeakyRelu => within_4_ulp(if x > 0.0 { x } else { alpha * x }),
        Unary::Elu => within_4_ulp(if x > 0.0 { x } else { alpha * x.exp_m1() }),
        Unary::Softplus => within_4_ulp(x.max(0.0) + (-x.abs()).exp().ln_1p() + 0.0 * nan_only(x)),
        Unary::Silu => within_4_ulp(if x == f64::NEG_INFINITY { 0.0 } else { x / (1.0 + (-x).exp()) }),
        // 1 + erf cancels for negative x: the error is that of numbers around 1, times x.
        Unary::Gelu if x == f64::NEG_INFINITY => exact(0.0),
        Unary::Gelu => (0.5 * x * (1.0 + scalar_erf(x * std::f64::consts::FRAC_1_SQRT_2)), 4.0 * x.abs()),
        Unary::Erf => within_4_ulp(scalar_erf(x)),
        Unary::Sin => within_4_ulp(x.sin()),
        Unary::Cos => within_4_ulp(x.cos()),
        Unary::Round => exact(x.round_ties_even()),
        Unary::Floor => exact(x.floor()),
        Unary::Lgamma => within_4_ulp(scalar_lgamma(x)),
        Unary::Digamma => within_4_ulp(scalar_digamma(x)),
    }
}

/// NaN for NaN, else 0: `f64::max` hides NaN.
fn nan_only(x: f64) -> f64 {
    if x.is_nan() { x } else { 0.0 }
}

fn binary_reference(op: Binary, a: f64, b: f64) -> (f64, f64) {
    let truth = |t: bool| (f64::from(u8::from(t)), 0.0);
    match op {
        Binary::Add => (a + b, 0.0),
        Binary::Sub => (a - b, 0.0),
        Binary::Mul => (a * b, 0.0),
        Binary::Div => (a / b, 0.0),
        Binary::Pow => (a.powf(b), a.powf(b).abs()),
        Binary::Min => (if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }, 0.0),
        Binary::Max => (if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }, 0.0),
        Binary::LogAddExp => {
            let gap = if a == b { 0.0 } else { (a - b).abs() };
            let y = a.max(b) + (-gap).exp().ln_1p();
            (if a.is_nan() || b.is_nan() { f64::NAN } else { y }, y.abs().max(1.0))
        }
        Binary::Polygamma => (scalar_polygamma(a, b), scalar_polygamma(a, b).abs()),
        Binary::Less => truth(a < b),
        Binary::LessEqual => truth(a <= b),
        Binary::Greater => truth(a > b),
        Binary::GreaterEqual => truth(a >= b),
        Binary::Equal => truth(a == b),
        Binary::NotEqual => truth(a != b),
        Binary::SigmoidGrad => (b * a * (1.0 - a), 3.0 * (b * a * (1.0 - a)).abs()),
        Binary::TanhGrad => (b * (1.0 - a * a), 3.0 * b.abs() * (1.0 + a * a)),
        Binary::ReluGrad => (if a > 0.0 { b } else { 0.0 }, 0.0),
    }
}

fn ternary_reference(op: Ternary, a: f64, b: f64, c: f64) -> (f64, f64) {
    match op {
        Ternary::Where => (if a != 0.0 { b } else { c }, 0.0),
        Ternary::MulAdd => (a * b + c, 2.0 * ((a * b).abs() + c.abs())),
        Ternary::Lerp => {
            (a * b + (1.0 - a) * c, 4.0 * ((a * b).abs() + ((1.0 - a) * c).abs() + (a * c).abs()))
        }
        Ternary::SigmoidGrad => (b * c * a * (1.0 - a), 4.0 * (b * c * a * (1.0 - a)).abs()),
        Ternary::TanhGrad => (b * c * (1.0 - a * a), 4.0 * (b * c).abs() * (1.0 + a * a)),
        Ternary::Clip if a.is_nan() || b.is_nan() || c.is_nan() => (f64::NAN, 0.0),
        Ternary::Clip => (a.max(b).min(c), 0.0),
        Ternary::ClipGrad => (if a == b { c } else { 0.0 }, 0.0),
    }
}

fn is_near<T: Float>(got: T, (want, error): (f64, f64)) -> bool {
    let slack = if error == 0.0 { 0.0 } else { error * epsilon::<T>() + least_normal::<T>() };
    near(got, want, slack)
}

fn check_unary<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(1));
    for op in UNARY {
        for cols in SIZES {
            for (rows, form) in [1, 3].into_iter().flat_map(|rows| Form::ALL.map(|form| (rows, form))) {
                let x = Grid::<T>::new(form, rows, cols, cols % 3, || numbers.wild());
                for out_form in [Form::Dense, Form::Gapped] {
                    let mut y = Grid::<T>::new(out_form, rows, cols, 1, || 0.0);
                    // SAFETY: the grids are this large.
                    unsafe { (kernels.unary)(op, T::from_f64(ALPHA), rows, cols, y.dst(), x.src()) };
                    compare(isa, failures, &format!("{op:?} of {form:?}"), &y, rows, cols, |r, c| {
                        let x = x.get(r, c).to_f64();
                        (unary_reference(op, ALPHA, x), format!("x={x:e}"))
                    });
                }
                if matches!(form, Form::Dense | Form::Gapped) {
                    let mut y = x.clone();
                    let (dst, src) = y.in_place();
                    // SAFETY: the grid is this large, and the operands the same memory.
                    unsafe { (kernels.unary)(op, T::from_f64(ALPHA), rows, cols, dst, src) };
                    compare(isa, failures, &format!("{op:?} in place"), &y, rows, cols, |r, c| {
                        let x = x.get(r, c).to_f64();
                        (unary_reference(op, ALPHA, x), format!("x={x:e}"))
                    });
                }
            }
        }
    }
}

fn check_binary<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(2));
    for op in BINARY {
        for cols in SIZES {
            for (form_a, form_b) in Form::ALL.into_iter().flat_map(|a| Form::ALL.map(|b| (a, b))) {
                let rows = 3;
                let a = Grid::<T>::new(form_a, rows, cols, cols % 3, || numbers.wild());
                let b = Grid::<T>::new(form_b, rows, cols, 2, || numbers.wild());
                let reference = |r, c| {
                    let (a, b) = (a.get(r, c).to_f64(), b.get(r, c).to_f64());
                    (binary_reference(op, a, b), format!("a={a:e} b={b:e}"))
                };
                let name = format!("{op:?} of {form_a:?}, {form_b:?}");
                let out_form = if form_a == Form::Dense { Form::Dense } else { Form::Gapped };
                let mut y = Grid::<T>::new(out_form, rows, cols, 1, || 0.0);
                // SAFETY: the grids are this large.
                unsafe { (kernels.binary)(op, rows, cols, y.dst(), a.src(), b.src()) };
                compare(isa, failures, &name, &y, rows, cols, reference);
                if matches!(form_b, Form::Dense | Form::Gapped) {
                    let mut y = b.clone();
                    let (dst, src) = y.in_place();
                    // SAFETY: the grids are this large, and the operands the same memory.
                    unsafe { (kernels.binary)(op, rows, cols, dst, a.src(), src) };
                    compare(isa, failures, &format!("{name} in place"), &y, rows, cols, reference);
                }
            }
        }
    }
}

fn check_ternary<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(3));
    for op in TERNARY {
        for cols in [0, 1, 5, 16, 17, 65] {
            for combination in 0..125 {
                let rows = 2;
                let form = |place: usize| Form::ALL[combination / place % 5];
                let mut grid = |place| Grid::<T>::new(form(place), rows, cols, place % 4, || numbers.wild());
                let (a, b, c) = (grid(1), grid(5), grid(25));
                let out_form = if combination % 2 == 0 { Form::Dense } else { Form::Gapped };
                let mut y = Grid::<T>::new(out_form, rows, cols, 1, || 0.0);
                // SAFETY: the grids are this large.
                unsafe { (kernels.ternary)(op, rows, cols, y.dst(), a.src(), b.src(), c.src()) };
                let name = format!("{op:?} of {:?}, {:?}, {:?}", form(1), form(5), form(25));
                compare(isa, failures, &name, &y, rows, cols, |r, i| {
                    let (a, b, c) = (a.get(r, i).to_f64(), b.get(r, i).to_f64(), c.get(r, i).to_f64());
                    (ternary_reference(op, a, b, c), format!("a={a:e} b={b:e} c={c:e}"))
                });
            }
        }
    }
}

/// Every element against its reference, and the guards.
fn compare<T: Float>(
    isa: Isa,
    failures: &mut Failures,
    name: &str,
    y: &Grid<T>,
    rows: usize,
    cols: usize,
    reference: impl Fn(usize, usize) -> ((f64, f64), String),
) {
    failures.check(y.is_guarded(), || {
        format!("{} {name} ({rows}, {cols}): wrote beyond its elements", label::<T>(isa))
    });
    for r in 0..rows {
        for c in 0..cols {
            let (want, inputs) = reference(r, c);
            let got = y.get(r, c);
            failures.check(is_near(got, want), || {
                let label = label::<T>(isa);
                format!("{label} {name} ({rows}, {cols}) at ({r}, {c}): {inputs}: {got:?}, not {:e}", want.0)
            });
        }
    }
}

#[test]
fn unary_agrees_with_the_reference() {
    on_every_isa!(check_unary);
}

#[test]
fn binary_agrees_with_the_reference() {
    on_every_isa!(check_binary);
}

#[test]
fn ternary_agrees_with_the_reference() {
    on_every_isa!(check_ternary);
}
