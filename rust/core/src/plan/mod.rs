//! Compiles a program to a plan: phases, fused matrix products, storage, and the values stored for the backward pass.
//!
//! The plan follows from one property of each value: what does it depend on (`phase`)? Products that share an operand become
//! one (`schedule`), every value gets the smallest storage that its readers allow (`storage`), and the gradient equations of
//! the adjoint are planned in the same way, in reverse (`layer`). This folder may use `kernel`, `team`, `step` and `adjoint`.

mod concatenated;
mod dependence;
mod entry_level;
mod explain;
mod fold;
mod fold_table;
mod function;
mod fused;
mod keep;
mod last_step;
mod layer;
mod levels;
mod line_products;
mod linear;
mod log_product;
mod matrix;
mod merge;
mod norms;
mod pass;
mod phase;
mod row_level;
mod row_ops;
mod schedule;
mod storage;
mod sums;
mod task;

#[cfg(test)]
mod tests;

pub use entry_level::{EntryPart, EntrySplit, split_entries};
pub use explain::{
    PassSummary, explain_layer, explain_once_per_entry, explain_once_per_id, explain_once_per_row,
};
pub use fold_table::{Block, FoldSource, FoldTable};
pub use function::{Called, Function};
pub use layer::{Fold, LastStep, LayerPlan, Wanted};
pub use pass::{
    Buffer, Class, EntriesOp, Gemm, Init, MatrixOp, Pack, PackPart, Pass, Per, PhaseOp, Ref, RowOp, RowRun,
    Scan, ScanState, SinkOp, SinkRun, WholeOp, block_steps, marks, row_work,
};
pub use row_level::{Piece, RowSplit, ids_of_lookup, of_ids, split};
