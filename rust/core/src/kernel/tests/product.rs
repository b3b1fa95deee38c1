//! The packed matrix product.

use super::support::{Failures, Form, Grid, Numbers, epsilon, label, near, on_every_isa, same, same_bits};
use crate::kernel::{Float, Init, Isa, Src};

const HEIGHTS: [usize; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 32];
const WIDTHS: [usize; 14] = [0, 1, 3, 7, 8, 16, 17, 31, 33, 64, 65, 100, 129, 200];
const DEPTHS: [usize; 6] = [0, 1, 2, 17, 128, 1030];

/// The packed form, with guards around it.
pub(super) fn packed<T: Float>(isa: Isa, k: usize, n: usize, b: &Grid<T>) -> Grid<T> {
    let kernels = T::kernels(isa);
    let mut packed = Grid::<T>::new(Form::Dense, 1, (kernels.packed_len)(k, n), 3, || 0.0);
    // SAFETY: B is (k, n), and packed as long as it says.
    unsafe { (kernels.pack)(k, n, b.ptr(), b.stride(), 1, packed.ptr_mut()) };
    packed
}

fn check_product<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(7));
    let most = HEIGHTS[HEIGHTS.len() - 1];
    for (n, k) in WIDTHS.into_iter().flat_map(|n| DEPTHS.map(|k| (n, k))) {
        let a = Grid::<T>::new(Form::Gapped, most, k, 1, || numbers.tame());
        let b = Grid::<T>::new(Form::Gapped, k, n, 2, || numbers.tame());
        let bias = Grid::<T>::new(Form::OneRow, most, n, 3, || numbers.tame());
        let before = Grid::<T>::new(Form::Gapped, most, n, 1, || numbers.tame());
        let packed = packed(isa, k, n, &b);
        failures.check(packed.is_guarded(), || format!("{} pack ({k}, {n}) wrote beyond", label::<T>(isa)));
        let products = naive(&a, &b, most, n, k);
        let mut of_all_rows = Vec::new();
        for m in HEIGHTS.into_iter().rev() {
            let inits = [Init::Zero, Init::Accumulate, Init::From(bias.src()), Init::From(before.src())];
            for (which, init) in inits.into_iter().enumerate() {
                let mut at = (0..m * n).map(|i| before.get(i / n, i % n).to_f64());
                let mut c = Grid::<T>::new(Form::Gapped, m, n, which, || at.next().unwrap_or(0.0));
                let ldc = c.stride();
                // SAFETY: the grids are this large, B packed for this table.
                unsafe {
                    (kernels.gemm)(m, n, k, a.ptr(), a.stride(), packed.ptr(), init, c.ptr_mut(), ldc);
                }
                let name = || format!("{} gemm {m}x{n}x{k} init {which}", label::<T>(isa));
                failures.check(c.is_guarded(), || format!("{}: wrote beyond its elements", name()));
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let start = match which {
                        0 => 0.0,
                        2 => bias.get(i, j).to_f64(),
                        _ => before.get(i, j).to_f64(),
                    };
                    let (want, got) = (start + products[i * n + j], c.get(i, j));
                    let error = (k as f64 + 1.0) * epsilon::<T>();
                    failures.check(near(got, want, error), || {
                        format!("{} at ({i}, {j}): {got:?}, not {want:e}", name())
                    });
                }
                if m == most {
                    of_all_rows.push(c);
                } else {
                    let same_rows =
                        (0..m).all(|i| (0..n).all(|j| same_bits(c.get(i, j), of_all_rows[which].get(i, j))));
                    failures.check(same_rows, || format!("{}: rows depend on the number of rows", name()));
                }
            }
        }
    }
}

/// A B in `f64`.
pub(super) fn naive<T: Float>(a: &Grid<T>, b: &Grid<T>, m: usize, n: usize, k: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for p in 0..k {
            let a = a.get(i, p).to_f64();
            for j in 0..n {
                c[i * n + j] += a * b.get(p, j).to_f64();
            }
        }
    }
    c
}

/// From a multiple of `column_grain` on, the columns of a packed B are a packed B: threads share a product so.
fn check_columns<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(9));
    for (m, n, k) in [(1, 300, 40), (2, 300, 130), (5, 300, 7), (16, 300, 130), (3, 200, 1)] {
        let a = Grid::<T>::new(Form::Gapped, m, k, 1, || numbers.tame());
        let b = Grid::<T>::new(Form::Gapped, k, n, 2, || numbers.tame());
        let before = Grid::<T>::new(Form::Gapped, m, n, 3, || numbers.tame());
        let packed = packed(isa, k, n, &b);
        let product = |columns: &[usize]| {
            let mut c = Grid::<T>::new(Form::Gapped, m, n, 4, || 0.0);
            let (row, to) = (c.stride(), c.ptr_mut());
            for pair in columns.windows(2) {
                let (from, count) = (pair[0], pair[1] - pair[0]);
                let source = before.src();
                let init = Init::From(Src { ptr: source.ptr.wrapping_add(from), ..source });
                let packed = packed.ptr().wrapping_add(from * k);
                // SAFETY: the grids have these columns, B was packed for this table.
                unsafe {
                    (kernels.gemm)(m, count, k, a.ptr(), a.stride(), packed, init, to.add(from), row);
                }
            }
            c
        };
        let whole = product(&[0, n]);
        for columns in
            [vec![0, kernels.column_grain, n], (0..n).step_by(kernels.column_grain).chain([n]).collect()]
        {
            let parts = product(&columns);
            let same = (0..m).all(|i| (0..n).all(|j| same_bits(whole.get(i, j), parts.get(i, j))));
            failures.check(same, || {
                format!("{} gemm {m}x{n}x{k} in {columns:?} has other bits", label::<T>(isa))
            });
        }
    }
}

fn check_transposed_packing<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(8));
    for (n, k) in WIDTHS.into_iter().flat_map(|n| [1, 5, 16, 37, 130].map(|k| (n, k))) {
        let b = Grid::<T>::new(Form::Gapped, k, n, 2, || numbers.tame());
        let mut transposed = Grid::<T>::new(Form::Gapped, n, k, 1, || 0.0);
        for (p, j) in (0..k).flat_map(|p| (0..n).map(move |j| (p, j))) {
            transposed.set(j, p, b.get(p, j));
        }
        // the same memory twice: where the panels begin depends on it
        let mut grid = packed(isa, k, n, &b);
        let len = (kernels.packed_len)(k, n);
        let want: Vec<T> = (0..len).map(|i| grid.get(0, i)).collect();
        (0..len).for_each(|i| grid.set(0, i, T::ZERO));
        // SAFETY: B is (k, n), and packed as long as it says.
        unsafe { (kernels.pack)(k, n, transposed.ptr(), 1, transposed.stride(), grid.ptr_mut()) };
        let holds = grid.is_guarded() && (0..len).all(|i| same(grid.get(0, i), want[i]));
        failures.check(holds, || format!("{} pack of transposed ({k}, {n})", label::<T>(isa)));
    }
}

fn check_nan_stays_in_its_row<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(9));
    let (m, n, k) = (7, 37, 20);
    let mut a = Grid::<T>::new(Form::Dense, m, k, 0, || numbers.tame());
    let mut b = Grid::<T>::new(Form::Dense, k, n, 0, || numbers.tame());
    a.set(2, 3, T::from_f64(f64::NAN));
    b.set(19, 36, T::from_f64(f64::INFINITY));
    let packed = packed(isa, k, n, &b);
    let mut c = Grid::<T>::new(Form::Dense, m, n, 0, || f64::NAN);
    // SAFETY: the grids are this large, B packed for this table.
    unsafe { (kernels.gemm)(m, n, k, a.ptr(), k, packed.ptr(), Init::Zero, c.ptr_mut(), n) };
    for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
        let got = c.get(i, j).to_f64();
        let holds = if i == 2 { got.is_nan() } else { (j == 36) == got.is_infinite() && !got.is_nan() };
        failures.check(holds, || format!("{} at ({i}, {j}): {got}", label::<T>(isa)));
    }
}

fn check_row_in_place<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(10));
    let (m, n, k) = (11, 150, 200);
    let a = Grid::<T>::new(Form::Gapped, m, k, 1, || numbers.tame());
    let b = Grid::<T>::new(Form::Gapped, k, n, 2, || numbers.tame());
    let packed = packed(isa, k, n, &b);
    let run = |first: usize, rows: usize| {
        let mut c = Grid::<T>::new(Form::Gapped, rows, n, first, || 0.0);
        let (start, ldc) = (a.ptr().wrapping_add(first * a.stride()), c.stride());
        let init = Init::From(Src { ptr: b.ptr(), row: 0, col: 1 });
        // SAFETY: rows first .. first + rows are inside A; the bias is B's first row.
        unsafe {
            (kernels.gemm)(rows, n, k, start, a.stride(), packed.ptr(), init, c.ptr_mut(), ldc);
        }
        c
    };
    let whole = run(0, m);
    for (first, rows) in (0..m).flat_map(|first| (1..=m - first).map(move |rows| (first, rows))) {
        let part = run(first, rows);
        let holds = (0..rows).all(|i| (0..n).all(|j| same_bits(part.get(i, j), whole.get(first + i, j))));
        failures.check(holds, || format!("{} rows {first}+{rows}", label::<T>(isa)));
    }
}

#[test]
fn products_agree_and_their_rows_do_not_depend_on_the_others() {
    on_every_isa!(check_product);
}

#[test]
fn packing_a_transposed_matrix_is_packing_the_matrix() {
    on_every_isa!(check_transposed_packing);
}

#[test]
fn some_columns_of_a_packed_matrix_are_a_packed_matrix() {
    on_every_isa!(check_columns);
}

#[test]
fn nan_and_infinity_stay_in_their_row_and_column() {
    on_every_isa!(check_nan_stays_in_its_row);
}

#[test]
fn a_row_has_the_same_bits_in_every_batch() {
    on_every_isa!(check_row_in_place);
}
