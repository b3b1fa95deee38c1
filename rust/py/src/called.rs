//! Steps in Python: the engine's calls of them, and the exceptions that they raise.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{PyArray1, PyArrayMethods};
use ostinato_core::plan::Called;
use ostinato_core::step::rows::Part;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// How the text of a panic begins that stands for an exception, whose number follows.
const RAISED: &str = "a step in Python raised exception ";

/// Exceptions on their way through the engine, by number: a panic carries only text.
static PENDING: Mutex<Option<HashMap<u64, PyErr>>> = Mutex::new(None);
/// More than this many that nobody fetched (several lanes fail at once, one is reported) are thrown away.
const MOST_PENDING: usize = 64;

fn pending() -> MutexGuard<'static, Option<HashMap<u64, PyErr>>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `function(part, rows, operands) -> float64 array`, called with the GIL held.
pub struct PyFunction {
    pub function: Py<PyAny>,
    pub why: String,
}

impl PyFunction {
    fn ask(&self, part: Part, rows: usize, operands: &[Vec<f64>], out: &mut [f64]) -> PyResult<()> {
        Python::attach(|py| {
            let operands = operands.iter().map(|values| PyArray1::from_slice(py, values));
            let operands = PyList::new(py, operands.collect::<Vec<_>>())?;
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
        if let Err(error) = self.ask(part, rows, operands, out) {
            let mut pending = pending();
            let all = pending.get_or_insert_default();
            if all.len() >= MOST_PENDING {
                all.clear();
            }
            let number = all.keys().max().map_or(0, |last| last + 1);
            all.insert(number, error);
            drop(pending);
            // no message on stderr: this is a way out, not a bug
            std::panic::resume_unwind(Box::new(format!("{RAISED}{number}")));
        }
    }

    fn why(&self) -> &str {
        &self.why
    }
}

/// The exception that a panic with this text stands for.
pub fn raised(text: &str) -> Option<PyErr> {
    let digits = text.strip_prefix(RAISED)?;
    let number = digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()?;
    pending().as_mut()?.remove(&number)
}
