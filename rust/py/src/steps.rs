//! Networks that run step by step: what comes before the steps, and what they are then given.

use std::sync::Arc;

use ostinato_core::net::{Given, StepEngine, Stream};
use ostinato_core::team;
use pyo3::prelude::*;

use crate::arrays::{array, elements};
use crate::dtype::{DType, Either, Family, Number, for_dtype, for_value};
use crate::errors::{DTypeError, Raised, entry};
use crate::poller::Poller;
use crate::prepared::{CallArguments, Prepared, Wanted};
use crate::stream::PyStream;

/// Made by `Network.steps`.
#[pyclass(name = "Steps", module = "ostinato._core", frozen)]
pub struct PySteps {
    pub engine: Arc<StepEngine>,
    pub dtype: DType,
}

struct AllGiven;

impl Family for AllGiven {
    type Of<T: Number> = Arc<Given<T>>;
}

/// What the steps of some rows are given.
#[pyclass(name = "Given", module = "ostinato._core", frozen)]
pub struct PyGiven {
    inner: Either<AllGiven>,
}

impl PyGiven {
    /// The values, which have the number type of the network that they were made for.
    pub fn of<T: Number>(&self) -> Result<&Arc<Given<T>>, Raised> {
        T::of(&self.inner).ok_or_else(|| DTypeError::new_err("given is of another dtype than the network").into())
    }
}

fn given<T: Number>(py: Python<'_>, engine: &StepEngine, prepared: Prepared<T>) -> Result<PyGiven, Raised> {
    let Prepared { call, batch, packed, initial } = prepared;
    let mut poller = Poller::default();
    let done = py.detach(|| {
        team::guard(|| Given::compute(engine, &call, batch, (packed, initial), &mut || poller.poll()))
    });
    Ok(PyGiven { inner: T::either(Arc::new(poller.result(done)?)) })
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
                given::<T>(py, &self.engine, Prepared::new(Arc::clone(before), &call, Wanted::Outputs, 0)?)
            })
        })
    }

    /// For steps that read nothing else.
    fn nothing(&self, rows: usize) -> PyGiven {
        PyGiven { inner: for_dtype!(self.dtype, T => T::either(Arc::new(Given::<T>::nothing(rows)))) }
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
