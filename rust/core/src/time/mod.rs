//! Running passes through time: a unit of rows, block by block, step by step, forwards or backwards.
//!
//! A *unit* is a group of sequences that one thread carries through the whole network; its rows are sorted by length, so
//! the rows alive at a step are a prefix. This room may use `kernel`, `team` and `plan` (and `step`
//! through it).

mod called;
mod geometry;
mod layer;
mod memory;
mod places;
mod runner;
mod scan;
mod segments;
mod sinks;
mod spare;
mod stepper;
mod tape;
mod wave;
mod weights;

pub use geometry::Geometry;
pub use layer::{Backward, Forward, backward, forward, states_after};
pub use memory::{PassMemory, Scratch, SeqView};
pub use runner::{block_steps, scratch_elements};
pub use segments::share_out;
pub use spare::{OUT_OF_MEMORY, Spare, grow, reserve};
pub use stepper::Stepper;
pub use wave::{Wave, piece_steps};
pub use weights::{LayerWeights, SlotGradients, slot_gradient_elements, weight_elements};
