//! Derivatives of programs, derived on the program from the rules of the op table.
//!
//! [`reverse`] gives the gradient equations of one step (the planner runs them backwards through time);
//! [`forward_mode`] gives a program that carries tangents along. This room may use `step` and nothing above it.

mod forward;
mod reverse;

#[cfg(test)]
mod tests;

pub use forward::forward_mode;
pub use reverse::{Accumulate, Adjoint, Sink, reverse};
