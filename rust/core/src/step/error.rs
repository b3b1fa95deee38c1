//! What can be wrong with a program.

/// The Python side maps each to its typed exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// Shapes of the operands do not fit the op, or a name was used twice.
    Shape(String),
    /// The equations cannot be expressed in the step language.
    Trace(String),
    /// The program would have too many operations.
    Large(String),
    /// A program text is damaged, hostile, or of a newer version.
    Format(String),
}

impl std::fmt::Display for StepError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StepError::Shape(text)
            | StepError::Trace(text)
            | StepError::Large(text)
            | StepError::Format(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StepError {}

pub type Result<T> = std::result::Result<T, StepError>;
