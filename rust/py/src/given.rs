//! What the steps of a network are given before the first one.

use std::sync::Arc;

use ostinato_core::net::{Given, StepEngine};
use ostinato_core::team;
use pyo3::prelude::*;

use crate::dtype::{Either, Family, Number};
use crate::errors::{DTypeError, Raised};
use crate::poller::Poller;
use crate::prepared::Unpacked;

pub struct AllGiven;

impl Family for AllGiven {
    type Of<T: Number> = Arc<Given<T>>;
}

/// What the steps of some rows are given.
#[pyclass(name = "Given", module = "ostinato._core", frozen)]
pub struct PyGiven {
    pub inner: Either<AllGiven>,
}

impl PyGiven {
    /// The values, which have the number type of the network that they were made for.
    pub fn of<T: Number>(&self) -> Result<&Arc<Given<T>>, Raised> {
        T::of(&self.inner)
            .ok_or_else(|| DTypeError::new_err("given is of another dtype than the network").into())
    }
}

/// Runs what comes before the steps.
pub fn given<T: Number>(
    py: Python<'_>,
    engine: &StepEngine,
    unpacked: Unpacked<'_, T>,
) -> Result<PyGiven, Raised> {
    let Unpacked { call, batch, arrays, initial } = unpacked;
    let inputs = arrays.inputs()?;
    let mut poller = Poller::default();
    let done = py.detach(|| {
        team::guard(|| Given::compute(engine, &call, batch, (&inputs, initial), &mut || poller.poll()))
    });
    Ok(PyGiven { inner: T::either(Arc::new(poller.result(done)?)) })
}
