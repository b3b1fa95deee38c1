//! Matrices as states: every form and many sizes against plain loops in `f64`, forwards and backwards.

use super::support::{Failures, Numbers, epsilon, label, near, on_every_isa, same_bits};
use crate::kernel::{Float, Isa, MOST_READS, MatrixBack, MatrixSteps, Track, matrix_scratch};

/// The packed rows of the steps, with gaps, as if other rows of the batch lay between them.
const ROWS: [usize; 5] = [3, 5, 7, 8, 9];
const STEPS: usize = ROWS.len();
/// Elements that no kernel may write to.
const GUARD: f64 = 4099.125;

#[derive(Clone, Copy, Debug)]
struct Form {
    factor_by_line: bool,
    rate: bool,
    rate_by_line: bool,
    before: usize,
    after: usize,
    fixed_factor: bool,
}

/// The forms: each property with and without the others.
fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for bits in 0..16usize {
        let on = |bit: usize| bits >> bit & 1 == 1;
        for (before, after) in [(0, 1), (1, 1), (2, 2), (1, 0), (0, 3)] {
            if before > 0 || !on(1) {
                forms.push(Form {
                    factor_by_line: on(0),
                    rate: on(1),
                    rate_by_line: on(2),
                    before,
                    after,
                    fixed_factor: on(3),
                });
            }
        }
    }
    forms
}

/// A value of the row at all steps, with a guard behind each.
struct Value<T> {
    cells: Vec<T>,
    width: usize,
    fixed: bool,
}

impl<T: Float> Value<T> {
    fn new(width: usize, fixed: bool, value: &mut dyn FnMut() -> f64) -> Value<T> {
        let mut cells = vec![T::from_f64(GUARD); ROWS[STEPS - 1] * (width + 2)];
        for line in cells.chunks_exact_mut(width + 2) {
            line[..width].fill_with(|| T::from_f64(value()));
        }
        Value { cells, width, fixed }
    }

    fn row(&self, t: usize) -> usize {
        if self.fixed { 0 } else { (ROWS[t] - ROWS[0]) * (self.width + 2) }
    }

    fn get(&self, t: usize, c: usize) -> f64 {
        self.cells[self.row(t) + c].to_f64()
    }

    fn track(&mut self) -> Track<T> {
        Track { ptr: self.cells.as_mut_ptr().cast_const(), row: if self.fixed { 0 } else { self.width + 2 } }
    }

    fn is_guarded(&self) -> bool {
        self.cells
            .chunks_exact(self.width + 2)
            .all(|line| line[self.width..].iter().all(|x| x.to_f64() == GUARD))
    }
}

fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    for form in forms() {
        for (lines, cols) in [(2, 2), (3, 17), (4, 16), (5, 5), (9, 33), (8, 64)] {
            run::<T>(isa, form, lines, cols, failures);
        }
    }
}

fn run<T: Float>(isa: Isa, form: Form, lines: usize, cols: usize, failures: &mut Failures) {
    let mut numbers = Numbers::new((lines * 131 + cols) as u64);
    let mut tame = || 0.7 * numbers.tame();
    let of = |by_line: bool| if by_line { lines } else { 1 };
    let count = form.before + form.after;
    let mut factor = Value::<T>::new(of(form.factor_by_line), form.fixed_factor, &mut tame);
    let mut write = Value::<T>::new(lines, false, &mut tame);
    let mut key = Value::<T>::new(cols, false, &mut tame);
    let mut rate = Value::<T>::new(of(form.rate_by_line), false, &mut tame);
    let mut vectors: Vec<Value<T>> = (0..count).map(|_| Value::new(cols, false, &mut tame)).collect();
    let mut reads = Value::<T>::new(count * lines, false, &mut tame);
    let mut d_reads = Value::<T>::new(count * lines, false, &mut tame);
    let rates = if form.rate { of(form.rate_by_line) } else { 0 };
    let width = of(form.factor_by_line) + lines + cols + rates + count * cols;
    let mut gradients = Value::<T>::new(width, false, &mut tame);
    let start: Vec<T> = (0..lines * cols).map(|_| T::from_f64(tame())).collect();
    let mut carry: Vec<T> = (0..lines * cols).map(|_| T::from_f64(tame())).collect();

    let factor_of = |t: usize, l: usize| factor.get(t, if form.factor_by_line { l } else { 0 });
    let rate_of = |t: usize, l: usize| match form.rate {
        true => rate.get(t, if form.rate_by_line { l } else { 0 }),
        false => 0.0,
    };
    // in float64, step by step
    let dot = |c: &[f64], l: usize, v: &Value<T>, t: usize| -> f64 {
        (0..cols).map(|j| c[l * cols + j] * v.get(t, j)).sum()
    };
    let mut history = vec![start.iter().map(|x| x.to_f64()).collect::<Vec<f64>>()];
    let mut written = Vec::new();
    let mut expected_reads = Vec::new();
    for t in 0..STEPS {
        let old = &history[t];
        let seen = |l: usize| if form.rate { dot(old, l, &vectors[0], t) } else { 0.0 };
        let u: Vec<f64> = (0..lines).map(|l| write.get(t, l) + rate_of(t, l) * seen(l)).collect();
        let new: Vec<f64> = (0..lines * cols)
            .map(|at| factor_of(t, at / cols) * old[at] + u[at / cols] * key.get(t, at % cols))
            .collect();
        let from = |number: usize| if number < form.before { old } else { &new };
        let read = |at: usize| dot(from(at / lines), at % lines, &vectors[at / lines], t);
        expected_reads.push((0..count * lines).map(read).collect::<Vec<f64>>());
        written.push(u);
        history.push(new);
    }
    let mut d: Vec<f64> = carry.iter().map(|x| x.to_f64()).collect();
    let mut expected = vec![vec![0.0; width]; STEPS];
    for t in (0..STEPS).rev() {
        let (old, new, out) = (&history[t], &history[t + 1], &mut expected[t]);
        let places = of(form.factor_by_line);
        let (key_at, rate_at) = (places + lines, places + lines + cols);
        let first = rate_at + rates;
        for l in 0..lines {
            for j in 0..cols {
                for number in form.before..count {
                    let d_y = d_reads.get(t, number * lines + l);
                    d[l * cols + j] += d_y * vectors[number].get(t, j);
                    out[first + number * cols + j] += d_y * new[l * cols + j];
                }
            }
            let of_line = &mut d[l * cols..(l + 1) * cols];
            let d_u: f64 = (0..cols).map(|j| of_line[j] * key.get(t, j)).sum();
            out[places + l] = d_u;
            out[if form.factor_by_line { l } else { 0 }] +=
                (0..cols).map(|j| of_line[j] * old[l * cols + j]).sum::<f64>();
            (0..cols).for_each(|j| out[key_at + j] += written[t][l] * of_line[j]);
            if form.rate {
                out[rate_at + if form.rate_by_line { l } else { 0 }] += d_u * dot(old, l, &vectors[0], t);
            }
            for x in of_line.iter_mut() {
                *x *= factor_of(t, l);
            }
            for number in 0..form.before {
                let more = if number == 0 { rate_of(t, l) * d_u } else { 0.0 };
                let d_y = d_reads.get(t, number * lines + l) + more;
                for j in 0..cols {
                    of_line[j] += d_y * vectors[number].get(t, j);
                    out[first + number * cols + j] += d_y * old[l * cols + j];
                }
            }
        }
    }

    let mut tracks = [key.track(); MOST_READS];
    tracks.iter_mut().zip(&mut vectors).for_each(|(track, vector)| *track = vector.track());
    let sequence = MatrixSteps {
        lines,
        cols,
        rows: &ROWS,
        first_row: ROWS[0],
        factor: factor.track(),
        factor_by_line: form.factor_by_line,
        write: write.track(),
        key: key.track(),
        rate: rate.track(),
        rate_by_line: form.rate_by_line,
        has_rate: form.rate,
        vectors: tracks,
        before: form.before,
        after: form.after,
        reads: reads.track(),
    };
    let mut scratch = vec![T::from_f64(f64::NAN); matrix_scratch(STEPS, cols)];
    let mut end = vec![T::from_f64(GUARD); lines * cols + 2];
    let mut in_place = start.clone();
    let back = MatrixBack {
        start: start.as_ptr(),
        carry: carry.as_mut_ptr(),
        d_reads: d_reads.track(),
        gradients: gradients.track(),
        scratch: scratch.as_mut_ptr(),
    };
    // SAFETY: every operand has all rows, the matrices all elements, and the scratch is as long as it must be.
    unsafe {
        let kernels = T::kernels(isa);
        (kernels.matrix_forward)(&sequence, in_place.as_ptr(), in_place.as_mut_ptr());
        (kernels.matrix_forward)(&sequence, start.as_ptr(), end.as_mut_ptr());
        (kernels.matrix_back)(&sequence, &back);
    }
    // 5 steps of sums of at most 64 products of numbers whose matrices stay below 2^5, backwards with two sums on each other
    let tolerance = 5.0 * 64.0 * 32.0 * epsilon::<T>();
    let mut good = reads.is_guarded() && gradients.is_guarded();
    good &= end[lines * cols..].iter().all(|x| x.to_f64() == GUARD);
    good &= in_place.iter().zip(&end).all(|(&a, &b)| same_bits(a, b));
    good &= end.iter().zip(&history[STEPS]).all(|(&x, &y)| near(x, y, tolerance));
    good &= carry.iter().zip(&d).all(|(&x, &y)| near(x, y, tolerance));
    for t in 0..STEPS {
        let is_near = |value: &Value<T>, expected: &[f64]| {
            (0..value.width).all(|c| near(T::from_f64(value.get(t, c)), expected[c], tolerance))
        };
        good &= is_near(&reads, &expected_reads[t]) && is_near(&gradients, &expected[t]);
    }
    failures.check(good, || format!("{} {form:?} {lines} x {cols}", label::<T>(isa)));
}

#[test]
fn a_matrix_along_time_equals_its_steps_one_by_one_and_so_do_its_gradients() {
    on_every_isa!(check);
}
