//! Runs passes through time: one row group, block by block, step by step, forward or backward.
//!
//! A row group is a group of sequences that one thread takes through the whole network. Its rows are sorted by length, so
//! the rows alive at a step are a prefix. This folder may use `kernel`, `team` and `plan` (and `step` through it).

mod buffer_binding;
mod by_size;
mod entries;
mod entry_ops;
mod entry_row;
mod exchange;
mod fold;
mod function_call;
mod geometry;
mod layer;
mod matrix;
mod memory;
mod phase_exec;
mod pipeline;
mod places;
mod row_ops;
mod runner;
mod scan;
mod slot_gradients;
mod stepper;
mod vec_pool;
mod view;
mod weight_grad;
mod weights;

pub use crate::plan::block_steps;
pub use entries::Entries;
pub use exchange::{Exchange, InPlace};
pub use fold::LayerWeights;
pub use geometry::Geometry;
pub use layer::{Backward, Forward, IncomingGradients, LayerCall, Saved, states_after};
pub use memory::{PassMemory, Scratch};
pub use phase_exec::share_out;
pub use pipeline::{Pipeline, piece_steps};
pub use runner::scratch_elements;
pub use slot_gradients::{SlotGradients, add_all, slot_gradient_elements};
pub use stepper::Stepper;
pub use vec_pool::VecPool;
pub use view::SeqView;
pub use weights::{Weights, weight_elements};
