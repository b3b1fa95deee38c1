//! The bits of a row do not depend on the rows around it, its place or its alignment.

use super::elementwise::{BINARY, TERNARY, UNARY};
use super::norm_grad::NORM_GRAD;
use super::reduction::{EPS, REDUCE, ROW_MAP};
use super::support::{Failures, Form, Grid, Numbers, SIZES, label, on_every_isa, same_bits};
use crate::kernel::{Dst, Float, Isa, Kernels, Src};

/// Computes rows of `out` from rows of three operands.
type Run<T> = dyn Fn(&Kernels<T>, usize, usize, Dst<T>, [Src<T>; 3]);

fn runs<T: Float>() -> Vec<(String, Box<Run<T>>)> {
    let mut runs: Vec<(String, Box<Run<T>>)> = Vec::new();
    let param = T::from_f64(EPS);
    // SAFETY, of all: the operands are as large as `check` makes them.
    for op in UNARY {
        let run: Box<Run<T>> = Box::new(move |k, rows, cols, y, [a, ..]| {
            // SAFETY: see above.
            unsafe { (k.unary)(op, param, rows, cols, y, a) }
        });
        runs.push((format!("{op:?}"), run));
    }
    for op in BINARY {
        let run: Box<Run<T>> = Box::new(move |k, rows, cols, y, [a, b, _]| {
            // SAFETY: see above.
            unsafe { (k.binary)(op, rows, cols, y, a, b) }
        });
        runs.push((format!("{op:?}"), run));
    }
    for op in TERNARY {
        let run: Box<Run<T>> = Box::new(move |k, rows, cols, y, [a, b, c]| {
            // SAFETY: see above.
            unsafe { (k.ternary)(op, rows, cols, y, a, b, c) }
        });
        runs.push((format!("{op:?}"), run));
    }
    for op in REDUCE {
        let run: Box<Run<T>> = Box::new(move |k, rows, cols, y, [a, ..]| {
            // SAFETY: see above; a reduction writes the first column, which exists.
            unsafe { (k.reduce)(op, param, rows, cols, y, a) }
        });
        runs.push((format!("{op:?}"), run));
    }
    let dots: Box<Run<T>> = Box::new(move |k, rows, cols, y, [a, b, _]| {
        // SAFETY: see above; the first column exists.
        unsafe { (k.dots)(rows, cols, y, a, b) }
    });
    runs.push(("dots".to_string(), dots));
    for op in ROW_MAP {
        let run: Box<Run<T>> = Box::new(move |k, rows, cols, y, [a, ..]| {
            // SAFETY: see above.
            unsafe { (k.row_map)(op, param, rows, cols, y, a) }
        });
        runs.push((format!("{op:?}"), run));
    }
    for op in NORM_GRAD {
        let run: Box<Run<T>> = Box::new(move |k, rows, cols, y, [a, b, c]| {
            // SAFETY: see above.
            unsafe { (k.norm_grad)(op, rows, cols, y, a, b, c) }
        });
        runs.push((format!("{op:?}"), run));
    }
    runs
}

fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers, rows) = (T::kernels(isa), Numbers::new(12), 7);
    for (name, run) in runs::<T>() {
        for cols in SIZES.into_iter().filter(|&cols| cols > 0) {
            let mut grid = || Grid::<T>::new(Form::Dense, rows, cols, 0, || 9.0 * numbers.tame());
            let operands = [grid(), grid(), grid()];
            let mut whole = Grid::<T>::new(Form::Dense, rows, cols, 0, || 0.0);
            run(kernels, rows, cols, whole.dst(), operands.each_ref().map(Grid::src));
            for r in 0..rows {
                let alone = operands.each_ref().map(|x| {
                    let mut at = (0..cols).map(|c| x.get(r, c).to_f64());
                    Grid::<T>::new(Form::Gapped, 1, cols, r, || at.next().unwrap_or(0.0))
                });
                let mut y = Grid::<T>::new(Form::Gapped, 1, cols, 7 - r, || 0.0);
                run(kernels, 1, cols, y.dst(), alone.each_ref().map(Grid::src));
                let holds = (0..cols).all(|c| same_bits(y.get(0, c), whole.get(r, c)));
                failures.check(holds, || format!("{} {name} row {r} of {cols} columns", label::<T>(isa)));
            }
        }
    }
}

#[test]
fn every_row_alone_has_the_bits_that_it_has_in_a_batch() {
    on_every_isa!(check);
}
