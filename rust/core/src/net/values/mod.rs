//! Nodes without a program: moves of elements in the forward and backward pass, each implemented once. May use `graph`,
//! `batch`, `time`.

mod moves;
mod node_gradients;

pub use moves::{RowMaps, add_rows, append_rows, copy_rows, derive, scatter_rows, source_rows};
pub use node_gradients::NodeGradients;
