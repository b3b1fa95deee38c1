//! Errors of a model.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::memory::OutOfMemory;
use crate::net::NetError;
use crate::store::StoreError;
use crate::team::Panic;

/// Why a model was not opened, or a call did not run. The text says what was found, what was expected, and what to do.
///
/// A call that fails changes nothing: not the model, not the states of a stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModelError {
    /// The operating system does not give the file: it does not exist, is no regular file, may not be read.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is no model, is damaged, or was written by another release: a newer one, or one that stored no graph.
    Format(String),
    /// The file has numbers of the other type: see [`Model::open`](crate::Model::open) and
    /// [`Model::open_f64`](crate::Model::open_f64).
    DType {
        /// The file.
        path: PathBuf,
        /// The type in the file, such as "float64".
        found: &'static str,
        /// The type that was opened.
        expected: &'static str,
    },
    /// An array, a list or a number of rows has another size than the model needs.
    Shape(String),
    /// A value is not allowed, or the network cannot do what was asked for: an id beyond the table, a stream of a
    /// bidirectional network.
    Config(String),
    /// The memory does not suffice. The call can be repeated with fewer rows or steps.
    Memory(String),
    /// A defect of this crate: a panic that was caught, with its place. Please report it.
    Internal(String),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Io { path, error } => write!(f, "{}: {error}", path.display()),
            ModelError::DType { path, found, expected } => {
                let path = path.display();
                let open = if *expected == "float32" { "Model::open_f64" } else { "Model::open" };
                write!(f, "{path}: the numbers are {found}, expected {expected}; use {open}")
            }
            ModelError::Format(text)
            | ModelError::Shape(text)
            | ModelError::Config(text)
            | ModelError::Memory(text) => f.write_str(text),
            ModelError::Internal(text) => write!(f, "{text}; this is a bug in ostinato, please report it"),
        }
    }
}

impl std::error::Error for ModelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ModelError::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl ModelError {
    /// The error for a file at `path` that could not be read.
    pub(super) fn of_file(error: StoreError, path: PathBuf) -> ModelError {
        match error {
            StoreError::Io(error) => ModelError::Io { path, error },
            StoreError::Format(text) => ModelError::Format(text),
        }
    }
}

impl From<NetError> for ModelError {
    fn from(error: NetError) -> ModelError {
        match error {
            NetError::Shape(text) => ModelError::Shape(text),
            NetError::Config(text) | NetError::Large(text) | NetError::NonFinite(text) => {
                ModelError::Config(text)
            }
            NetError::Internal(panic) => panic.into(),
            NetError::Cancelled => ModelError::Internal("a call was cancelled".into()),
        }
    }
}

impl From<Panic> for ModelError {
    fn from(panic: Panic) -> ModelError {
        match panic.cause.is_some_and(|cause| cause.is::<OutOfMemory>()) {
            true => ModelError::Memory(panic.message),
            false => ModelError::Internal(panic.message),
        }
    }
}
