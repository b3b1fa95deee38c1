//! Optimizers: an equation per number of a parameter, run over whole arenas, and the norm that clipping needs.
//!
//! An optimizer is a program of the step language for one number: inputs (the parameter, its gradient), states (the
//! optimizer's slots), parameters (the scalars of a step: learning rate, count), one output (the new parameter). `rule`
//! makes a list of operations (`operation`) of it, `stages` joins them to passes, `scalars` computes what depends on
//! scalars alone, `updater` runs the passes, or computes them in scratch to find what is not finite; `norm` sums squares. May use `memory`, `kernel`, `team` and `step`.

mod norm;
mod operation;
mod rule;
mod scalars;
mod stages;
mod updater;

#[cfg(test)]
mod tests;

pub use norm::square_sum;
pub use rule::Rule;
pub use updater::{NotFinite, Segment, Updater};
