//! Networks that run step by step.

use std::sync::{Arc, Mutex, TryLockError};

use numpy::npyffi::flags::NPY_ARRAY_WRITEABLE;
use numpy::{Element, PyArray2, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use ostinato_core::net::Stream;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::{array, copied, elements};
use crate::dtype::{Either, Family, Number, for_value};
use crate::errors::{ConcurrentUseError, Raised, ShapeError, entry};
use crate::given::PyGiven;
use crate::results::states_out;

struct Streams;

impl Family for Streams {
    type Of<T: Number> = Stream<T>;
}

/// Made by `Network.stream`. One step at a time: a concurrent step of a second thread is an error.
#[pyclass(name = "Stream", module = "ostinato._core", frozen)]
pub struct PyStream {
    inner: Mutex<Either<Streams>>,
}

impl PyStream {
    pub fn new<T: Number>(stream: Stream<T>) -> PyStream {
        PyStream { inner: Mutex::new(T::either(stream)) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Either<Streams>) -> Result<R, Raised>) -> PyResult<R> {
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

/// The elements of an array that is C-contiguous, of this type and shape; none for anything else.
///
/// # Safety
/// No code writes to the array during the lifetime of the slice.
unsafe fn fitting<'a, T: Element>(array: &'a Bound<'_, PyAny>, shape: &[usize]) -> Option<&'a [T]> {
    let view = array.cast::<PyArrayDyn<T>>().ok()?;
    if view.shape() != shape || !view.is_c_contiguous() {
        return None;
    }
    // SAFETY: passed on.
    unsafe { view.as_slice().ok() }
}

/// An array that is C-contiguous, aligned, of this type and shape, and may be written; none for anything else.
fn writable<'a, 'py, T: Element>(
    array: &'a Bound<'py, PyAny>,
    shape: &[usize],
) -> Option<&'a Bound<'py, PyArrayDyn<T>>> {
    let view = array.cast::<PyArrayDyn<T>>().ok()?;
    // SAFETY: the array is alive.
    let writeable = unsafe { (*view.as_array_ptr()).fields.flags } & NPY_ARRAY_WRITEABLE != 0;
    // SAFETY: nothing is read; an array is a slice if it is contiguous and aligned.
    let plain = view.is_c_contiguous() && unsafe { view.as_slice() }.is_ok();
    (view.shape() == shape && plain && writeable).then_some(view)
}

/// One step, or none where an argument has to be converted or refused first.
///
/// A step is a few microseconds of work: releasing the GIL for it would cost as much. So arrays are read and written where
/// they are, without being marked as borrowed.
fn step<'py, T: Number>(
    py: Python<'py>,
    stream: &mut Stream<T>,
    x: &Bound<'py, PyAny>,
    resets: Option<&Bound<'py, PyAny>>,
    out: Option<&Bound<'py, PyAny>>,
) -> Result<Option<Bound<'py, PyAny>>, Raised> {
    let rows = stream.rows();
    let shape = [rows, stream.output_width()];
    // SAFETY: the GIL is held, so no other code uses the arrays while they are copied: `x` and `resets` before the step, `out`
    // after it. Steps that are Python functions run between the two, with no slice alive.
    unsafe {
        let marks = match resets.map(|resets| fitting::<bool>(resets, &[rows])) {
            Some(None) => return Ok(None),
            marks => marks.flatten(),
        };
        if let Some(out) = out
            && writable::<T>(out, &shape).is_none()
        {
            return Ok(None);
        }
        match stream.feature_input() {
            Some(width) => match fitting::<T>(x, &[rows, width]) {
                Some(x) => stream.features(x)?,
                None => return Ok(None),
            },
            None => match fitting::<i64>(x, &[rows]) {
                Some(x) => stream.ids(x)?,
                None => return Ok(None),
            },
        }
        if let Some(marks) = marks {
            stream.reset_rows(marks)?;
        }
        let result = match out {
            Some(out) => out.clone(),
            None => PyArray2::<T>::new(py, shape, false).into_any(),
        };
        stream.step();
        match writable(&result, &shape).map(|view| view.as_slice_mut()) {
            Some(Ok(values)) => stream.output(values)?,
            _ => return Err(ShapeError::new_err("out changed its shape during a step").into()),
        }
        Ok(Some(result))
    }
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
    #[pyo3(signature = (x, resets=None, out=None))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        resets: Option<&Bound<'py, PyAny>>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.with(
            |stream| for_value!(stream, one => one.undone_on_panic(|one| step(py, one, x, resets, out))),
        )
    }

    fn refresh(&self, arena: &Bound<'_, PyAny>, given: &PyGiven) -> PyResult<()> {
        self.with(|stream| {
            for_value!(stream, stream => {
                let arena = array("arena", arena, &[1])?;
                Ok(stream.refresh(elements(&arena)?, Arc::clone(given.of()?))?)
            })
        })
    }

    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.with(|stream| {
            for_value!(stream, one => Ok(states_out(py, one.states(), &one.network().states, one.rows())?))
        })
    }

    /// The numbers on entries of each row after the last step; nothing if the steps have none.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.with(|stream| {
            for_value!(stream, one => {
                let rows = (0..one.rows()).filter_map(|row| one.weights(row));
                rows.map(|row| Ok(copied(py, row)?.into_any())).collect()
            })
        })
    }

    fn set_state(&self, states: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        self.with(|stream| for_value!(stream, stream => set_state(stream, &states)))
    }

    fn reset(&self) -> PyResult<()> {
        self.with(|stream| {
            for_value!(stream, stream => stream.reset());
            Ok(())
        })
    }

    /// Starts every row anew, from what is given.
    fn start(&self, given: &PyGiven) -> PyResult<()> {
        self.with(|stream| for_value!(stream, stream => Ok(stream.start(Arc::clone(given.of()?))?)))
    }
}
