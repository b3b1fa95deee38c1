//! The one place where errors of the core become exceptions of `ostinato.errors`.

use std::path::Path;

use ostinato_core::memory::OutOfMemory;
use ostinato_core::net::NetError;
use ostinato_core::step::StepError;
use ostinato_core::store::StoreError;
use ostinato_core::team::{self, Panic};
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyMemoryError, PyOSError};
use pyo3::prelude::*;

pyo3::import_exception!(ostinato.errors, ShapeError);
pyo3::import_exception!(ostinato.errors, DTypeError);
pyo3::import_exception!(ostinato.errors, ConfigError);
pyo3::import_exception!(ostinato.errors, FormatError);
pyo3::import_exception!(ostinato.errors, TraceError);
pyo3::import_exception!(ostinato.errors, InternalError);
pyo3::import_exception!(ostinato.errors, ConcurrentUseError);
pyo3::import_exception!(ostinato.errors, NonFiniteError);

/// Imports the exceptions, so that none has to be imported when memory runs out.
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    let errors = py.import("ostinato.errors")?;
    let known = [
        ShapeError::type_object(py),
        DTypeError::type_object(py),
        ConfigError::type_object(py),
        FormatError::type_object(py),
        TraceError::type_object(py),
        InternalError::type_object(py),
        NonFiniteError::type_object(py),
        ConcurrentUseError::type_object(py),
    ];
    debug_assert!(
        known.iter().all(|class| class.name().is_ok_and(|name| errors.hasattr(name).unwrap_or(false)))
    );
    Ok(())
}

/// An error that becomes a Python exception.
pub struct Raised(PyErr);

impl From<Raised> for PyErr {
    fn from(raised: Raised) -> PyErr {
        raised.0
    }
}

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Raised {
        Raised(error)
    }
}

impl From<StepError> for Raised {
    fn from(error: StepError) -> Raised {
        Raised(match error {
            StepError::Shape(text) => ShapeError::new_err(text),
            StepError::Trace(text) | StepError::Large(text) => TraceError::new_err(text),
            StepError::Format(text) => FormatError::new_err(text),
        })
    }
}

impl From<NetError> for Raised {
    fn from(error: NetError) -> Raised {
        Raised(match error {
            NetError::Shape(text) => ShapeError::new_err(text),
            NetError::Config(text) | NetError::Large(text) => ConfigError::new_err(text),
            NetError::NonFinite(text) => NonFiniteError::new_err(text),
            NetError::Internal(panic) => panicked(panic),
            // the signal's own exception is raised by whoever polled; this stands for a poll without one
            NetError::Cancelled => pyo3::exceptions::PyKeyboardInterrupt::new_err(()),
        })
    }
}

impl From<StoreError> for Raised {
    fn from(error: StoreError) -> Raised {
        Raised(match error {
            StoreError::Format(text) => FormatError::new_err(text),
            StoreError::Io(error) => error.into(),
        })
    }
}

/// Adds the file's name to an error of the operating system.
pub fn with_path(error: StoreError, path: &Path) -> Raised {
    match error {
        StoreError::Io(error) => {
            let kind = PyErr::from(std::io::Error::from(error.kind()));
            Python::attach(|py| match (error.raw_os_error(), kind.is_instance_of::<PyOSError>(py)) {
                // OSError(errno, text, file) picks the matching subclass by itself
                (Some(code), true) => {
                    let text = error.to_string();
                    let text = text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text).to_string();
                    Raised(PyOSError::new_err((code, text, path.as_os_str().to_os_string())))
                }
                _ => Raised(PyOSError::new_err(format!("{}: {error}", path.display()))),
            })
        }
        other => other.into(),
    }
}

/// The starts of the messages of panics of PyO3 and rust-numpy where Python could not allocate an object.
const NO_OBJECT: [&str; 2] = ["PyObject pointer is null", "Failed to create slice container"];

/// The exception for a panic: its cause if it has one.
pub fn panicked(panic: Panic) -> PyErr {
    let cause = panic.cause.as_ref();
    if let Some(error) = cause.and_then(|cause| cause.downcast_ref::<PyErr>()) {
        Python::attach(|py| error.clone_ref(py))
    } else if cause.is_some_and(|cause| cause.is::<OutOfMemory>()) {
        PyMemoryError::new_err(panic.message)
    } else if NO_OBJECT.iter().any(|start| panic.message.starts_with(start)) {
        PyMemoryError::new_err(OutOfMemory { bytes: 0 }.to_string())
    } else {
        InternalError::new_err(format!("{panic}; this is a bug in ostinato, please report it"))
    }
}

/// Runs an entry: a panic in it becomes an exception that names its place.
pub fn entry<R>(call: impl FnOnce() -> Result<R, Raised>) -> PyResult<R> {
    match team::guard(call) {
        Ok(result) => result.map_err(PyErr::from),
        Err(panic) => Err(panicked(panic)),
    }
}
