//! NumPy arrays in and out.

use numpy::{Element, PyArray1, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
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

/// A vector as a NumPy array of a shape, without a copy.
pub fn shaped<'py, T: Number>(py: Python<'py>, data: Vec<T>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyArray1::from_vec(py, data).reshape(shape)?.into_any())
}
