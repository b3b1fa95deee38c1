//! Results as NumPy arrays.

use ostinato_core::net::{Axis, Batch, Network};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::shaped;
use crate::dtype::Number;

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

/// The rows of a batch, and its steps by axis of sequences.
pub struct Sizes {
    pub rows: usize,
    steps: Vec<usize>,
}

impl Sizes {
    pub fn of(batch: &Batch) -> Sizes {
        let steps = (0..batch.axes()).map(|number| batch.steps_of(Axis::Sequence(number)));
        Sizes { rows: batch.rows, steps: steps.collect() }
    }

    /// Values as (N, T, width), or (N, width) along rows.
    pub fn along<'py, T: Number>(
        &self,
        py: Python<'py>,
        values: Vec<T>,
        axis: Axis,
        width: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        match axis {
            Axis::Sequence(number) => shaped(py, values, &[self.rows, self.steps[number], width]),
            Axis::Row => shaped(py, values, &[self.rows, width]),
        }
    }
}

/// By input: its gradient in the caller's shape; none for ids, and where it is not wanted.
pub fn input_gradients<'py, T: Number>(
    py: Python<'py>,
    network: &Network,
    inputs: Vec<Vec<T>>,
    sizes: &Sizes,
) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
    let of = |(number, values): (usize, Vec<T>)| {
        let Some(width) = network.input_gradient(number) else { return Ok(None) };
        let axis = network.nodes[network.inputs[number].node].axis;
        sizes.along(py, values, axis, width).map(Some)
    };
    inputs.into_iter().enumerate().map(of).collect()
}
