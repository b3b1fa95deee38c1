//! Networks that run step by step.

use std::sync::{Mutex, TryLockError};

use numpy::PyUntypedArrayMethods;
use ostinato_core::net::Stream;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::{Number, array, elements, shaped};
use crate::errors::{ConcurrentUseError, Raised, ShapeError, entry};
use crate::run::states_out;

enum Either {
    Single(Stream<f32>),
    Double(Stream<f64>),
}

/// Made by `Network.stream`. One step at a time: a second thread that steps meanwhile is refused.
#[pyclass(name = "Stream", module = "ostinato._core", frozen)]
pub struct PyStream {
    inner: Mutex<Either>,
}

impl PyStream {
    pub fn single(stream: Stream<f32>) -> PyStream {
        PyStream { inner: Mutex::new(Either::Single(stream)) }
    }

    pub fn double(stream: Stream<f64>) -> PyStream {
        PyStream { inner: Mutex::new(Either::Double(stream)) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Either) -> Result<R, Raised>) -> PyResult<R> {
        entry(|| match self.inner.try_lock() {
            Ok(mut stream) => act(&mut stream),
            Err(TryLockError::Poisoned(poisoned)) => act(&mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                let text = "this stream is being stepped by another thread; make one stream per thread";
                Err(ConcurrentUseError::new_err(text).into())
            }
        })
    }
}

/// A step is a few microseconds of work: releasing the GIL for it would cost as much.
fn step<'py, T: Number>(
    py: Python<'py>,
    stream: &mut Stream<T>,
    x: &Bound<'py, PyAny>,
    resets: Option<&Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>, Raised> {
    let resets = resets.map(|resets| array::<bool>("resets", resets, &[1])).transpose()?;
    let input = match array::<i64>("x", x, &[1]) {
        Ok(ids) => stream.ids(elements(&ids)?)?,
        Err(_) => stream.features(elements(&array::<T>("x", x, &[2])?)?)?,
    };
    if let Some(resets) = &resets {
        stream.reset_rows(elements(resets)?)?;
    }
    let rows = stream.rows();
    let width = stream.network().output_width()?;
    Ok(shaped(py, stream.step(input)?, &[rows, width])?)
}

/// All states are checked before the first is written.
fn set_state<T: Number>(stream: &mut Stream<T>, states: &[Bound<'_, PyAny>]) -> Result<(), Raised> {
    let widths = stream.network().states.clone();
    if states.len() != widths.len() {
        let text = format!("state has {} entries; expected {}", states.len(), widths.len());
        return Err(ShapeError::new_err(text).into());
    }
    let mut arrays = Vec::new();
    for (slot, (state, width)) in states.iter().zip(widths).enumerate() {
        let values = array::<T>(&format!("state[{slot}]"), state, &[2])?;
        let expected = [stream.rows(), width];
        if values.shape() != expected {
            let text = format!("state[{slot}] has shape {:?}; expected {expected:?}", values.shape());
            return Err(ShapeError::new_err(text).into());
        }
        arrays.push(values);
    }
    for (slot, values) in arrays.iter().enumerate() {
        stream.set_state(slot, elements(values)?)?;
    }
    Ok(())
}

#[pymethods]
impl PyStream {
    #[pyo3(signature = (x, resets=None))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        resets: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.with(|stream| match stream {
            Either::Single(stream) => step(py, stream, x, resets),
            Either::Double(stream) => step(py, stream, x, resets),
        })
    }

    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.with(|stream| match stream {
            Either::Single(s) => Ok(states_out(py, s.states().to_vec(), &s.network().states, s.rows())?),
            Either::Double(s) => Ok(states_out(py, s.states().to_vec(), &s.network().states, s.rows())?),
        })
    }

    fn set_state(&self, states: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        self.with(|stream| match stream {
            Either::Single(stream) => set_state(stream, &states),
            Either::Double(stream) => set_state(stream, &states),
        })
    }

    fn reset(&self) -> PyResult<()> {
        self.with(|stream| {
            match stream {
                Either::Single(stream) => stream.reset(),
                Either::Double(stream) => stream.reset(),
            }
            Ok(())
        })
    }
}
