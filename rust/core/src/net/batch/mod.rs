//! A batch in the engine's layout: row groups packed by time, and the arrays that the groups fill. May use `graph`, `time`.

mod axes;
mod group_rows;
mod output_array;
mod row_groups;
mod sequence;
mod valid_steps;

#[cfg(test)]
pub use axes::AxisSteps;
pub use axes::{Axes, AxisExtent, AxisRows};
pub use group_rows::group_rows;
pub use output_array::OutputArray;
pub use row_groups::{Batch, End, Extent, Input, MAX_SUMS, Packed, RowGroup, States};
