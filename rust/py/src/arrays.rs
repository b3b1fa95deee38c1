//! NumPy arrays in and out.

use std::ffi::{CStr, c_void};
use std::mem::ManuallyDrop;
use std::ptr;

use numpy::npyffi::{NPY_ARRAY_WRITEABLE, NpyTypes, PY_ARRAY_API, get_type_object, npy_intp};
use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::dtype::Number;
use crate::errors::{ConcurrentUseError, DTypeError, Raised, ShapeError};

/// `array` as a C-contiguous array of `T`, of a rank.
pub fn array<'py, T: Element>(
    what: &str,
    array: &Bound<'py, PyAny>,
    ranks: &[usize],
) -> Result<PyReadonlyArrayDyn<'py, T>, Raised> {
    let view = array.cast::<PyArrayDyn<T>>().map_err(|_| {
        let got =
            array.getattr("dtype").map_or_else(|_| array.get_type().to_string(), |dtype| dtype.to_string());
        let expected = T::get_dtype(array.py());
        DTypeError::new_err(format!("{what} is {got}; expected an array of {expected}"))
    })?;
    if !ranks.contains(&view.ndim()) {
        return Err(ShapeError::new_err(format!(
            "{what} has shape {:?}; expected {} axes",
            view.shape(),
            ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
        ))
        .into());
    }
    let view = view.try_readonly().map_err(|_| {
        ConcurrentUseError::new_err(format!(
            "{what} is being written by another thread; wait until it is done, or use a copy.copy of the network"
        ))
    })?;
    if view.is_c_contiguous() {
        Ok(view)
    } else {
        Err(ShapeError::new_err(format!("{what} is not C-contiguous; pass numpy.ascontiguousarray({what})"))
            .into())
    }
}

/// Whether an array holds ids. Checked before `array`, whose error is costly: it calls Python, where an interrupt would be lost.
pub fn holds_ids(array: &Bound<'_, PyAny>) -> bool {
    array.cast::<PyArrayDyn<i64>>().is_ok()
}

/// The elements of an array that `array` has checked.
pub fn elements<'a, T: Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> Result<&'a [T], Raised> {
    array.as_slice().map_err(|error| ShapeError::new_err(error.to_string()).into())
}

/// A text as a Python string. Long texts are returned this way: PyO3's own conversion panics where memory runs out.
pub fn text<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyString>, Raised> {
    Ok(PyString::from_bytes(py, text.as_bytes())?)
}

/// A vector as a NumPy array, without a copy.
///
/// `PyArray1::from_vec` does the same, but ends the process if there is no memory for the array's own fields.
pub fn vector<'py, T: Element + Copy>(py: Python<'py>, data: Vec<T>) -> PyResult<Bound<'py, PyArray1<T>>> {
    let mut data = ManuallyDrop::new(data);
    let pointer: *mut c_void = data.as_mut_ptr().cast();
    let mut lengths = [data.len() as npy_intp];
    // SAFETY: the capsule owns the vector from here on, and frees it with its capacity. NumPy reads `lengths` in the call alone;
    // its array keeps the capsule, so the numbers live as long as the array. Each null pointer is looked at before its use.
    unsafe {
        let capsule = ffi::PyCapsule_New(pointer, OWNED.as_ptr(), Some(free::<T>));
        let Some(capsule) = Bound::from_owned_ptr_or_opt(py, capsule) else {
            ManuallyDrop::drop(&mut data);
            return Err(PyErr::fetch(py));
        };
        ffi::PyCapsule_SetContext(capsule.as_ptr(), data.capacity() as *mut c_void);
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            get_type_object(py, NpyTypes::PyArray_Type),
            T::get_dtype(py).into_dtype_ptr(),
            1,
            lengths.as_mut_ptr(),
            ptr::null_mut(),
            pointer,
            NPY_ARRAY_WRITEABLE,
            ptr::null_mut(),
        );
        let array = Bound::from_owned_ptr_or_err(py, array)?;
        if PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), capsule.into_ptr()) < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(array.cast_into_unchecked())
    }
}

/// The name of the capsules of `vector`.
const OWNED: &CStr = c"ostinato.vector";

/// Frees the vector of a capsule, which has its capacity as the context.
unsafe extern "C" fn free<T: Copy>(capsule: *mut ffi::PyObject) {
    // SAFETY: `vector` made the capsule of such a vector; Copy types need no drop, so the length does not matter.
    unsafe {
        let pointer: *mut T = ffi::PyCapsule_GetPointer(capsule, OWNED.as_ptr()).cast();
        drop(Vec::from_raw_parts(pointer, 0, ffi::PyCapsule_GetContext(capsule) as usize));
    }
}

/// A copy of numbers as a NumPy array. Raises MemoryError.
pub fn copied<'py, T: Element + Copy>(
    py: Python<'py>,
    numbers: &[T],
) -> Result<Bound<'py, PyArray1<T>>, Raised> {
    let mut data = Vec::new();
    data.try_reserve_exact(numbers.len()).map_err(|_| PyMemoryError::new_err(()))?;
    data.extend_from_slice(numbers);
    Ok(vector(py, data)?)
}

/// A vector as a NumPy array of a shape, without a copy.
pub fn shaped<'py, T: Number>(py: Python<'py>, data: Vec<T>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    Ok(vector(py, data)?.reshape(shape)?.into_any())
}
