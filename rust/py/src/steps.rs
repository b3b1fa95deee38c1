//! Networks that run step by step: what comes before the steps, and what they are then given.

use std::sync::Arc;

use ostinato_core::net::{Given, StepEngine, Stream};
use pyo3::prelude::*;

use crate::arrays::{array, elements};
use crate::decode::{Asked, Hypotheses, PyMethod, hypotheses};
use crate::dtype::{DType, Number, for_dtype, for_value};
use crate::errors::entry;
use crate::given::{PyGiven, given};
use crate::prepared::{CallArguments, Unpacked};
use crate::stream::PyStream;

/// Made by `Network.steps`.
#[pyclass(name = "Steps", module = "ostinato._core", frozen)]
pub struct PySteps {
    pub engine: Arc<StepEngine>,
    pub dtype: DType,
}

#[pymethods]
impl PySteps {
    /// The number of the fed input.
    #[getter]
    fn fed(&self) -> usize {
        self.engine.fed
    }

    /// By state of the steps: its number among the states of the network.
    #[getter]
    fn states(&self) -> Vec<usize> {
        self.engine.states.clone()
    }

    /// Whether the steps read anything but the fed input and their states.
    #[getter]
    fn reads(&self) -> bool {
        self.engine.before.is_some()
    }

    /// Runs what comes before the steps. The call has the inputs of the network but the fed one, without masks.
    fn given(&self, py: Python<'_>, call: CallArguments<'_>) -> PyResult<PyGiven> {
        entry(|| {
            let before = self.engine.before.as_ref().unwrap_or(&self.engine.steps);
            for_dtype!(self.dtype, T => {
                given::<T>(py, &self.engine, Unpacked::new(Arc::clone(before), &call, 0)?)
            })
        })
    }

    /// For steps that read nothing else.
    fn nothing(&self, rows: usize) -> PyGiven {
        PyGiven { inner: for_dtype!(self.dtype, T => T::either(Arc::new(Given::<T>::nothing(rows)))) }
    }

    /// The hypotheses of every row that is given.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        arena: &Bound<'py, PyAny>,
        given: &PyGiven,
        asked: Asked<'py>,
        method: &PyMethod,
    ) -> PyResult<Hypotheses<'py>> {
        entry(|| for_value!(&given.inner, one => hypotheses(py, &self.engine, arena, one, asked, method)))
    }

    fn stream(&self, arena: &Bound<'_, PyAny>, given: &PyGiven) -> PyResult<PyStream> {
        entry(|| {
            for_value!(&given.inner, one => {
                let arena = array("arena", arena, &[1])?;
                let stream = Stream::new(Arc::clone(&self.engine), elements(&arena)?, Arc::clone(one))?;
                Ok(PyStream::new(stream))
            })
        })
    }
}
