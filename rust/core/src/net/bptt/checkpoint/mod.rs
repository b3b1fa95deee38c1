//! Checkpointed BPTT: the schedule of the segments, what is stored, and how the schedule is executed.

mod actions;
mod binomial;
mod optimal;
mod plan;
mod run;

pub use plan::{GroupSchedule, LARGEST_PLAN, Schedule, checkpoint_plan, schedule};
pub use run::{SegmentStore, checkpointed};
