//! Linear recurrences along time: every width, one and two states, forwards and backwards, with what may be absent.

use super::support::{Failures, Numbers, SIZES, epsilon, label, near, on_every_isa};
use crate::kernel::{Along, Float, Isa, ScanState};

const STEPS: usize = 6;
const ROWS: usize = 3;
/// Elements that no kernel may write to.
const GUARD: f64 = 4099.125;

/// A value of all steps and rows, with a guard behind each row; `fixed` ones are the same row at all times.
struct Value<T> {
    cells: Vec<T>,
    row: usize,
    fixed: bool,
}

impl<T: Float> Value<T> {
    fn new(cols: usize, fixed: bool, mut value: impl FnMut() -> f64) -> Value<T> {
        let row = cols + 3;
        let lines = if fixed { 1 } else { STEPS * ROWS };
        let mut cells = vec![T::from_f64(GUARD); lines * row];
        for line in cells.chunks_exact_mut(row) {
            line[..cols].fill_with(|| T::from_f64(value()));
        }
        Value { cells, row, fixed }
    }

    fn get(&self, t: usize, r: usize, c: usize) -> T {
        let line = if self.fixed { 0 } else { t * ROWS + r };
        self.cells[line * self.row + c]
    }

    /// As an operand; reversed time begins at the last step.
    fn along(&mut self, reversed: bool) -> Along<T> {
        let ptr = self.cells.as_mut_ptr().cast_const();
        let step = ROWS * self.row;
        match (self.fixed, reversed) {
            (true, _) => Along { ptr, step: 0, row: 0 },
            (false, false) => Along { ptr, step: step as isize, row: self.row },
            (false, true) => {
                let ptr = ptr.wrapping_add((STEPS - 1) * step);
                Along { ptr, step: -(step as isize), row: self.row }
            }
        }
    }

    fn is_guarded(&self, cols: usize) -> bool {
        self.cells.chunks_exact(self.row).all(|line| line[cols..].iter().all(|x| x.to_f64() == GUARD))
    }
}

/// What there is of a scan; absent values are 0.
#[derive(Clone, Copy, Debug)]
struct Form {
    states: usize,
    shift: bool,
    rest: bool,
    across: bool,
    fixed: bool,
    reversed: bool,
}

fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    for bits in 0..64 {
        let on = |bit: usize| bits >> bit & 1 == 1;
        let form = Form {
            states: 1 + usize::from(on(0)),
            shift: on(1),
            rest: on(2),
            across: on(3),
            fixed: on(4),
            reversed: on(5),
        };
        for cols in SIZES {
            run::<T>(isa, form, cols, failures);
        }
    }
}

fn run<T: Float>(isa: Isa, form: Form, cols: usize, failures: &mut Failures) {
    let mut numbers = Numbers::new(1 + cols as u64);
    let mut value = |fixed: bool| Value::<T>::new(cols, fixed, || numbers.tame());
    let n = form.states;
    let mut shift: Vec<Value<T>> = (0..n).map(|_| value(false)).collect();
    let mut rest: Vec<Value<T>> = (0..n).map(|_| value(false)).collect();
    let mut factor: Vec<Value<T>> = (0..n * n).map(|_| value(form.fixed)).collect();
    let mut seen: Vec<Value<T>> = (0..n).map(|_| value(false)).collect();
    let mut update: Vec<Value<T>> = (0..n).map(|_| value(false)).collect();
    let mut state: Vec<Value<T>> = (0..n).map(|_| value(false)).collect();
    let absent = || Along { ptr: std::ptr::null(), step: 0, row: 0 };
    let there = |i: usize, j: usize| i == j || form.across;

    // in float64, step by step
    let mut expected = vec![vec![0.0; ROWS * cols]; n];
    let mut expected_update = vec![vec![0.0; STEPS * ROWS * cols]; n];
    let mut expected_seen = expected_update.clone();
    for i in 0..n {
        for (at, x) in expected[i].iter_mut().enumerate() {
            *x = state[i].get(0, at / cols.max(1), at % cols.max(1)).to_f64();
        }
    }
    for k in 0..STEPS {
        let t = if form.reversed { STEPS - 1 - k } else { k };
        for at in 0..ROWS * cols {
            let (r, c) = (at / cols, at % cols);
            let old: Vec<f64> = (0..n)
                .map(|j| expected[j][at] + if form.shift { shift[j].get(t, r, c).to_f64() } else { 0.0 })
                .collect();
            for i in 0..n {
                let terms = (0..n).filter(|&j| there(i, j));
                let sum: f64 = terms.map(|j| factor[i * n + j].get(t, r, c).to_f64() * old[j]).sum();
                expected[i][at] = sum + if form.rest { rest[i].get(t, r, c).to_f64() } else { 0.0 };
                expected_seen[i][t * ROWS * cols + at] = old[i];
                expected_update[i][t * ROWS * cols + at] = expected[i][at];
            }
        }
    }

    let states: Vec<ScanState<T>> = (0..n)
        .map(|i| (i, state[i].row, state[i].cells.as_mut_ptr()))
        .map(|(i, start_row, memory)| ScanState {
            start: memory.cast_const(),
            start_row,
            end: memory,
            shift: if form.shift { shift[i].along(form.reversed) } else { absent() },
            factors: [0, 1].map(|j| {
                if j < n && there(i, j) { factor[i * n + j].along(form.reversed) } else { absent() }
            }),
            rest: if form.rest { rest[i].along(form.reversed) } else { absent() },
            seen: seen[i].along(form.reversed),
            update: update[i].along(form.reversed),
        })
        .collect();
    // SAFETY: every value has STEPS x ROWS rows of `cols` elements (a fixed one a single row, with strides of 0).
    unsafe { (T::kernels(isa).scan)(STEPS, ROWS, cols, &states) };

    // 6 steps of at most 4 products of numbers below 1 each: 6 x 5 roundings of values below 2^6
    let tolerance = 30.0 * 64.0 * epsilon::<T>();
    for i in 0..n {
        let mut good = update[i].is_guarded(cols) && seen[i].is_guarded(cols) && state[i].is_guarded(cols);
        for at in 0..STEPS * ROWS * cols {
            let (t, r, c) = (at / (ROWS * cols), at / cols % ROWS, at % cols);
            good &= near(update[i].get(t, r, c), expected_update[i][at], tolerance);
            good &= near(seen[i].get(t, r, c), expected_seen[i][at], tolerance);
            good &= t > 0 || near(state[i].get(0, r, c), expected[i][at], tolerance);
        }
        failures.check(good, || format!("{} {form:?} {cols} columns, state {i}", label::<T>(isa)));
    }
}

#[test]
fn a_scan_equals_its_steps_one_by_one() {
    on_every_isa!(check);
}

/// The bits of a column do not depend on the other columns: not on the chunk or tail that it falls into.
fn columns_alone<T: Float>(isa: Isa, failures: &mut Failures) {
    const COLS: usize = 131;
    let mut numbers = Numbers::new(5);
    let mut value = || Value::<T>::new(COLS, false, || numbers.tame());
    let (mut factor, mut rest, state) = (value(), value(), value());
    let mut results = Vec::new();
    for first in [0, 1, 64, 115, 127] {
        let mut update = value();
        let from = |value: &mut Value<T>| {
            let along = value.along(false);
            Along { ptr: along.ptr.wrapping_add(first), ..along }
        };
        let one = ScanState {
            start: state.cells[first..].as_ptr(),
            start_row: state.row,
            end: std::ptr::null_mut(),
            shift: Along { ptr: std::ptr::null(), step: 0, row: 0 },
            factors: [from(&mut factor), Along { ptr: std::ptr::null(), step: 0, row: 0 }],
            rest: from(&mut rest),
            seen: Along { ptr: std::ptr::null(), step: 0, row: 0 },
            update: from(&mut update),
        };
        // SAFETY: as above, from column `first` on.
        unsafe { (T::kernels(isa).scan)(STEPS, ROWS, COLS - first, &[one]) };
        results.push(update);
    }
    for c in 127..COLS {
        let bits = |value: &Value<T>| value.get(STEPS - 1, ROWS - 1, c).to_f64().to_bits();
        let same = results.iter().all(|value| bits(value) == bits(&results[0]));
        failures.check(same, || format!("{} column {c}", label::<T>(isa)));
    }
}

#[test]
fn the_bits_of_a_column_do_not_depend_on_its_place() {
    on_every_isa!(columns_alone);
}
