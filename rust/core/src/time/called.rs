//! Calls of a layer's function: rows are gathered, the function is asked, results are put where the plan wants them.

use crate::kernel::{Dst, Float, KeepDenormals};
use crate::plan::Function;
use crate::step::rows::Part;
use crate::team;

/// First row, elements from row to row, elements of a row.
pub(super) type Operand<T> = (*const T, usize, usize);

/// The rows of an operand, end to end; the first operand is the parameters, one row for all.
///
/// # Safety
/// Every operand has `rows` rows (the first one has one).
unsafe fn gathered<T: Float>(rows: usize, operands: &[Operand<T>]) -> Vec<Vec<f64>> {
    let rows_of = |(number, &(ptr, stride, width)): (usize, &Operand<T>)| {
        let rows = if number == 0 { 1 } else { rows };
        let mut values = Vec::with_capacity(rows * width);
        for row in 0..rows {
            // SAFETY: the caller's promise.
            let line = unsafe { std::slice::from_raw_parts(ptr.add(row * stride), width) };
            values.extend(line.iter().map(|x| x.to_f64()));
        }
        values
    };
    operands.iter().enumerate().map(rows_of).collect()
}

/// Calls a stranger's code, which has numbers as they are everywhere and may call the engine itself.
fn ask(function: Option<&Function>, part: Part, rows: usize, operands: &[Vec<f64>], out: &mut [f64]) {
    let known = function.unwrap_or_else(|| unreachable!("a layer that calls was made with its function"));
    let _numbers = KeepDenormals::new();
    team::apart(|| known.call(part, rows, operands, out));
}

/// Writes `rows` rows of `width` results.
///
/// # Safety
/// Every operand has `rows` rows (the first one has one), and so has `dst`.
pub(super) unsafe fn values<T: Float>(
    function: Option<&Function>,
    part: Part,
    rows: usize,
    operands: &[Operand<T>],
    dst: Dst<T>,
    width: usize,
) {
    let mut out = vec![0.0; rows * width];
    // SAFETY: the caller's promise.
    let operands = unsafe { gathered(rows, operands) };
    ask(function, part, rows, &operands, &mut out);
    for (number, &value) in out.iter().enumerate() {
        // SAFETY: `dst` has `rows` rows of `width` elements.
        unsafe { dst.ptr.add(number / width * dst.row + number % width).write(T::from_f64(value)) };
    }
}

/// Adds to the gradient of the parameters what `rows` rows give.
///
/// # Safety
/// Every operand has `rows` rows (the first one has one).
pub(super) unsafe fn gradient<T: Float>(
    function: Option<&Function>,
    rows: usize,
    operands: &[Operand<T>],
    target: &mut [T],
) {
    let mut out = vec![0.0; target.len()];
    // SAFETY: the caller's promise.
    let operands = unsafe { gathered(rows, operands) };
    ask(function, Part::Gradient, rows, &operands, &mut out);
    target.iter_mut().zip(&out).for_each(|(sum, &d)| *sum += T::from_f64(d));
}
