//! Every kernel against a plain reference in `f64`, for every instruction set of this machine and both types.
//!
//! A test goes through its whole table and then reports all rows that failed.

mod accuracy;
mod chain;
mod edges;
mod elementwise;
mod log_product;
mod matrix;
mod norm_grad;
mod product;
mod reduction;
mod row_independence;
mod scan;
mod support;
mod weight_gradient;
