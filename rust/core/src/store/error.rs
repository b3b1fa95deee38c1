//! Errors of reading and writing models.

use std::fmt;
use std::io;
use std::path::Path;

/// Why a model could not be read or written.
#[derive(Debug)]
pub enum StoreError {
    /// An error of the operating system: no such folder, no permission, disk full, ...
    Io(io::Error),
    /// The file is not a model of this format, or the model cannot be stored: what, got, expected, what to do.
    Format(String),
}

impl StoreError {
    /// Adds the file's name to a `Format` message. `Io` keeps the system's own error with its number.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            StoreError::Format(message) => StoreError::Format(format!("{}: {message}", path.display())),
            StoreError::Io(error) => StoreError::Io(error),
        }
    }
}

/// `Err(StoreError::Format(message))`.
pub(super) fn refuse<T>(message: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::Format(message.into()))
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io(error) => error.fmt(f),
            StoreError::Format(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Io(error) => Some(error),
            StoreError::Format(_) => None,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        StoreError::Io(error)
    }
}
