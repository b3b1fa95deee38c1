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
mod equations;
mod error;
mod node;
mod print;
mod program;
pub mod rows;
mod shape;
mod text;

#[cfg(test)]
pub(crate) mod tests;

pub use attrs::{Attrs, Value};
pub use builder::{Builder, Source};
pub use dim::{Dim, Shape, numel, shape_text};
pub use equations::Equations;
pub use error::{Result, StepError};
pub use node::{Node, NodeId, OpId};
pub use program::Program;
pub use rows::{Grad, OpRow, Run, Site, Tangent};
pub use text::FORMAT_VERSION;
