//! Products in the space of logarithms against their definition in float64, with masks and with rows alone.

use super::support::{Failures, Form, Grid, Numbers, SIZES, epsilon, label, near, on_every_isa, same_bits};
use crate::kernel::{Dst, Float, Isa, Src};

const ROWS: usize = 3;
/// Lines of the matrix: below and above the lanes of a vector.
const LINES: [usize; 3] = [1, 4, 19];
/// The log-probability of what is impossible, as authors write it.
const FAR: f64 = -1.0e30;

/// The results of a row, and the gradient of the matrix.
fn reference(m: &[f64], v: &[f64], d: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut results, mut gradients) = (Vec::new(), Vec::new());
    for (line, d) in m.chunks(v.len()).zip(d) {
        let x: Vec<f64> = line.iter().zip(v).map(|(m, v)| m + v).collect();
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shift = if largest.is_infinite() { 0.0 } else { largest };
        let y = shift + x.iter().map(|x| (x - shift).exp()).sum::<f64>().ln();
        gradients.extend(x.iter().map(|x| if y.is_infinite() { 0.0 } else { d * (x - y).exp() }));
        results.push(y);
    }
    (results, gradients)
}

fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(31));
    let shapes = SIZES.into_iter().filter(|&cols| cols > 0);
    let shapes = shapes.flat_map(|cols| LINES.map(|lines| (lines, cols)));
    for ((lines, cols), masks) in shapes.flat_map(|shape| [0, 1, 2].map(|masks| (shape, masks))) {
        // every third line is impossible: by -inf, or by a large number
        let far = [0.0, FAR, f64::NEG_INFINITY][masks];
        let mut at = 0;
        let mut score = || {
            at += 1;
            let masked = masks > 0 && (at / cols % 3 == 1 || at % 4 == 1);
            if masked { far } else { numbers.tame() * 5.0 }
        };
        let form = if masks == 0 { Form::OneRow } else { Form::Gapped };
        let m = Grid::<T>::new(form, ROWS, lines * cols, cols % 3, &mut score);
        let v = Grid::<T>::new(Form::Gapped, ROWS, cols, 1, || numbers.tame() * 20.0);
        let d = Grid::<T>::new(Form::Dense, ROWS, lines, 2, || numbers.tame());
        let row = |x: &Grid<T>, r: usize, n: usize| (0..n).map(|c| x.get(r, c).to_f64()).collect::<Vec<_>>();
        let mut y = Grid::<T>::new(Form::Gapped, ROWS, lines, 1, || 0.0);
        let mut dm = Grid::<T>::new(Form::Gapped, ROWS, lines * cols, 0, || 0.0);
        // SAFETY: the grids are this large.
        unsafe {
            (kernels.log_product)((ROWS, lines, cols), y.dst(), m.src(), v.src());
            let operands = [m.src(), v.src(), y.src(), d.src()];
            (kernels.log_product_grad)((ROWS, lines, cols), dm.dst(), operands);
        }
        let name = || format!("{} ({lines}, {cols}), masks {masks}", label::<T>(isa));
        failures.check(y.is_guarded() && dm.is_guarded(), || format!("{}: wrote beyond", name()));
        for r in 0..ROWS {
            let (results, gradients) =
                reference(&row(&m, r, lines * cols), &row(&v, r, cols), &row(&d, r, lines));
            for (line, want) in results.iter().enumerate() {
                // the sum of the operands is rounded
                let tolerance = 100.0 * epsilon::<T>() * (1.0 + want.abs() / 100.0);
                let got = y.get(r, line);
                failures.check(near(got, *want, tolerance), || {
                    format!("{} result ({r}, {line}): {got:?}, not {want:e}", name())
                });
            }
            for (c, want) in gradients.iter().enumerate() {
                let (got, want) = (dm.get(r, c), *want);
                // where all is impossible, its parts are so by rounding alone
                let lost = results[c / cols] < FAR / 2.0 && results[c / cols].is_finite();
                failures.check(lost || near(got, want, 100.0 * epsilon::<T>()), || {
                    format!("{} gradient ({r}, {c}): {got:?}, not {want:e}", name())
                });
            }
            let mut alone = Grid::<T>::new(Form::Dense, 1, lines, 0, || 0.0);
            let part = |x: &Grid<T>| Src { ptr: x.ptr().wrapping_add(r * x.stride()), row: 0, col: 1 };
            // SAFETY: row r of each grid.
            unsafe { (kernels.log_product)((1, lines, cols), alone.dst(), part(&m), part(&v)) };
            let holds = (0..lines).all(|line| same_bits(alone.get(0, line), y.get(r, line)));
            failures.check(holds, || format!("{} row {r} alone has other bits", name()));
        }
    }
}

/// NaN and infinity reach the lines that have them, and no other.
fn check_odd<T: Float>(isa: Isa, failures: &mut Failures) {
    let kernels = T::kernels(isa);
    for cols in [1, 3, 17, 70] {
        for (odd, is_right) in [
            (f64::NAN, (|y: f64| y.is_nan()) as fn(f64) -> bool),
            (f64::INFINITY, |y: f64| y == f64::INFINITY),
        ] {
            let (mut m, v) = (vec![T::ZERO; 3 * cols], vec![T::ZERO; cols]);
            m[cols + cols / 2] = T::from_f64(odd);
            let mut y = [T::ZERO; 3];
            let [m, v] = [&m, &v].map(|x| Src { ptr: x.as_ptr(), row: 0, col: 1 });
            let dst = Dst { ptr: y.as_mut_ptr(), row: 3 };
            // SAFETY: the vectors are this large.
            unsafe { (kernels.log_product)((1, 3, cols), dst, m, v) };
            let [a, b, c] = y.map(|y| y.to_f64());
            let log = (cols as f64).ln();
            let near = |y: f64| (y - log).abs() < 1e-5;
            failures.check(near(a) && is_right(b) && near(c), || {
                format!("{} {odd} in {cols} columns: {a}, {b}, {c}", label::<T>(isa))
            });
        }
    }
}

#[test]
fn products_of_logarithms_agree_with_their_definition() {
    on_every_isa!(check);
}

#[test]
fn what_is_no_number_stays_in_its_line() {
    on_every_isa!(check_odd);
}
