//! Optimizers: their steps over arrays, and the norm of gradients.

use std::sync::atomic::{AtomicBool, Ordering};

use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArrayMethods};
use ostinato_core::kernel::{Isa, Kernels};
use ostinato_core::net::NetError;
use ostinato_core::step::rows;
use ostinato_core::team::Stop;
use ostinato_core::update::{NotFinite, Rule, Segment, Updater, square_sum};
use pyo3::prelude::*;

use crate::arrays::{array, elements};
use crate::dtype::{DType, Either, Family, Number, for_dtype, for_value};
use crate::errors::{ConcurrentUseError, ConfigError, DTypeError, Raised, ShapeError, entry};
use crate::program::PyProgram;

struct Updaters;

impl Family for Updaters {
    type Of<T: Number> = Updater<T>;
}

/// An optimizer's program for parameters of one number type.
#[pyclass(name = "Update", module = "ostinato._core", frozen)]
pub struct PyUpdate {
    inner: Either<Updaters>,
}

fn kernels<T: Number>() -> Result<&'static Kernels<T>, Raised> {
    Ok(T::kernels(Isa::active().map_err(ConfigError::new_err)?))
}

fn stopped(stop: Stop) -> Raised {
    NetError::from(stop).into()
}

/// One array of a parameter, borrowed while the step runs.
enum ParameterArray<'py, T: Number> {
    Read(PyReadonlyArrayDyn<'py, T>),
    Written(PyReadwriteArrayDyn<'py, T>),
}

impl<T: Number> ParameterArray<'_, T> {
    fn pointer(&self) -> *mut T {
        match self {
            ParameterArray::Read(array) => array.data(),
            ParameterArray::Written(array) => array.data(),
        }
    }
}

fn borrow<'py, T: Number>(
    given: &Bound<'py, PyAny>,
    written: bool,
) -> Result<(ParameterArray<'py, T>, usize), Raised> {
    let view = given.cast::<PyArrayDyn<T>>().map_err(|_| {
        let expected = T::get_dtype(given.py());
        DTypeError::new_err(format!("an update got {}; expected arrays of {expected}", given.get_type()))
    })?;
    // SAFETY: nothing is read; an array is a slice if it is C-contiguous and aligned.
    if !view.is_c_contiguous() || unsafe { view.as_slice() }.is_err() {
        return Err(ShapeError::new_err("an update takes arrays that are C-contiguous and aligned").into());
    }
    let shared = |error: String| {
        ConcurrentUseError::new_err(format!("an array of this update is in use elsewhere: {error}"))
    };
    let array = if written {
        ParameterArray::Written(view.try_readwrite().map_err(|error| shared(error.to_string()))?)
    } else {
        ParameterArray::Read(view.try_readonly().map_err(|error| shared(error.to_string()))?)
    };
    Ok((array, view.len()))
}

/// What to do with the arrays of a step.
#[derive(Clone, Copy)]
enum Task<'a> {
    /// Compute what it would write, and write nothing.
    Check,
    /// Take it, and note that it is done.
    Take(&'a AtomicBool),
}

fn run<T: Number>(
    py: Python<'_>,
    updater: &Updater<T>,
    arrays: &[Vec<Py<PyAny>>],
    scalars: &[f64],
    task: Task<'_>,
) -> Result<Option<NotFinite>, Raised> {
    let rule = updater.rule();
    if scalars.len() != rule.scalars() {
        let text = format!("scalars has {} numbers; expected {}", scalars.len(), rule.scalars());
        return Err(ShapeError::new_err(text).into());
    }
    let mut borrowed = Vec::with_capacity(arrays.len() * rule.streams());
    let mut segments = Vec::with_capacity(arrays.len());
    for streams in arrays {
        if streams.len() != rule.streams() {
            let text = format!("a parameter has {} arrays; expected {}", streams.len(), rule.streams());
            return Err(ShapeError::new_err(text).into());
        }
        let mut segment = Segment { streams: Vec::with_capacity(streams.len()), len: 0 };
        for (position, (stream, &written)) in streams.iter().zip(rule.written()).enumerate() {
            let written = written && matches!(task, Task::Take(_));
            let (array, len) = borrow::<T>(stream.bind(py), written)?;
            if position > 0 && len != segment.len {
                let text = format!("arrays of {} and {len} elements in one parameter", segment.len);
                return Err(ShapeError::new_err(text).into());
            }
            segment.len = len;
            segment.streams.push(array.pointer());
            borrowed.push(array);
        }
        segments.push(segment);
    }
    let segments = Segments(segments);
    let found = py.detach(|| match task {
        // SAFETY: all arrays are borrowed until the check is done.
        Task::Check => unsafe { updater.check(segments.all(), scalars) },
        Task::Take(is_done) => {
            // SAFETY: all arrays are borrowed, the written ones mutably, until the step is done.
            let taken = unsafe { updater.step(segments.all(), scalars) };
            taken.map(|()| {
                is_done.store(true, Ordering::Relaxed);
                None
            })
        }
    });
    drop(borrowed);
    found.map_err(stopped)
}

/// Pointers into arrays that the calling thread has borrowed while it waits.
struct Segments<T>(Vec<Segment<T>>);

impl<T> Segments<T> {
    fn all(&self) -> &[Segment<T>] {
        &self.0
    }
}

// SAFETY: `Python::detach` runs its closure on the calling thread; nothing is sent.
unsafe impl<T> Send for Segments<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Segments<T> {}

#[pymethods]
impl PyUpdate {
    #[new]
    fn new(program: &PyProgram, dtype: &str) -> PyResult<PyUpdate> {
        entry(|| {
            let rule = Rule::new(&program.inner)?;
            let inner = for_dtype!(DType::of(dtype)?, T => T::either(Updater::new(rule, kernels()?)));
            Ok(PyUpdate { inner })
        })
    }

    fn plan(slf: &Bound<'_, PyUpdate>, arrays: Vec<Vec<Py<PyAny>>>, scalars: Vec<f64>) -> PyPlannedStep {
        PyPlannedStep { update: slf.clone().unbind(), arrays, scalars, is_done: AtomicBool::new(false) }
    }
}

/// A step of some arrays that can be checked, and then taken once.
#[pyclass(name = "PlannedStep", module = "ostinato._core", frozen)]
pub struct PyPlannedStep {
    update: Py<PyUpdate>,
    arrays: Vec<Vec<Py<PyAny>>>,
    scalars: Vec<f64>,
    is_done: AtomicBool,
}

#[pymethods]
impl PyPlannedStep {
    /// (parameter, array, element) of the first number that is not finite.
    fn check(&self, py: Python<'_>) -> PyResult<Option<(usize, usize, usize)>> {
        let found = self.run(py, Task::Check)?;
        Ok(found.map(|one| (one.segment, one.stream, one.element)))
    }

    #[getter]
    fn is_taken(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    fn take(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_done.load(Ordering::Relaxed) {
            self.run(py, Task::Take(&self.is_done))?;
        }
        Ok(())
    }
}

impl PyPlannedStep {
    fn run(&self, py: Python<'_>, task: Task<'_>) -> PyResult<Option<NotFinite>> {
        let update = self.update.get();
        entry(|| for_value!(&update.inner, updater => run(py, updater, &self.arrays, &self.scalars, task)))
    }
}

fn squares<T: Number>(values: &Bound<'_, PyAny>) -> Result<f64, Raised> {
    let any_rank: Vec<usize> = (0..=ostinato_core::store::MAX_RANK).collect();
    let held = array::<T>("gradient", values, &any_rank)?;
    let (py, kernels, values) = (values.py(), kernels::<T>()?, elements(&held)?);
    py.detach(|| square_sum(values, kernels)).map_err(stopped)
}

/// The sum of the squares of a C-contiguous float32 or float64 array, in float64 and in a fixed order.
#[pyfunction(name = "square_sum")]
pub fn sum_of_squares(values: &Bound<'_, PyAny>) -> PyResult<f64> {
    entry(|| for_dtype!(DType::of_array(values), T => squares::<T>(values)))
}

/// The ops that an update may use: the elementwise ones.
#[pyfunction]
pub fn elementwise_op_names() -> Vec<&'static str> {
    rows::elementwise()
}
