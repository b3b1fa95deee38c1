//! Arrays of the caller, for networks of any inputs and outputs.

use ostinato_core::{AxisExtent, Input};

use crate::entry::elements;
use crate::status::{Failure, Status};

/// An array for an input. One of the two pointers is NULL.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct InputArray {
    /// (rows, steps, features) or (rows, features): a row after the other, in each row a step after the other.
    pub features: *const f32,
    /// (rows, steps) or (rows,).
    pub ids: *const i64,
    /// The number of elements.
    pub count: usize,
}

/// An array that a call writes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OutputArray {
    /// NULL if the values are not wanted.
    pub values: *mut f32,
    /// The number of elements; 0 for NULL.
    pub count: usize,
}

/// The steps of the sequences on an axis.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct AxisSteps {
    /// The number of steps for which each row has room.
    pub steps: usize,
    /// (rows,): the number of valid steps of each row; NULL if all are valid.
    pub lengths: *const i64,
    /// (rows, steps): 0 for steps that are skipped; NULL if none are.
    pub mask: *const u8,
}

/// The inputs of a call.
///
/// # Safety
/// Each array has the elements that it says, which no other code changes during `'a`.
pub unsafe fn inputs<'a>(arrays: &[InputArray]) -> Result<Vec<Input<'a, f32>>, Failure> {
    let input = |(number, array): (usize, &InputArray)| {
        let InputArray { features, ids, count } = *array;
        // SAFETY: the caller's guarantee.
        unsafe {
            match (features.is_null(), ids.is_null()) {
                (false, true) => {
                    Ok(Input::Features(elements(&format!("inputs[{number}].features"), features, count)?))
                }
                (true, false) => Ok(Input::Ids(elements(&format!("inputs[{number}].ids"), ids, count)?)),
                (true, true) if count == 0 => Ok(Input::Features(&[])),
                _ => Err(Failure::new(
                    Status::Pointer,
                    format!("inputs[{number}]: expected one of features and ids, and NULL for the other"),
                )),
            }
        }
    };
    arrays.iter().enumerate().map(input).collect()
}

/// The masks of axes as booleans; the extents of a call borrow them.
///
/// # Safety
/// As `extents`.
pub unsafe fn masks(axes: &[AxisSteps], rows: usize) -> Result<Vec<Option<Vec<bool>>>, Failure> {
    let mask = |(number, axis): (usize, &AxisSteps)| {
        if axis.mask.is_null() {
            return Ok(None);
        }
        let name = format!("axes[{number}].mask");
        let too_large =
            || Failure::new(Status::Shape, format!("{name}: {rows} rows of {} steps", axis.steps));
        let count = rows.checked_mul(axis.steps).ok_or_else(too_large)?;
        // SAFETY: the caller's guarantee.
        let bytes = unsafe { elements(&name, axis.mask, count)? };
        Ok(Some(ostinato_core::memory::made(bytes.iter().map(|&byte| byte != 0))))
    };
    axes.iter().enumerate().map(mask).collect()
}

/// The steps and lengths of a call.
///
/// # Safety
/// The lengths of each axis have `rows` elements, its mask `rows * steps`; no other code changes them during `'a`.
pub unsafe fn extents<'a>(
    axes: &[AxisSteps],
    masks: &'a [Option<Vec<bool>>],
    rows: usize,
) -> Result<Vec<AxisExtent<'a>>, Failure> {
    let extent = |(number, (axis, mask)): (usize, (&AxisSteps, &'a Option<Vec<bool>>))| {
        let lengths = match axis.lengths.is_null() {
            true => None,
            // SAFETY: the caller's guarantee.
            false => Some(unsafe { elements(&format!("axes[{number}].lengths"), axis.lengths, rows)? }),
        };
        Ok(AxisExtent { steps: axis.steps, lengths, mask: mask.as_deref() })
    };
    axes.iter().zip(masks).enumerate().map(extent).collect()
}

/// Copies results to the arrays that are wanted, after all of them were checked.
///
/// # Safety
/// Each array has room for the elements that it says, and no other code uses them meanwhile.
pub unsafe fn copy_out(name: &str, arrays: &[OutputArray], results: &[Vec<f32>]) -> Result<(), Failure> {
    for (array, values) in arrays.iter().zip(results).filter(|(array, _)| !array.values.is_null()) {
        // SAFETY: the caller's guarantee.
        unsafe { crate::entry::elements_mut(name, array.values, array.count)? }.copy_from_slice(values);
    }
    Ok(())
}
