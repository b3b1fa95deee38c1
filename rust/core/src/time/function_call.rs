//! Calls of a layer's function: copies the operand rows together, calls the function, and writes the results.

use crate::kernel::{Dst, Float, KeepDenormals};
use crate::memory::{reserve, zeros};
use crate::plan::Function;
use crate::step::rows::Part;
use crate::team;

/// Pointer to the first row, distance between rows in elements, elements of a row.
pub(super) type Operand<T> = (*const T, usize, usize);

/// The rows of an operand, end to end. The first operand is the parameters, one row for all.
///
/// # Safety
/// Every operand has `rows` rows (the first one has one).
unsafe fn gathered<T: Float>(rows: usize, operands: &[Operand<T>]) -> Vec<Vec<f64>> {
    let rows_of = |(number, &(ptr, stride, width)): (usize, &Operand<T>)| {
        let rows = if number == 0 { 1 } else { rows };
        let mut values = Vec::new();
        reserve(&mut values, rows * width);
        for row in 0..rows {
            // SAFETY: the caller's guarantee.
            let line = unsafe { std::slice::from_raw_parts(ptr.add(row * stride), width) };
            values.extend(line.iter().map(|x| x.to_f64()));
        }
        values
    };
    operands.iter().enumerate().map(rows_of).collect()
}

/// Calls user code, with denormals enabled as usual, and outside the thread team, because user code may call the engine.
fn call_function(
    function: Option<&Function>,
    part: Part,
    rows: usize,
    operands: &[Vec<f64>],
    out: &mut [f64],
) {
    let known = function.unwrap_or_else(|| unreachable!("a layer that calls was made with its function"));
    let _numbers = KeepDenormals::new();
    team::apart(|| known.call(part, rows, operands, out));
}

/// Writes `rows` rows of `width` results.
///
/// # Safety
/// Every operand has `rows` rows (the first one has one), and `dst` has `rows` rows.
pub(super) unsafe fn values<T: Float>(
    function: Option<&Function>,
    part: Part,
    rows: usize,
    operands: &[Operand<T>],
    dst: Dst<T>,
    width: usize,
) {
    let mut out = zeros(rows * width);
    // SAFETY: the caller's guarantee.
    let operands = unsafe { gathered(rows, operands) };
    call_function(function, part, rows, &operands, &mut out);
    for (number, &value) in out.iter().enumerate() {
        // SAFETY: `dst` has `rows` rows of `width` elements.
        unsafe { dst.ptr.add(number / width * dst.row + number % width).write(T::from_f64(value)) };
    }
}

/// Adds the contribution of `rows` rows to the gradient of the parameters.
///
/// # Safety
/// Every operand has `rows` rows (the first one has one).
pub(super) unsafe fn gradient<T: Float>(
    function: Option<&Function>,
    rows: usize,
    operands: &[Operand<T>],
    target: &mut [T],
) {
    let mut out = zeros(target.len());
    // SAFETY: the caller's guarantee.
    let operands = unsafe { gathered(rows, operands) };
    call_function(function, Part::Gradient, rows, &operands, &mut out);
    target.iter_mut().zip(&out).for_each(|(sum, &d)| *sum += T::from_f64(d));
}
