//! Derivatives of programs: programs derived by the rules of the op table.
//!
//! `reverse` returns the gradient equations of one step (the planner runs them backward through time); [`forward_mode`]
//! returns a program that also computes tangents. This folder may use `step` and nothing above it.

mod forward;
mod reverse;

#[cfg(test)]
mod tests;

pub use forward::forward_mode;
pub use reverse::{Accumulate, Adjoint, Sink, reverse};
