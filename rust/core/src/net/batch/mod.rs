//! A batch in the engine's layout: row groups packed by time, and the arrays that the groups fill. May use `graph`, `time`.

mod axes;
mod batch;
mod output_array;

pub use axes::Axes;
pub use batch::{Batch, End, Extent, Input, Packed, RowGroup, States, lanes_to_copy};
pub use output_array::OutputArray;
