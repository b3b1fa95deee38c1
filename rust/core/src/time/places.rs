//! Elements at places that the data gives: taken, and added to.

use crate::kernel::{Dst, Float, Src};

/// dst[c] = from[at[c]] for each row of `cols` columns, where a row of `from` has `limit` elements; 0 where there is no such
/// place.
///
/// # Safety
/// As for the kernels: every row of every operand exists, and `dst` is none of the sources.
pub(super) unsafe fn take<T: Float>(
    (rows, cols): (usize, usize),
    dst: Dst<T>,
    (from, limit): (Src<T>, usize),
    at: Src<T>,
) {
    let end = limit as f64;
    for row in 0..rows {
        // SAFETY: the caller's guarantee, row by row.
        unsafe {
            let (dst, from, at) =
                (dst.ptr.add(row * dst.row), from.ptr.add(row * from.row), at.ptr.add(row * at.row));
            for column in 0..cols {
                let value = match below(at.add(column).read(), end) {
                    Some(place) => from.add(place).read(),
                    None => T::ZERO,
                };
                dst.add(column).write(value);
            }
        }
    }
}

/// dst[at[k]] += from[k] for each row, in the order of the `count` elements of `from`; dst has `cols` columns, which are zeros
/// before if `clears`. Elements without a place are not read.
///
/// # Safety
/// As `take`.
pub(super) unsafe fn add_at<T: Float>(
    (rows, cols): (usize, usize),
    dst: Dst<T>,
    (from, count): (Src<T>, usize),
    at: Src<T>,
    clears: bool,
) {
    let end = cols as f64;
    for row in 0..rows {
        // SAFETY: the caller's guarantee, row by row.
        unsafe {
            let (dst, from, at) =
                (dst.ptr.add(row * dst.row), from.ptr.add(row * from.row), at.ptr.add(row * at.row));
            if clears {
                dst.write_bytes(0, cols);
            }
            for k in 0..count {
                if let Some(place) = below(at.add(k).read(), end) {
                    dst.add(place).write(dst.add(place).read() + from.add(k).read());
                }
            }
        }
    }
}

/// A place from 0 to `end` - 1, rounded down; None for others, and for NaN.
#[inline(always)]
fn below<T: Float>(place: T, end: f64) -> Option<usize> {
    let place = place.to_f64();
    // SAFETY: the number is in the range of i64, because it is below a number of elements.
    (place >= 0.0 && place < end).then(|| unsafe { place.to_int_unchecked::<i64>() } as usize)
}
