//! Optimizers: an equation per number of a parameter, run over whole arenas, and the norm that clipping needs.
//!
//! An optimizer is a program of the step language for one number: inputs (the parameter, its gradient), states (the
//! optimizer's slots), parameters (the scalars of a step: learning rate, count), one output (the new parameter). Some
//! programs have slots of one number for a row, a column or a whole parameter, and reductions over these (`form`).
//! `levels` orders such a program around its reductions; `rule` is the whole, `compile` makes a list of operations
//! (`operation`) of what a pass computes, `stages` joins them, `tile` runs them, `scalars` computes what depends on scalars
//! alone, `updater` runs the passes, or computes them in scratch to find what is not finite, unless `bounds` exclude it;
//! `totals` has the reductions of a step; `norm` sums squares. May use `memory`, `kernel`, `team` and `step`.

mod bounds;
mod compile;
mod form;
mod levels;
mod norm;
mod operation;
mod rule;
mod scalars;
mod segment;
mod stages;
mod tile;
mod totals;
mod updater;

#[cfg(test)]
mod tests;

pub use form::{Extent, Form, Measure, Reduction};
pub use norm::square_sum;
pub use rule::Rule;
pub use segment::Segment;
pub use totals::Totals;
pub use updater::{NotFinite, Updater};
