//! Checkpointed BPTT: which chunks of time run when, what is kept of them, and running it.

mod actions;
mod binomial;
mod optimal;
mod plan;
mod run;

pub use plan::{GroupSchedule, LARGEST_PLAN, Schedule, checkpoint_plan, schedule};
pub use run::{Stored, checkpointed};
