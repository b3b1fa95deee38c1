//! C += A^T B: against the naive product, and bit for bit against the packed product.

use super::product::{naive, packed};
use super::support::{Failures, Form, Grid, Numbers, epsilon, label, near, on_every_isa, same_bits};
use crate::kernel::{Float, Init, Isa};

fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(11));
    let mut scratch = Vec::new();
    let (heights, widths) = ([0, 1, 2, 5, 6, 7, 13, 33, 130], [0, 1, 7, 16, 17, 33, 64, 65, 100, 130]);
    for (m, n) in heights.into_iter().flat_map(|m| widths.map(|n| (m, n))) {
        for k in [0, 1, 5, 128, 129, 300] {
            let a = Grid::<T>::new(Form::Gapped, k, m, 1, || numbers.tame());
            let b = Grid::<T>::new(Form::Gapped, k, n, 2, || numbers.tame());
            let mut c = Grid::<T>::new(Form::Gapped, m, n, 1, || numbers.tame());
            let before = c.clone();
            let ldc = c.stride();
            // SAFETY: the grids are this large.
            unsafe {
                let (lda, ldb) = (a.stride(), b.stride());
                (kernels.gemm_tn)(m, n, k, a.ptr(), lda, b.ptr(), ldb, c.ptr_mut(), ldc, &mut scratch);
            }
            let name = || format!("{} gemm_tn {m}x{n}x{k}", label::<T>(isa));
            failures.check(c.is_guarded(), || format!("{}: wrote beyond its elements", name()));

            let mut transposed = Grid::<T>::new(Form::Dense, m, k, 0, || 0.0);
            for (p, i) in (0..k).flat_map(|p| (0..m).map(move |i| (p, i))) {
                transposed.set(i, p, a.get(p, i));
            }
            let products = naive(&transposed, &b, m, n, k);
            let mut same_order = before.clone();
            let packed = packed(isa, k, n, &b);
            // SAFETY: the grids are this large, B packed for this table.
            unsafe {
                let (a, c) = (transposed.ptr(), same_order.ptr_mut());
                (kernels.gemm)(m, n, k, a, k, packed.ptr(), Init::Accumulate, c, ldc);
            }
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let (want, got) = (before.get(i, j).to_f64() + products[i * n + j], c.get(i, j));
                failures.check(near(got, want, (k as f64 + 1.0) * epsilon::<T>()), || {
                    format!("{} at ({i}, {j}): {got:?}, not {want:e}", name())
                });
                // One order of additions for every tile: that of the packed product.
                failures.check(same_bits(got, same_order.get(i, j)), || {
                    format!("{} at ({i}, {j}): {got:?}, but packed {:?}", name(), same_order.get(i, j))
                });
            }
        }
    }
}

/// Long rows of A, which are copied in groups and chunks, a C beyond the second cache, and a B of more than one span.
fn check_large<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(14));
    for (m, n, k) in [(1100, 17, 130), (1100, 250, 260), (600, 450, 260), (7, 1100, 130)] {
        let a = Grid::<T>::new(Form::Gapped, k, m, 1, || numbers.tame());
        let b = Grid::<T>::new(Form::Gapped, k, n, 2, || numbers.tame());
        let mut transposed = Grid::<T>::new(Form::Dense, m, k, 0, || 0.0);
        for (p, i) in (0..k).flat_map(|p| (0..m).map(move |i| (p, i))) {
            transposed.set(i, p, a.get(p, i));
        }
        let packed = packed(isa, k, n, &b);
        let mut c = Grid::<T>::new(Form::Gapped, m, n, 1, || 1.0);
        let mut want = c.clone();
        let ldc = c.stride();
        // SAFETY: the grids are this large, B packed for this table.
        unsafe {
            let (lda, ldb, scratch) = (a.stride(), b.stride(), &mut Vec::new());
            (kernels.gemm_tn)(m, n, k, a.ptr(), lda, b.ptr(), ldb, c.ptr_mut(), ldc, scratch);
            let (a, c) = (transposed.ptr(), want.ptr_mut());
            (kernels.gemm)(m, n, k, a, k, packed.ptr(), Init::Accumulate, c, ldc);
        }
        let holds = (0..m).all(|i| (0..n).all(|j| same_bits(c.get(i, j), want.get(i, j))));
        failures.check(holds && c.is_guarded(), || format!("{} gemm_tn {m}x{n}x{k}", label::<T>(isa)));
    }
}

#[test]
fn large_weight_gradients_are_the_packed_product_bit_for_bit() {
    on_every_isa!(check_large);
}

#[test]
fn weight_gradients_agree_and_add_in_one_order() {
    on_every_isa!(check);
}
