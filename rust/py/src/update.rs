//! Optimizers: their steps over arrays, and the norm of gradients.

use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArrayMethods};
use ostinato_core::kernel::{Isa, Kernels};
use ostinato_core::net::NetError;
use ostinato_core::step::rows;
use ostinato_core::team::Stop;
use ostinato_core::update::{Rule, Segment, Updater, square_sum};
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

fn step<T: Number>(
    py: Python<'_>,
    updater: &Updater<T>,
    arrays: &[Vec<Bound<'_, PyAny>>],
    scalars: &[f64],
) -> Result<(), Raised> {
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
            let (array, len) = borrow::<T>(stream, written)?;
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
    // SAFETY: all arrays are borrowed, the written ones mutably, until the step is done.
    let done = py.detach(|| unsafe { updater.step(segments.all(), scalars) });
    drop(borrowed);
    done.map_err(stopped)
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

    fn step(&self, py: Python<'_>, arrays: Vec<Vec<Bound<'_, PyAny>>>, scalars: Vec<f64>) -> PyResult<()> {
        entry(|| for_value!(&self.inner, updater => step(py, updater, &arrays, &scalars)))
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
