//! The step language: programs over the feature vectors of one row at one time step.
//!
//! A [`Program`] is a small graph in single-assignment form. It has no batch axis and no time axis; other folders repeat it.
//! [`Builder`] is the only way to create one, so every program has passed the shape rules of the op table ([`rows`]),
//! whether it comes from a trace or from a file.
//!
//! This folder may use `kernel` (an op's row names the kernel that runs it) and nothing else.

mod attrs;
mod builder;
mod dim;
mod node;
mod print;
mod program;
pub mod rows;
mod shape;
mod text;

pub use attrs::{Attrs, Value};
pub use builder::{Builder, Source};
pub use dim::{Dim, Shape, numel, shape_text};
pub use node::{Node, NodeId};
pub use program::Program;
pub use rows::{Grad, OpId, OpRow, Run, Site, Tangent};
pub use text::FORMAT_VERSION;

/// Errors of a program; the Python side maps each to its typed exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// Shapes of the operands do not fit the op, or a name was used twice.
    Shape(String),
    /// The equations cannot be expressed in the step language.
    Trace(String),
    /// A program text is damaged, hostile, or of a newer version.
    Format(String),
}

impl std::fmt::Display for StepError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StepError::Shape(text) | StepError::Trace(text) | StepError::Format(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StepError {}

pub type Result<T> = std::result::Result<T, StepError>;
