//! The adjoint of the norms against its definition, and against differences of the norms.

use super::reduction::EPS;
use super::support::{Failures, Form, Grid, Numbers, SIZES, epsilon, label, near, on_every_isa};
use crate::kernel::{Float, Isa, NormGrad};

pub(super) const NORM_GRAD: [NormGrad; 2] = [NormGrad::Layer, NormGrad::Rms];

/// The scale of a row, its norm, and the gradient of its input.
fn reference(op: NormGrad, x: &[f64], d: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let n = x.len() as f64;
    let mean = |x: &mut dyn Iterator<Item = f64>| x.sum::<f64>() / n;
    let (center, shift) = match op {
        NormGrad::Layer => (mean(&mut x.iter().copied()), mean(&mut d.iter().copied())),
        NormGrad::Rms => (0.0, 0.0),
    };
    let scale = 1.0 / (mean(&mut x.iter().map(|x| (x - center).powi(2))) + EPS).sqrt();
    let y: Vec<f64> = x.iter().map(|x| (x - center) * scale).collect();
    let along = mean(&mut y.iter().zip(d).map(|(y, d)| y * d));
    let dx = y.iter().zip(d).map(|(y, d)| scale * (d - shift - y * along)).collect();
    (scale, y, dx)
}

fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers, rows) = (T::kernels(isa), Numbers::new(21), 3);
    for (op, cols) in NORM_GRAD.into_iter().flat_map(|op| SIZES.map(|cols| (op, cols))) {
        let x = Grid::<T>::new(Form::Gapped, rows, cols, cols % 3, || numbers.tame() * 5.0);
        let d = Grid::<T>::new(Form::Dense, rows, cols, 2, || numbers.tame());
        let row = |x: &Grid<T>, r: usize| (0..cols).map(|c| x.get(r, c).to_f64()).collect::<Vec<f64>>();
        let mut y = Grid::<T>::new(Form::Gapped, rows, cols, 1, || 0.0);
        let mut scale = Grid::<T>::new(Form::Gapped, rows, 1, 1, || 0.0);
        let want: Vec<_> = (0..rows).map(|r| reference(op, &row(&x, r), &row(&d, r))).collect();
        for (r, (one, norm, _)) in want.iter().enumerate() {
            scale.set(r, 0, T::from_f64(*one));
            norm.iter().enumerate().for_each(|(c, &norm)| y.set(r, c, T::from_f64(norm)));
        }
        let mut dx = Grid::<T>::new(Form::Gapped, rows, cols, 0, || 0.0);
        // SAFETY: the grids are this large.
        unsafe {
            (kernels.norm_grad)(op, rows, cols, dx.dst(), scale.src(), y.src(), d.src());
        }
        let name = || format!("{} {op:?} ({rows}, {cols})", label::<T>(isa));
        failures.check(dx.is_guarded(), || format!("{}: wrote beyond its elements", name()));
        for (r, c) in (0..rows).flat_map(|r| (0..cols).map(move |c| (r, c))) {
            let (got, want) = (dx.get(r, c), want[r].2[c]);
            // 1 / sqrt(EPS) is the largest scale: what cancels in the brackets is multiplied by it.
            failures.check(near(got, want, 400.0 / EPS.sqrt() * epsilon::<T>()), || {
                format!("{} at ({r}, {c}): {got:?}, not {want:e}", name())
            });
        }
    }
}

#[test]
fn gradients_of_norms_agree_with_their_definition() {
    on_every_isa!(check);
}

#[test]
fn the_definition_agrees_with_differences() {
    let (x, d) = ([0.3, -1.2, 0.8, 2.0, -0.4], [1.0, -0.5, 0.25, 2.0, 0.75]);
    for op in NORM_GRAD {
        let loss = |x: &[f64]| reference(op, x, &d).1.iter().zip(d).map(|(y, d)| y * d).sum::<f64>();
        for (c, want) in reference(op, &x, &d).2.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut x = x;
                x[c] += by;
                loss(&x)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - want).abs() < 1e-8, "{op:?} at {c}: {slope}, not {want}");
        }
    }
}
