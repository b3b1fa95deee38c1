//! What calls return.

use ostinato_core::ModelError;

/// What a call returns. `ostinato_last_error` has the text of an error: what was found, what was expected, what to do.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The call succeeded.
    Ok = 0,
    /// The operating system does not give the file.
    Io = 1,
    /// The file is no model, is damaged, or is of a release that this one does not read.
    Format = 2,
    /// The file has float64 numbers; this library computes in float.
    Dtype = 3,
    /// An array, a list or a number of rows has another size than the model needs.
    Shape = 4,
    /// A value is not allowed, or the network cannot do what was asked for.
    Config = 5,
    /// The memory does not suffice.
    Memory = 6,
    /// A pointer is NULL or not aligned.
    Pointer = 7,
    /// The stream is in a call on another thread.
    Busy = 8,
    /// A defect of this library. Please report it.
    Internal = 9,
}

/// Why a call failed.
pub struct Failure {
    pub status: Status,
    pub text: String,
}

impl Failure {
    pub fn new(status: Status, text: impl Into<String>) -> Failure {
        Failure { status, text: text.into() }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Failure {
        let status = match &error {
            ModelError::Io { .. } => Status::Io,
            ModelError::Format(_) => Status::Format,
            ModelError::DType { .. } => Status::Dtype,
            ModelError::Shape(_) => Status::Shape,
            ModelError::Config(_) => Status::Config,
            ModelError::Memory(_) => Status::Memory,
            _ => Status::Internal,
        };
        let text = match error {
            ModelError::DType { path, found, .. } => format!(
                "{}: the numbers are {found}, and this library computes in float; save a network of dtype=\"float32\"",
                path.display()
            ),
            error => error.to_string(),
        };
        Failure { status, text }
    }
}
