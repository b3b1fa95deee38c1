//! State slots in and out: lists of (N, width) arrays.

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::{Number, array, elements, shaped};
use crate::errors::Raised;

/// An array argument that may be left out.
pub type Given<'py> = Option<Bound<'py, PyAny>>;

/// State slots as a list of (N, width) arrays.
pub fn states_out<'py, T: Number>(
    py: Python<'py>,
    states: Vec<Vec<T>>,
    widths: &[usize],
    rows: usize,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (values, &width) in states.into_iter().zip(widths) {
        list.append(shaped(py, values, &[rows, width])?)?;
    }
    Ok(list)
}

/// Hands slices of optional (N, width) arrays to `take`.
pub fn with_states<T: Number, R>(
    states: &[Given<'_>],
    what: &str,
    take: impl FnOnce(&[Option<&[T]>]) -> Result<R, Raised>,
) -> Result<R, Raised> {
    let arrays = (states.iter().enumerate())
        .map(|(slot, state)| {
            state.as_ref().map(|s| array::<T>(&format!("{what}[{slot}]"), s, &[2])).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let slices = arrays
        .iter()
        .map(|a| a.as_ref().map(elements).transpose())
        .collect::<Result<Vec<Option<&[T]>>, _>>()?;
    take(&slices)
}
