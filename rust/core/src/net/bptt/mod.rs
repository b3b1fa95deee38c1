//! Backpropagation through time of a row group: full, truncated, checkpointed. May use `group` and the folders below it.

mod checkpoint;
mod layerwise;
mod memory;
mod through_time;
mod truncated;

pub use checkpoint::{
    GroupSchedule, LARGEST_PLAN, Schedule, SegmentStore, checkpoint_plan, checkpointed, schedule,
};
pub use memory::{PieceSize, piece_elements};
pub use through_time::{Budget, ThroughTime, windowed_axes};
pub use truncated::{Windows, truncated};
