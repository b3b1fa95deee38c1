//! Steps in Python: the engine's calls of them, and the exceptions that they raise.

use std::sync::Arc;

use numpy::{PyArray1, PyArrayMethods};
use ostinato_core::plan::Called;
use ostinato_core::step::rows::Part;
use ostinato_core::team::{Panic, raise};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::copied;

/// `function(part, rows, operands) -> float64 array`, called with the GIL held.
pub struct PyFunction {
    pub function: Py<PyAny>,
    pub why: String,
}

impl PyFunction {
    fn values(&self, part: Part, rows: usize, operands: &[Vec<f64>], out: &mut [f64]) -> PyResult<()> {
        Python::attach(|py| {
            let operands = operands.iter().map(|values| copied(py, values));
            let operands = PyList::new(py, operands.collect::<Result<Vec<_>, _>>()?)?;
            let part = match part {
                Part::Forward => "values",
                Part::Back => "back",
                Part::Gradient => "gradient",
            };
            let done = self.function.bind(py).call1((part, rows, operands))?;
            let done = done.cast::<PyArray1<f64>>().map_err(PyErr::from)?.readonly();
            out.copy_from_slice(done.as_slice()?);
            Ok(())
        })
    }
}

impl Called for PyFunction {
    fn call(&self, part: Part, rows: usize, operands: &[Vec<f64>], out: &mut [f64]) {
        if let Err(error) = self.values(part, rows, operands, out) {
            // an exit request or a Ctrl-C must not be lost among the errors of other threads
            let is_urgent = Python::attach(|py| !error.is_instance_of::<PyException>(py));
            let message = "a step in Python raised an exception".to_string();
            raise(Panic { message, cause: Some(Arc::new(error)), is_urgent });
        }
    }

    fn why(&self) -> &str {
        &self.why
    }
}
