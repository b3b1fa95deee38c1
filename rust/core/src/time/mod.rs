//! Running passes through time: a unit of rows, block by block, step by step, forwards or backwards.
//!
//! A *unit* is a group of sequences that one thread carries through the whole network; its rows are sorted by length, so
//! the rows alive at a step are a prefix. This room may use `kernel`, `team` and `plan` (and `step`
//! through it).

mod called;
mod fold;
mod geometry;
mod layer;
mod memory;
mod places;
mod runner;
mod scan;
mod segments;
mod sinks;
mod slot_gradients;
mod spare;
mod stepper;
mod tape;
mod view;
mod wave;
mod weights;

pub use fold::LayerWeights;
pub use geometry::Geometry;
pub use layer::{Backward, Forward, IncomingGradients, LayerCall, Saved, states_after};
pub use memory::{PassMemory, Scratch};
pub use runner::{block_steps, scratch_elements};
pub use segments::share_out;
pub use slot_gradients::{SlotGradients, slot_gradient_elements};
pub use spare::{OUT_OF_MEMORY, Spare, grow, reserve};
pub use stepper::Stepper;
pub use view::SeqView;
pub use wave::{Wave, piece_steps};
pub use weights::{Weights, weight_elements};
