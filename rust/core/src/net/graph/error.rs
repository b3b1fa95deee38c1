//! Errors of a network or of a call.

use crate::step::StepError;
use crate::team::{Panic, Stop};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetError {
    Shape(String),
    Config(String),
    /// The network would have too many layers, or a program too many operations.
    Large(String),
    /// A value that has to be finite is NaN or inf.
    NonFinite(String),
    Cancelled,
    Internal(Panic),
}

impl std::fmt::Display for NetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetError::Shape(text)
            | NetError::Config(text)
            | NetError::Large(text)
            | NetError::NonFinite(text) => f.write_str(text),
            NetError::Internal(panic) => panic.fmt(f),
            NetError::Cancelled => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for NetError {}

impl From<StepError> for NetError {
    fn from(error: StepError) -> NetError {
        match error {
            StepError::Large(text) => NetError::Large(text),
            error => NetError::Shape(error.to_string()),
        }
    }
}

impl From<Stop> for NetError {
    fn from(stop: Stop) -> NetError {
        match stop {
            Stop::Cancelled => NetError::Cancelled,
            Stop::Panicked(what) => NetError::Internal(what),
        }
    }
}

/// Returns an error if the data does not have the expected number of elements.
pub fn expect_len(what: &str, got: usize, expected: usize) -> Result<(), NetError> {
    if got == expected {
        Ok(())
    } else {
        Err(NetError::Shape(format!("{what} has {got} elements; expected {expected}")))
    }
}
