//! Optimizers: their steps over arrays, and the norm of gradients.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArrayMethods};
use ostinato_core::kernel::{Isa, Kernels};
use ostinato_core::net::NetError;
use ostinato_core::step::rows;
use ostinato_core::team::Stop;
use ostinato_core::update::{
    Extent, Form, Measure, NotFinite, Reduction, Rule, Segment, Totals, Updater, square_sum,
};
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

/// The arrays of a step while it runs.
struct Borrowed<'py, T: Number> {
    numbers: Vec<ParameterArray<'py, T>>,
    sides: Vec<ParameterArray<'py, f64>>,
    segments: Segments<T>,
}

/// Borrows the arrays of each parameter; `may_write`: those that the rule writes, mutably.
fn borrowed<'py, T: Number>(
    py: Python<'py>,
    rule: &Rule,
    arrays: &[Vec<Py<PyAny>>],
    may_write: bool,
) -> Result<Borrowed<'py, T>, Raised> {
    let mut all = Borrowed { numbers: Vec::new(), sides: Vec::new(), segments: Segments(Vec::new()) };
    for streams in arrays {
        if streams.len() != rule.streams() {
            let text = format!("a parameter has {} arrays; expected {}", streams.len(), rule.streams());
            return Err(ShapeError::new_err(text).into());
        }
        let mut segment = Segment::new(Vec::with_capacity(streams.len()), 0);
        let extents = rule.extents().iter().zip(rule.written());
        for (position, (stream, (&extent, &written))) in streams.iter().zip(extents).enumerate() {
            let (given, written) = (stream.bind(py), written && may_write);
            let len = if extent == Extent::Full {
                let (array, len) = borrow::<T>(given, written)?;
                segment.streams.push(array.pointer());
                all.numbers.push(array);
                len
            } else {
                let (array, len) = borrow::<f64>(given, written)?;
                segment.sides.push(array.pointer());
                all.sides.push(array);
                len
            };
            if position == 0 {
                let shape = given.cast::<PyArrayDyn<T>>().map_or(Vec::new(), |array| array.shape().to_vec());
                segment.len = len;
                segment.columns = shape.last().copied().unwrap_or(1);
                segment.rows = shape.iter().rev().skip(1).product();
            }
            let expected = match extent {
                Extent::Whole => 1,
                Extent::Row => segment.rows,
                Extent::Column => segment.columns,
                Extent::Full => segment.len,
            };
            if len != expected {
                let text = format!("arrays of {expected} and {len} elements in one parameter");
                return Err(ShapeError::new_err(text).into());
            }
        }
        all.segments.0.push(segment);
    }
    Ok(all)
}

fn run<T: Number>(
    py: Python<'_>,
    updater: &Updater<T>,
    arrays: &[Vec<Py<PyAny>>],
    scalars: &[f64],
    totals: &Mutex<Totals>,
    task: Task<'_>,
) -> Result<Option<(NotFinite, f64)>, Raised> {
    let rule = updater.rule();
    if scalars.len() != rule.scalars() {
        let text = format!("scalars has {} numbers; expected {}", scalars.len(), rule.scalars());
        return Err(ShapeError::new_err(text).into());
    }
    let all = borrowed::<T>(py, rule, arrays, matches!(task, Task::Take(_)))?;
    let Borrowed { numbers, sides, segments } = all;
    let found = py.detach(|| {
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        match task {
            // SAFETY: all arrays are borrowed until the check is done.
            Task::Check => unsafe { updater.check(segments.all(), scalars, &mut totals) },
            Task::Take(is_done) => {
                // SAFETY: all arrays are borrowed, the written ones mutably, until the step is done.
                let taken = unsafe { updater.step(segments.all(), scalars, &mut totals) };
                taken.map(|()| {
                    is_done.store(true, Ordering::Relaxed);
                    None
                })
            }
        }
    });
    drop((numbers, sides));
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
    #[pyo3(signature = (program, dtype, slots=None, reductions=Vec::new()))]
    fn new(
        program: &PyProgram,
        dtype: &str,
        slots: Option<Vec<String>>,
        reductions: Vec<(String, String)>,
    ) -> PyResult<PyUpdate> {
        entry(|| {
            let rule = match slots {
                None => Rule::new(&program.inner)?,
                Some(slots) => {
                    let slots = slots.iter().map(|name| extent(name)).collect::<Result<_, _>>()?;
                    let reductions = (reductions.iter())
                        .map(|(name, over)| Ok(Reduction { measure: measure(name)?, over: extent(over)? }))
                        .collect::<Result<_, Raised>>()?;
                    Rule::of(&program.inner, &Form { slots, reductions })?
                }
            };
            let inner = for_dtype!(DType::of(dtype)?, T => T::either(Updater::new(rule, kernels()?)));
            Ok(PyUpdate { inner })
        })
    }

    fn plan(slf: &Bound<'_, PyUpdate>, arrays: Vec<Vec<Py<PyAny>>>, scalars: Vec<f64>) -> PyPlannedStep {
        let (totals, is_done) = (Mutex::default(), AtomicBool::new(false));
        PyPlannedStep { update: slf.clone().unbind(), arrays, scalars, totals, is_done }
    }
}

/// A step of some arrays that can be checked, and then taken once.
#[pyclass(name = "PlannedStep", module = "ostinato._core", frozen)]
pub struct PyPlannedStep {
    update: Py<PyUpdate>,
    arrays: Vec<Vec<Py<PyAny>>>,
    scalars: Vec<f64>,
    totals: Mutex<Totals>,
    is_done: AtomicBool,
}

#[pymethods]
impl PyPlannedStep {
    /// (parameter, array, element) of the first number that is not finite, and the number.
    fn check(&self, py: Python<'_>) -> PyResult<Option<(usize, usize, usize, f64)>> {
        let found = self.run(py, Task::Check)?;
        Ok(found.map(|(one, value)| (one.segment, one.stream, one.element, value)))
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
    fn run(&self, py: Python<'_>, task: Task<'_>) -> PyResult<Option<(NotFinite, f64)>> {
        let (update, totals) = (self.update.get(), &self.totals);
        entry(|| {
            for_value!(&update.inner, updater => {
                run(py, updater, &self.arrays, &self.scalars, totals, task)
            })
        })
    }
}

fn extent(name: &str) -> Result<Extent, Raised> {
    Ok(match name {
        "zeros" | "param" => Extent::Full,
        "scalar" | "whole" => Extent::Whole,
        "row" => Extent::Row,
        "column" => Extent::Column,
        _ => return Err(ConfigError::new_err(format!("no slot or reduction is {name:?}")).into()),
    })
}

fn measure(name: &str) -> Result<Measure, Raised> {
    Ok(match name {
        "sum" => Measure::Sum,
        "mean" => Measure::Mean,
        "norm" => Measure::Norm,
        "rms" => Measure::Rms,
        _ => return Err(ConfigError::new_err(format!("no reduction is {name:?}")).into()),
    })
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
