//! Matrices as states: each step scales a matrix, adds an outer product, and multiplies it with vectors. The lines of a matrix
//! do not see each other, so a few lines go through all steps while they are in the first cache.

use crate::kernel::args::{MatrixBack, MatrixSteps};
use crate::kernel::math::Math;
use crate::kernel::simd::{MAX_LANES, Simd};

/// Lines that share the loads of a vector.
const LINES: usize = 4;

/// All steps of one row, from the matrix `start` to the matrix `end`, which may be the same memory.
///
/// The order of operations of a line depends on the number of columns alone.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn matrix_forward<T: Math, S: Simd<T>>(
    s: S,
    m: &MatrixSteps<T>,
    start: *const T,
    end: *mut T,
) {
    // SAFETY: both matrices have all lines, and the operands all steps.
    unsafe {
        if start != end.cast_const() {
            end.copy_from_nonoverlapping(start, m.lines * m.cols);
        }
        let mut line = 0;
        while line + LINES <= m.lines {
            let state = end.add(line * m.cols);
            match (m.cols / S::LANES, m.cols % S::LANES) {
                (1, 0) => forward_in_registers::<T, S, 1>(s, m, line, state),
                (2, 0) => forward_in_registers::<T, S, 2>(s, m, line, state),
                (4, 0) if S::TILE_ROWS * S::TILE_VECTORS > 4 * LINES => {
                    forward_in_registers::<T, S, 4>(s, m, line, state)
                }
                _ => forward_lines::<T, S, LINES>(s, m, line, state),
            }
            line += LINES;
        }
        while line < m.lines {
            forward_lines::<T, S, 1>(s, m, line, end.add(line * m.cols));
            line += 1;
        }
    }
}

/// The vector of columns from `c` of a row of `cols`; lanes beyond the row are 0.
#[inline(always)]
unsafe fn load<T: Math, S: Simd<T>>(s: S, row: *const T, c: usize, cols: usize) -> S::V {
    // SAFETY: the caller vouches for the row.
    unsafe {
        if c + S::LANES <= cols {
            s.load(row.add(c))
        } else {
            s.load_partial(row.add(c), cols - c, s.splat(T::ZERO))
        }
    }
}

/// Writes the vector of columns from `c` of a row of `cols`.
#[inline(always)]
unsafe fn store<T: Math, S: Simd<T>>(s: S, row: *mut T, c: usize, cols: usize, x: S::V) {
    // SAFETY: as `load`.
    unsafe {
        if c + S::LANES <= cols {
            s.store(row.add(c), x);
        } else {
            s.store_partial(row.add(c), cols - c, x);
        }
    }
}

/// Writes `x` to a vector of columns, or adds `x` to it.
#[inline(always)]
unsafe fn put<T: Math, S: Simd<T>>(s: S, row: *mut T, c: usize, cols: usize, x: S::V, is_first: bool) {
    // SAFETY: as `load`.
    unsafe {
        let sum = if is_first { x } else { s.add(load(s, row.cast_const(), c, cols), x) };
        store(s, row, c, cols, sum);
    }
}

/// The scalar products of `R` lines, `stride` elements apart, with a vector.
#[inline(always)]
unsafe fn dots<T: Math, S: Simd<T>, const R: usize>(
    s: S,
    cols: usize,
    lines: *const T,
    stride: usize,
    vector: *const T,
) -> [T; R] {
    let mut sums = [s.splat(T::ZERO); R];
    for c in (0..cols).step_by(S::LANES) {
        // SAFETY: the lines and the vector have these columns.
        unsafe {
            let v = load(s, vector, c, cols);
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = s.mul_add(load(s, lines.add(r * stride), c, cols), v, *sum);
            }
        }
    }
    totals(s, &sums)
}

/// Each number in all lanes. Here and below, loops and not `map`: a closure inside it would be compiled for the baseline CPU.
#[inline(always)]
fn splats<T: Math, S: Simd<T>, const R: usize>(s: S, values: &[T; R]) -> [S::V; R] {
    let mut vectors = [s.splat(T::ZERO); R];
    for r in 0..R {
        vectors[r] = s.splat(values[r]);
    }
    vectors
}

/// The sums of the lanes.
#[inline(always)]
fn totals<T: Math, S: Simd<T>, const R: usize>(s: S, vectors: &[S::V; R]) -> [T; R] {
    let mut sums = [T::ZERO; R];
    for r in 0..R {
        sums[r] = s.sum(vectors[r]);
    }
    sums
}

/// Writes a number for each of `R` lines.
#[inline(always)]
unsafe fn keep<T: Math, const R: usize>(to: *mut T, values: &[T; R]) {
    for (r, &x) in values.iter().enumerate() {
        // SAFETY: the caller vouches for the lines.
        unsafe { to.add(r).write(x) };
    }
}

/// `R` values of a track at a packed row, from a line; or the same value for all lines.
#[inline(always)]
unsafe fn values<T: Math, const R: usize>(row: *const T, line: usize, by_line: bool) -> [T; R] {
    let mut values = [T::ZERO; R];
    for (r, value) in values.iter_mut().enumerate() {
        // SAFETY: the caller vouches for the lines.
        *value = unsafe { *row.add(if by_line { line + r } else { 0 }) };
    }
    values
}

/// What is written to `R` lines in a step: the given values, plus `rate` times what the lines read before.
#[inline(always)]
unsafe fn written<T: Math, const R: usize>(
    m: &MatrixSteps<T>,
    row: usize,
    line: usize,
    seen: &[T; R],
) -> [T; R] {
    // SAFETY: the operands have this row and these lines.
    unsafe {
        let mut write: [T; R] = values(m.write.at(row), line, true);
        if m.has_rate {
            let rate: [T; R] = values(m.rate.at(row), line, m.rate_by_line);
            for r in 0..R {
                write[r] += rate[r] * seen[r];
            }
        }
        write
    }
}

/// All steps of `R` lines, in place.
#[inline(always)]
unsafe fn forward_lines<T: Math, S: Simd<T>, const R: usize>(
    s: S,
    m: &MatrixSteps<T>,
    line: usize,
    state: *mut T,
) {
    let cols = m.cols;
    for t in 0..m.rows.len() {
        let row = m.row(t);
        // SAFETY: the operands have this row, and these lines and columns.
        unsafe {
            let reads = m.reads.at(row).cast_mut().add(line);
            let mut seen = [T::ZERO; R];
            for number in 0..m.before {
                let found = dots::<T, S, R>(s, cols, state, cols, m.vectors[number].at(row));
                if number == 0 {
                    seen = found;
                }
                keep(reads.add(number * m.lines), &found);
            }
            let write = splats(s, &written(m, row, line, &seen));
            let factor = splats(s, &values::<T, R>(m.factor.at(row), line, m.factor_by_line));
            let key = m.key.at(row);
            let query = m.vectors[m.before].at(row);
            let mut sums = [s.splat(T::ZERO); R];
            for c in (0..cols).step_by(S::LANES) {
                let k = load(s, key, c, cols);
                let q = if m.after > 0 { load(s, query, c, cols) } else { k };
                for r in 0..R {
                    let at = state.add(r * cols);
                    let kept = s.mul(factor[r], load(s, at.cast_const(), c, cols));
                    let next = s.mul_add(write[r], k, kept);
                    store(s, at, c, cols, next);
                    sums[r] = s.mul_add(next, q, sums[r]);
                }
            }
            if m.after > 0 {
                keep(reads.add(m.before * m.lines), &totals(s, &sums));
            }
            for number in m.before + 1..m.before + m.after {
                let found = dots::<T, S, R>(s, cols, state, cols, m.vectors[number].at(row));
                keep(reads.add(number * m.lines), &found);
            }
        }
    }
}

/// The scalar products of lines in registers with a vector.
#[inline(always)]
unsafe fn dots_in_registers<T: Math, S: Simd<T>, const W: usize>(
    s: S,
    matrix: &[[S::V; W]; LINES],
    vector: *const T,
) -> [T; LINES] {
    let mut sums = [s.splat(T::ZERO); LINES];
    for w in 0..W {
        // SAFETY: the vector is as long as a line.
        let v = unsafe { s.load(vector.add(w * S::LANES)) };
        for (sum, of_line) in sums.iter_mut().zip(matrix) {
            *sum = s.mul_add(of_line[w], v, *sum);
        }
    }
    totals(s, &sums)
}

/// The same for `LINES` lines of `W` whole vectors, which stay in registers. The operations are the same.
#[inline(always)]
unsafe fn forward_in_registers<T: Math, S: Simd<T>, const W: usize>(
    s: S,
    m: &MatrixSteps<T>,
    line: usize,
    state: *mut T,
) {
    let zero = s.splat(T::ZERO);
    let place = |r: usize, w: usize| state.wrapping_add(r * m.cols + w * S::LANES);
    let mut matrix = [[zero; W]; LINES];
    // SAFETY: the state has these lines and vectors, and the operands each row.
    unsafe {
        for (r, of_line) in matrix.iter_mut().enumerate() {
            for (w, x) in of_line.iter_mut().enumerate() {
                *x = s.load(place(r, w).cast_const());
            }
        }
        for t in 0..m.rows.len() {
            let row = m.row(t);
            let reads = m.reads.at(row).cast_mut().add(line);
            let mut seen = [T::ZERO; LINES];
            for number in 0..m.before {
                let found = dots_in_registers(s, &matrix, m.vectors[number].at(row));
                if number == 0 {
                    seen = found;
                }
                keep(reads.add(number * m.lines), &found);
            }
            let write = splats(s, &written(m, row, line, &seen));
            let factor = splats(s, &values::<T, LINES>(m.factor.at(row), line, m.factor_by_line));
            let key = m.key.at(row);
            for w in 0..W {
                let k = s.load(key.add(w * S::LANES));
                for (r, of_line) in matrix.iter_mut().enumerate() {
                    of_line[w] = s.mul_add(write[r], k, s.mul(factor[r], of_line[w]));
                }
            }
            for number in m.before..m.before + m.after {
                let found = dots_in_registers(s, &matrix, m.vectors[number].at(row));
                keep(reads.add(number * m.lines), &found);
            }
        }
        for (r, of_line) in matrix.iter().enumerate() {
            for (w, &x) in of_line.iter().enumerate() {
                s.store(place(r, w), x);
            }
        }
    }
}

/// Elements of scratch that `matrix_back` needs.
pub fn matrix_scratch(steps: usize, cols: usize) -> usize {
    (steps + 2) * LINES * cols.next_multiple_of(MAX_LANES) + steps * LINES
}

/// The gradients of all steps of one row. The matrices of the steps are computed again from the first one.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn matrix_back<T: Math, S: Simd<T>>(
    s: S,
    m: &MatrixSteps<T>,
    back: &MatrixBack<T>,
) {
    let mut line = 0;
    // SAFETY: the matrices have all lines, the operands all steps, and the scratch room for LINES lines.
    unsafe {
        while line + LINES <= m.lines {
            back_lines::<T, S, LINES>(s, m, back, line);
            line += LINES;
        }
        while line < m.lines {
            back_lines::<T, S, 1>(s, m, back, line);
            line += 1;
        }
    }
}

#[inline(always)]
unsafe fn back_lines<T: Math, S: Simd<T>, const R: usize>(
    s: S,
    m: &MatrixSteps<T>,
    back: &MatrixBack<T>,
    line: usize,
) {
    let (cols, steps) = (m.cols, m.rows.len());
    let padded = cols.next_multiple_of(S::LANES);
    let is_first = line == 0;
    let zero = s.splat(T::ZERO);
    // SAFETY: the scratch holds the lines of `steps + 1` matrices, those of a gradient, and `steps` reads.
    unsafe {
        let history = back.scratch;
        let matrix = |t: usize| history.add(t * R * padded);
        let d_lines = matrix(steps + 1);
        let seen_of = |t: usize| d_lines.add(R * padded + t * R);
        for r in 0..R {
            for c in (0..cols).step_by(S::LANES) {
                let at = (line + r) * cols;
                s.store(matrix(0).add(r * padded + c), load(s, back.start.add(at), c, cols));
                s.store(d_lines.add(r * padded + c), load(s, back.carry.cast_const().add(at), c, cols));
            }
        }
        for t in 0..steps {
            let row = m.row(t);
            let (old, new) = (matrix(t), matrix(t + 1));
            let mut seen = [T::ZERO; R];
            if m.has_rate {
                seen = dots::<T, S, R>(s, cols, old, padded, m.vectors[0].at(row));
            }
            keep(seen_of(t), &seen);
            let write = splats(s, &written(m, row, line, &seen));
            let factor = splats(s, &values::<T, R>(m.factor.at(row), line, m.factor_by_line));
            for c in (0..cols).step_by(S::LANES) {
                let k = load(s, m.key.at(row), c, cols);
                for r in 0..R {
                    let kept = s.mul(factor[r], s.load(old.add(r * padded + c)));
                    s.store(new.add(r * padded + c), s.mul_add(write[r], k, kept));
                }
            }
        }
        for t in (0..steps).rev() {
            let row = m.row(t);
            let (old, new) = (matrix(t), matrix(t + 1));
            let gradients = back.gradients.at(row).cast_mut();
            let places = m.places();
            let d_reads = back.d_reads.at(row);
            let seen: [T; R] = values(seen_of(t), 0, true);
            let write = written(m, row, line, &seen);
            let spread = splats(s, &write);
            let factor = values::<T, R>(m.factor.at(row), line, m.factor_by_line);
            // the gradient of the new matrix, with what the reads after the step add
            let (mut d_write, mut d_factor) = ([zero; R], [zero; R]);
            for c in (0..cols).step_by(S::LANES) {
                let k = load(s, m.key.at(row), c, cols);
                let mut d = [zero; R];
                for (r, d) in d.iter_mut().enumerate() {
                    *d = s.load(d_lines.add(r * padded + c));
                }
                for number in m.before..m.before + m.after {
                    let q = load(s, m.vectors[number].at(row), c, cols);
                    let mut d_q = zero;
                    for (r, d) in d.iter_mut().enumerate() {
                        let d_y = s.splat(*d_reads.add(number * m.lines + line + r));
                        *d = s.mul_add(d_y, q, *d);
                        d_q = s.mul_add(d_y, s.load(new.add(r * padded + c)), d_q);
                    }
                    put(s, gradients.add(places.vectors + number * cols), c, cols, d_q, is_first);
                }
                let mut d_k = zero;
                for r in 0..R {
                    d_k = s.mul_add(spread[r], d[r], d_k);
                    d_write[r] = s.mul_add(d[r], k, d_write[r]);
                    d_factor[r] = s.mul_add(d[r], s.load(old.add(r * padded + c)), d_factor[r]);
                    s.store(d_lines.add(r * padded + c), d[r]);
                }
                put(s, gradients.add(places.key), c, cols, d_k, is_first);
            }
            let (d_write, d_factor) = (totals(s, &d_write), totals(s, &d_factor));
            keep(gradients.add(places.write + line), &d_write);
            of_lines(gradients.add(places.factor), line, m.factor_by_line, &d_factor);
            // what was read before the step
            let mut d_seen = [T::ZERO; R];
            if m.has_rate {
                let rate: [T; R] = values(m.rate.at(row), line, m.rate_by_line);
                let mut d_rate = [T::ZERO; R];
                for r in 0..R {
                    d_seen[r] = rate[r] * d_write[r];
                    d_rate[r] = seen[r] * d_write[r];
                }
                of_lines(gradients.add(places.rate), line, m.rate_by_line, &d_rate);
            }
            let factor = splats(s, &factor);
            for c in (0..cols).step_by(S::LANES) {
                let mut d = [zero; R];
                for (r, d) in d.iter_mut().enumerate() {
                    *d = s.mul(factor[r], s.load(d_lines.add(r * padded + c)));
                }
                for number in 0..m.before {
                    let p = load(s, m.vectors[number].at(row), c, cols);
                    let mut d_p = zero;
                    for r in 0..R {
                        let mut d_y = *d_reads.add(number * m.lines + line + r);
                        if number == 0 {
                            d_y += d_seen[r];
                        }
                        let d_y = s.splat(d_y);
                        d[r] = s.mul_add(d_y, p, d[r]);
                        d_p = s.mul_add(d_y, s.load(old.add(r * padded + c)), d_p);
                    }
                    put(s, gradients.add(places.vectors + number * cols), c, cols, d_p, is_first);
                }
                for (r, &d) in d.iter().enumerate() {
                    s.store(d_lines.add(r * padded + c), d);
                }
            }
        }
        for r in 0..R {
            for c in (0..cols).step_by(S::LANES) {
                store(s, back.carry.add((line + r) * cols), c, cols, s.load(d_lines.add(r * padded + c)));
            }
        }
    }
}

/// Writes a gradient of each line, or adds them all to one number.
#[inline(always)]
unsafe fn of_lines<T: Math, const R: usize>(to: *mut T, line: usize, by_line: bool, values: &[T; R]) {
    // SAFETY: the caller vouches for a number for each line, or for one.
    unsafe {
        if by_line {
            keep(to.add(line), values);
        } else {
            let mut sum = if line == 0 { T::ZERO } else { *to };
            for &x in values {
                sum += x;
            }
            to.write(sum);
        }
    }
}
