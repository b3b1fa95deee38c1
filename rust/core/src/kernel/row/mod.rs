//! Kernels on rows: elementwise functions, reductions, maps of a row to a row, and sums of columns.

mod all_finite;
mod chain;
mod column_sum;
mod dots;
mod elementwise;
mod log_product;
mod maps;
mod matrix;
mod norm_grad;
mod operand;
mod prefetch;
mod range;
mod reduce;
mod row_map;
mod scan;
mod square_sum;
mod total;

pub(super) use all_finite::all_finite;
pub(super) use chain::chain;
pub(super) use column_sum::col_sum;
pub(super) use dots::{dots, product_sum, weighted_sum};
pub(super) use elementwise::{binary, ternary, unary};
pub(super) use log_product::{log_product, log_product_grad};
pub use matrix::matrix_scratch;
pub(super) use matrix::{matrix_back, matrix_forward};
pub(super) use norm_grad::norm_grad;
pub(super) use prefetch::prefetch;
pub(super) use range::range;
pub(super) use reduce::{exp_sums, reduce};
pub(super) use row_map::row_map;
pub(super) use scan::scan;
pub(super) use square_sum::square_sum;
