//! Reductions, row maps and column sums against their definitions.

use super::support::{Failures, Form, Grid, Numbers, SIZES, epsilon, label, near, on_every_isa, same};
use crate::kernel::{Binary, Dst, Float, Isa, Reduce, RowMap};

pub(super) const REDUCE: [Reduce; 7] = [
    Reduce::Sum,
    Reduce::Mean,
    Reduce::Max,
    Reduce::ArgMax,
    Reduce::LogSumExp,
    Reduce::ReciprocalStd,
    Reduce::ReciprocalRms,
];

pub(super) const ROW_MAP: [RowMap; 4] =
    [RowMap::Softmax, RowMap::LogSoftmax, RowMap::LayerNorm, RowMap::RmsNorm];

pub(super) const EPS: f64 = 1.0e-3;

/// (the reduction, the tolerated absolute error in units of epsilon)
fn reduced(op: Reduce, x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let (sum, size) = (x.iter().sum::<f64>(), x.iter().map(|x| x.abs()).sum::<f64>());
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match op {
        Reduce::Sum => (sum, 8.0 * size),
        Reduce::Mean => (sum / n, 8.0 * size / n),
        Reduce::Max => (largest, 0.0),
        Reduce::ArgMax => (x.iter().position(|&x| x == largest).unwrap_or(0) as f64, 0.0),
        Reduce::LogSumExp => {
            let sum: f64 = x.iter().map(|x| (x - largest).exp()).sum();
            if x.is_empty() {
                (f64::NEG_INFINITY, 0.0)
            } else {
                (largest + sum.ln(), 8.0 * (1.0 + largest.abs()))
            }
        }
        Reduce::ReciprocalStd => {
            let squares: f64 = x.iter().map(|x| (x - sum / n).powi(2)).sum();
            let y = 1.0 / (squares / n + EPS).sqrt();
            (y, 40.0 * y)
        }
        Reduce::ReciprocalRms => {
            let squares: f64 = x.iter().map(|x| x.powi(2)).sum();
            let y = 1.0 / (squares / n + EPS).sqrt();
            (y, 40.0 * y)
        }
    }
}

/// (the mapped row, the tolerated absolute error in units of epsilon)
fn mapped(op: RowMap, x: &[f64]) -> (Vec<f64>, f64) {
    let n = x.len() as f64;
    let log_sum_exp = reduced(Reduce::LogSumExp, x).0;
    let mean = x.iter().sum::<f64>() / n;
    match op {
        RowMap::Softmax => (x.iter().map(|x| (x - log_sum_exp).exp()).collect(), 16.0),
        RowMap::LogSoftmax => (x.iter().map(|x| x - log_sum_exp).collect(), 40.0),
        RowMap::LayerNorm => {
            let scale = reduced(Reduce::ReciprocalStd, x).0;
            (x.iter().map(|x| (x - mean) * scale).collect(), 200.0 * scale.max(1.0))
        }
        RowMap::RmsNorm => {
            let scale = reduced(Reduce::ReciprocalRms, x).0;
            (x.iter().map(|x| x * scale).collect(), 100.0)
        }
    }
}

fn row<T: Float>(x: &Grid<T>, r: usize, cols: usize) -> Vec<f64> {
    (0..cols).map(|c| x.get(r, c).to_f64()).collect()
}

fn check_reduce<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(4));
    for op in REDUCE {
        for (cols, form) in SIZES.into_iter().flat_map(|cols| Form::ALL.map(|form| (cols, form))) {
            let rows = 3;
            // Few different values, so that maxima repeat.
            let x = Grid::<T>::new(form, rows, cols, cols % 3, || (numbers.tame() * 20.0).round() / 4.0);
            let mut y = Grid::<T>::new(Form::Gapped, rows, 1, 1, || 0.0);
            // SAFETY: the grids are this large.
            unsafe { (kernels.reduce)(op, T::from_f64(EPS), rows, cols, y.dst(), x.src()) };
            let name = || format!("{} {op:?} of {form:?} ({rows}, {cols})", label::<T>(isa));
            failures.check(y.is_guarded(), || format!("{}: wrote beyond its elements", name()));
            for r in 0..rows {
                let (want, error) = reduced(op, &row(&x, r, cols));
                let got = y.get(r, 0);
                failures.check(near(got, want, error * epsilon::<T>()), || {
                    format!("{} row {r}: {got:?}, not {want:e}", name())
                });
            }
        }
    }
}

/// Of each row its maximum, exactly, and the sum of exp(x - maximum); for no columns, -inf and 0.
fn check_exp_sums<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers, rows) = (T::kernels(isa), Numbers::new(8), 3);
    for (cols, form) in SIZES.into_iter().flat_map(|cols| Form::ALL.map(|form| (cols, form))) {
        let x = Grid::<T>::new(form, rows, cols, cols % 3, || numbers.tame() * 20.0);
        let [mut largest, mut sums] = [0, 1].map(|_| Grid::<T>::new(Form::Dense, 1, rows, 1, || 0.0));
        // SAFETY: the grids are this large.
        unsafe { (kernels.exp_sums)(rows, cols, largest.ptr_mut(), sums.ptr_mut(), x.src()) };
        let name = || format!("{} exp_sums of {form:?} ({rows}, {cols})", label::<T>(isa));
        let is_guarded = largest.is_guarded() && sums.is_guarded();
        failures.check(is_guarded, || format!("{}: wrote beyond its elements", name()));
        for r in 0..rows {
            let x = row(&x, r, cols);
            let (most, _) = reduced(Reduce::Max, &x);
            let want: f64 = x.iter().map(|x| (x - most).exp()).sum();
            let (got, sum) = (largest.get(0, r), sums.get(0, r));
            failures.check(near(got, most, 0.0), || format!("{} row {r}: {got:?}, not {most:e}", name()));
            failures.check(near(sum, want, 8.0 * want * epsilon::<T>()), || {
                format!("{} row {r}: sum {sum:?}, not {want:e}", name())
            });
        }
    }
}

fn check_dots<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers, rows) = (T::kernels(isa), Numbers::new(6), 3);
    for (cols, form) in SIZES.into_iter().flat_map(|cols| Form::ALL.map(|form| (cols, form))) {
        let a = Grid::<T>::new(form, rows, cols, cols % 3, || numbers.tame());
        let b = Grid::<T>::new(Form::Dense, rows, cols, 2, || numbers.tame());
        let mut y = Grid::<T>::new(Form::Gapped, rows, 1, 1, || 0.0);
        // SAFETY: the grids are this large.
        unsafe { (kernels.dots)(rows, cols, y.dst(), a.src(), b.src()) };
        let name = || format!("{} dots of {form:?} ({rows}, {cols})", label::<T>(isa));
        failures.check(y.is_guarded(), || format!("{}: wrote beyond its elements", name()));
        for r in 0..rows {
            let terms: Vec<f64> = row(&a, r, cols).iter().zip(row(&b, r, cols)).map(|(a, b)| a * b).collect();
            let (want, error) = reduced(Reduce::Sum, &terms);
            let got = y.get(r, 0);
            failures.check(near(got, want, error * epsilon::<T>()), || {
                format!("{} row {r}: {got:?}, not {want:e}", name())
            });
        }
    }
}

/// Sums of products are bit-identical to a stored product and its sum.
fn check_sums_of_products<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(7));
    for (rows, cols) in [0, 1, 3, 40].into_iter().flat_map(|rows| SIZES.map(|cols| (rows, cols))) {
        for (of_a, of_b) in Form::ALL.into_iter().flat_map(|a| Form::ALL.map(|b| (a, b))) {
            let a = Grid::<T>::new(of_a, rows, cols, cols % 3, || numbers.tame());
            let b = Grid::<T>::new(of_b, rows, cols, 2, || numbers.tame());
            let mut product = Grid::<T>::new(Form::Dense, rows, cols, 0, || 0.0);
            let mut sums = [0, 1].map(|_| Grid::<T>::new(Form::Gapped, rows, 1, 1, || 0.0));
            let mut columns = [0, 1].map(|_| Grid::<T>::new(Form::Dense, 1, cols, 1, || 0.5));
            // SAFETY: the grids are this large.
            unsafe {
                (kernels.binary)(Binary::Mul, rows, cols, product.dst(), a.src(), b.src());
                (kernels.reduce)(Reduce::Sum, T::ZERO, rows, cols, sums[0].dst(), product.src());
                (kernels.col_sum)(rows, cols, product.ptr(), product.stride(), columns[0].ptr_mut());
                (kernels.product_sum)(rows, cols, sums[1].dst(), a.src(), b.src());
                (kernels.weighted_sum)(rows, cols, a.src(), b.src(), columns[1].ptr_mut());
            }
            let name = || format!("{} products of {of_a:?} {of_b:?} ({rows}, {cols})", label::<T>(isa));
            let is_guarded = sums[1].is_guarded() && columns[1].is_guarded();
            failures.check(is_guarded, || format!("{}: wrote beyond its elements", name()));
            let same_sums = (0..rows).all(|r| same(sums[0].get(r, 0), sums[1].get(r, 0)));
            failures.check(same_sums, || format!("{}: other sums over columns", name()));
            let same_columns = (0..cols).all(|c| same(columns[0].get(0, c), columns[1].get(0, c)));
            failures.check(same_columns, || format!("{}: other sums over rows", name()));
        }
    }
}

fn check_row_map<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(5));
    for op in ROW_MAP {
        for (cols, form) in SIZES.into_iter().flat_map(|cols| Form::ALL.map(|form| (cols, form))) {
            let rows = 3;
            let x = Grid::<T>::new(form, rows, cols, cols % 3, || numbers.tame() * 5.0);
            let mut y = Grid::<T>::new(Form::Gapped, rows, cols, 1, || 0.0);
            let mut z = x.clone();
            // SAFETY: the grids are this large; in place, the operands are the same memory.
            unsafe {
                (kernels.row_map)(op, T::from_f64(EPS), rows, cols, y.dst(), x.src());
                if matches!(form, Form::Dense | Form::Gapped) {
                    let (dst, src) = z.in_place();
                    (kernels.row_map)(op, T::from_f64(EPS), rows, cols, dst, src);
                }
            }
            let name = || format!("{} {op:?} of {form:?} ({rows}, {cols})", label::<T>(isa));
            failures.check(y.is_guarded() && z.is_guarded(), || format!("{}: wrote beyond", name()));
            for r in 0..rows {
                let (want, error) = mapped(op, &row(&x, r, cols));
                for (c, want) in want.into_iter().enumerate() {
                    let got = y.get(r, c);
                    failures.check(near(got, want, error * epsilon::<T>()), || {
                        format!("{} at ({r}, {c}): {got:?}, not {want:e}", name())
                    });
                    if matches!(form, Form::Dense | Form::Gapped) {
                        failures.check(same(got, z.get(r, c)), || format!("{} differs in place", name()));
                    }
                }
            }
        }
    }
}

fn check_col_sum<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(6));
    for (rows, cols) in [0, 1, 2, 7, 40].into_iter().flat_map(|rows| SIZES.map(|cols| (rows, cols))) {
        let a = Grid::<T>::new(Form::Gapped, rows, cols, cols % 3, || numbers.tame());
        let mut out = Grid::<T>::new(Form::Dense, 1, cols, 1, || 0.5);
        // SAFETY: the grids are this large.
        unsafe { (kernels.col_sum)(rows, cols, a.ptr(), a.stride(), out.ptr_mut()) };
        let name = || format!("{} col_sum ({rows}, {cols})", label::<T>(isa));
        failures.check(out.is_guarded(), || format!("{}: wrote beyond its elements", name()));
        for c in 0..cols {
            // One number after the other in row order: exactly this.
            let want = (0..rows).fold(T::from_f64(0.5), |sum, r| sum + a.get(r, c));
            let got = out.get(0, c);
            failures.check(same(got, want), || format!("{} at {c}: {got:?}, not {want:?}", name()));
        }
    }
}

fn check_odd_rows<T: Float>(isa: Isa, failures: &mut Failures) {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let cases: [(Reduce, &[f64], f64); 12] = [
        (Reduce::Max, &[1.0, NAN, 3.0], NAN),
        (Reduce::Max, &[NAN, 1.0, 3.0], NAN),
        (Reduce::Max, &[-INF, -INF], -INF),
        (Reduce::ArgMax, &[1.0, NAN, 3.0, NAN], 1.0),
        (Reduce::ArgMax, &[-INF, -INF], 0.0),
        (Reduce::ArgMax, &[1.0, 7.0, 7.0], 1.0),
        (Reduce::LogSumExp, &[1.0, INF], INF),
        (Reduce::LogSumExp, &[-INF, -INF], -INF),
        (Reduce::LogSumExp, &[-INF, 2.5], 2.5),
        (Reduce::LogSumExp, &[1.0, NAN], NAN),
        (Reduce::Sum, &[INF, 1.0], INF),
        (Reduce::Sum, &[INF, -INF], NAN),
    ];
    for (op, x, want) in cases {
        // At every place of a long row too: a lane is a lane.
        for lead in [0, 1, 15, 40, 64] {
            let mut row: Vec<T> = vec![T::from_f64(-INF); lead];
            row.extend(x.iter().map(|&x| T::from_f64(x)));
            if op == Reduce::Sum {
                row[..lead].fill(T::ZERO);
            }
            let want = match op {
                Reduce::ArgMax if x[0] != -INF => want + lead as f64,
                _ => want,
            };
            let mut got = T::ZERO;
            let dst = Dst { ptr: &raw mut got, row: 1 };
            let src = crate::kernel::Src { ptr: row.as_ptr(), row: row.len(), col: 1 };
            // SAFETY: one row, one result.
            unsafe { (T::kernels(isa).reduce)(op, T::ZERO, 1, row.len(), dst, src) };
            failures.check(same(got, T::from_f64(want)), || {
                format!("{} {op:?} of {x:?} after {lead}: {got:?}, not {want}", label::<T>(isa))
            });
        }
    }
}

#[test]
fn reductions_agree_with_their_definitions() {
    on_every_isa!(check_reduce);
}

#[test]
fn sums_of_exponentials_agree_with_their_definition() {
    on_every_isa!(check_exp_sums);
}

#[test]
fn scalar_products_agree_with_their_definition() {
    on_every_isa!(check_dots);
}

#[test]
fn sums_of_products_have_the_bits_of_a_product_and_its_sum() {
    on_every_isa!(check_sums_of_products);
}

#[test]
fn row_maps_agree_with_their_definitions_in_place_too() {
    on_every_isa!(check_row_map);
}

#[test]
fn column_sums_add_in_row_order() {
    on_every_isa!(check_col_sum);
}

#[test]
fn infinities_and_nan_reduce_as_they_should() {
    on_every_isa!(check_odd_rows);
}

fn check_square_sum<T: Float>(isa: Isa, failures: &mut Failures) {
    let mut numbers = Numbers::new(8);
    for n in SIZES.into_iter().chain([1000, 4097]) {
        let x: Vec<T> = (0..n).map(|_| T::from_f64(numbers.tame())).collect();
        let of = |isa: Isa| {
            let mut got = f64::NAN;
            // SAFETY: x has n elements.
            unsafe { (T::kernels(isa).square_sum)(n, x.as_ptr(), &mut got) };
            got
        };
        let (got, want) = (of(isa), x.iter().map(|x| x.to_f64() * x.to_f64()).sum::<f64>());
        // each of 32 sums rounds at most n / 32 times
        let tolerance = f64::EPSILON * want * (2.0 + n as f64 / 32.0);
        failures
            .check((got - want).abs() <= tolerance, || format!("{} {n}: {got} for {want}", label::<T>(isa)));
        let same_bits = got.to_bits() == of(Isa::Portable).to_bits();
        failures.check(same_bits, || format!("{} {n}: other bits than portable", label::<T>(isa)));
    }
}

#[test]
fn the_sum_of_squares_is_right_and_the_same_on_every_instruction_set() {
    on_every_isa!(check_square_sum);
}

fn check_all_finite<T: Float>(isa: Isa, failures: &mut Failures) {
    let mut numbers = Numbers::new(9);
    for n in SIZES.into_iter().chain([1000, 4097]) {
        let mut x: Vec<T> = (0..n).map(|_| T::from_f64(numbers.tame())).collect();
        if let Some(last) = x.last_mut() {
            // the largest number is finite
            *last = T::from_f64(if T::NAME == "float32" { f64::from(f32::MAX) } else { f64::MAX });
        }
        let of = |x: &[T]| {
            let mut got = false;
            // SAFETY: x has n elements.
            unsafe { (T::kernels(isa).all_finite)(x.len(), x.as_ptr(), &mut got) };
            got
        };
        failures.check(of(&x), || format!("{} {n}: finite numbers", label::<T>(isa)));
        for at in (0..n).filter(|at| n < 100 || at % 97 == 0) {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let kept = std::mem::replace(&mut x[at], T::from_f64(bad));
                failures.check(!of(&x), || format!("{} {n}: {bad} at {at} is not seen", label::<T>(isa)));
                x[at] = kept;
            }
        }
    }
}

#[test]
fn a_number_that_is_not_finite_is_seen_at_every_place() {
    on_every_isa!(check_all_finite);
}

fn check_range<T: Float>(isa: Isa, failures: &mut Failures) {
    let mut numbers = Numbers::new(10);
    for n in SIZES.into_iter().chain([1000, 4097]) {
        let mut x: Vec<T> = (0..n).map(|_| T::from_f64(numbers.tame())).collect();
        let of = |x: &[T]| {
            let mut got = [T::ONE; 2];
            // SAFETY: x has n elements.
            unsafe { (T::kernels(isa).range)(x.len(), x.as_ptr(), &mut got) };
            got.map(T::to_f64)
        };
        let expected = |x: &[T]| {
            let wide = || x.iter().map(|x| x.to_f64());
            if x.is_empty() {
                [0.0; 2]
            } else {
                [wide().fold(f64::MAX, f64::min), wide().fold(f64::MIN, f64::max)]
            }
        };
        failures.check(of(&x) == expected(&x), || format!("{} {n}: {:?}", label::<T>(isa), of(&x)));
        for at in (0..n).filter(|at| n < 100 || at % 97 == 0) {
            for extreme in [-1e30, 1e30, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let kept = std::mem::replace(&mut x[at], T::from_f64(extreme));
                let right = if extreme.is_finite() {
                    of(&x) == expected(&x)
                } else {
                    of(&x).iter().all(|end| end.is_nan())
                };
                failures.check(right, || format!("{} {n}: {extreme} at {at}: {:?}", label::<T>(isa), of(&x)));
                x[at] = kept;
            }
        }
    }
}

#[test]
fn the_range_has_every_element() {
    on_every_isa!(check_range);
}
