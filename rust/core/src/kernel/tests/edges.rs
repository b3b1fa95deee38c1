//! What happens at infinity, at NaN and at zero: a table of single values, at every lane.

use super::support::{Failures, label, on_every_isa, same};
use crate::kernel::{Binary, Dst, Float, Isa, Src, Ternary, Unary};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

const UNARY: [(Unary, f64, f64); 60] = [
    (Unary::Exp, INF, INF),
    (Unary::Exp, -INF, 0.0),
    (Unary::Exp, 1.0e4, INF),
    (Unary::Exp, -1.0e4, 0.0),
    (Unary::Exp, 0.0, 1.0),
    (Unary::Exp, NAN, NAN),
    (Unary::Log, 0.0, -INF),
    (Unary::Log, -0.0, -INF),
    (Unary::Log, -1.0, NAN),
    (Unary::Log, -INF, NAN),
    (Unary::Log, INF, INF),
    (Unary::Log, 1.0, 0.0),
    (Unary::Log, NAN, NAN),
    (Unary::Sqrt, -1.0, NAN),
    (Unary::Sqrt, INF, INF),
    (Unary::Abs, -INF, INF),
    (Unary::Abs, NAN, NAN),
    (Unary::Sign, 0.0, 0.0),
    (Unary::Sign, -INF, -1.0),
    (Unary::Sign, NAN, NAN),
    (Unary::Sigmoid, INF, 1.0),
    (Unary::Sigmoid, -INF, 0.0),
    (Unary::Sigmoid, 0.0, 0.5),
    (Unary::Sigmoid, NAN, NAN),
    (Unary::Tanh, INF, 1.0),
    (Unary::Tanh, -INF, -1.0),
    (Unary::Tanh, 0.0, 0.0),
    (Unary::Tanh, NAN, NAN),
    (Unary::Relu, NAN, NAN),
    (Unary::Relu, -INF, 0.0),
    (Unary::Relu, INF, INF),
    (Unary::LeakyRelu, NAN, NAN),
    (Unary::LeakyRelu, -INF, -INF),
    (Unary::Elu, -INF, -0.25),
    (Unary::Elu, INF, INF),
    (Unary::Elu, NAN, NAN),
    (Unary::Softplus, INF, INF),
    (Unary::Softplus, -INF, 0.0),
    (Unary::Softplus, NAN, NAN),
    (Unary::Silu, -INF, 0.0),
    (Unary::Silu, INF, INF),
    (Unary::Silu, NAN, NAN),
    (Unary::Gelu, -INF, 0.0),
    (Unary::Gelu, INF, INF),
    (Unary::Gelu, NAN, NAN),
    (Unary::Erf, INF, 1.0),
    (Unary::Erf, -INF, -1.0),
    (Unary::Erf, NAN, NAN),
    (Unary::Lgamma, 1.0, 0.0),
    (Unary::Lgamma, 0.0, INF),
    (Unary::Lgamma, -2.0, INF),
    (Unary::Lgamma, INF, INF),
    (Unary::Lgamma, -INF, INF),
    (Unary::Lgamma, NAN, NAN),
    (Unary::Digamma, 0.0, -INF),
    (Unary::Digamma, -3.0, NAN),
    (Unary::Digamma, INF, INF),
    (Unary::Digamma, -INF, NAN),
    (Unary::Digamma, NAN, NAN),
    (Unary::Sin, INF, NAN),
];

const BINARY: [(Binary, f64, f64, f64); 26] = [
    (Binary::Min, NAN, 1.0, NAN),
    (Binary::Min, 1.0, NAN, NAN),
    (Binary::Max, NAN, 1.0, NAN),
    (Binary::Max, 1.0, NAN, NAN),
    (Binary::Max, -INF, 1.0, 1.0),
    (Binary::LogAddExp, -INF, -INF, -INF),
    (Binary::LogAddExp, INF, INF, INF),
    (Binary::LogAddExp, -INF, 2.0, 2.0),
    (Binary::LogAddExp, 2.0, -INF, 2.0),
    (Binary::LogAddExp, INF, 1.0, INF),
    (Binary::LogAddExp, -1e30, -1e30, -1e30),
    (Binary::LogAddExp, NAN, 1.0, NAN),
    (Binary::LogAddExp, 1.0, NAN, NAN),
    (Binary::Less, NAN, 1.0, 0.0),
    (Binary::GreaterEqual, NAN, NAN, 0.0),
    (Binary::Equal, NAN, NAN, 0.0),
    (Binary::NotEqual, NAN, NAN, 1.0),
    (Binary::Equal, 0.0, -0.0, 1.0),
    (Binary::LessEqual, INF, INF, 1.0),
    (Binary::Greater, INF, -INF, 1.0),
    (Binary::Div, 1.0, 0.0, INF),
    (Binary::Div, 0.0, 0.0, NAN),
    (Binary::Pow, 0.0, 0.0, 1.0),
    (Binary::Pow, -2.0, 3.0, -8.0),
    (Binary::ReluGrad, 0.0, 5.0, 0.0),
    (Binary::ReluGrad, -1.0, NAN, 0.0),
];

/// Three vectors and a tail, all of one value.
const COLS: usize = 3 * 16 + 5;

fn filled<T: Float>(x: f64) -> Vec<T> {
    vec![T::from_f64(x); COLS]
}

fn src<T>(x: &[T]) -> Src<T> {
    Src { ptr: x.as_ptr(), row: x.len(), col: 1 }
}

fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    let kernels = T::kernels(isa);
    let mut got = filled::<T>(0.0);
    let dst = Dst { ptr: got.as_mut_ptr(), row: COLS };
    let mut holds = |name: String, want: f64, got: &[T]| {
        failures.check(got.iter().all(|&y| same(y, T::from_f64(want))), || {
            format!("{} {name}: {:?} .. {:?}, not {want}", label::<T>(isa), got[0], got[COLS - 1])
        });
    };
    for (op, x, want) in UNARY {
        // SAFETY: one row of COLS.
        unsafe { (kernels.unary)(op, T::from_f64(0.25), 1, COLS, dst, src(&filled(x))) };
        holds(format!("{op:?}({x})"), want, &got);
    }
    for (op, a, b, want) in BINARY {
        // SAFETY: one row of COLS.
        unsafe { (kernels.binary)(op, 1, COLS, dst, src(&filled(a)), src(&filled(b))) };
        holds(format!("{op:?}({a}, {b})"), want, &got);
    }
    for (a, b, c, want) in [(NAN, 1.0, 2.0, 1.0), (-0.0, NAN, 2.0, 2.0), (0.5, 1.0, NAN, 1.0)] {
        // SAFETY: one row of COLS.
        unsafe {
            let (a, b, c) = (filled(a), filled(b), filled(c));
            (kernels.ternary)(Ternary::Where, 1, COLS, dst, src(&a), src(&b), src(&c));
        }
        holds(format!("Where({a}, {b}, {c})"), want, &got);
    }
}

#[test]
fn the_odd_values_give_what_they_should() {
    on_every_isa!(check);
}
