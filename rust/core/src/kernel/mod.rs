//! The vector kernels: everything that touches numbers in bulk, for every instruction set.
//!
//! A caller gets a table once, `f32::kernels(Isa::active()?)`, and then calls its function pointers on
//! rows of memory. The room knows matrices and rows, nothing of cells, steps or networks, and uses only
//! `std`.
//!
//! **Row independence.** The bits of a row of a result depend on that row's inputs, on `cols`, `n` and `k`,
//! and on the instruction set alone: never on how many rows are passed with it, on its place among them, on
//! its alignment or on the tail that it falls into. Three rules keep this promise: tails run through the same
//! vector arithmetic as full vectors, every sum over `k` runs in the one order k = 0, 1, 2, ... for every
//! tile, and a reduction's order is a function of `cols`.
//!
//! Where to find what: `args` the operands and the names of operations, `isa` the choice of instruction set, `cache`
//! the sizes of the caches,
//! `simd` the vectors, `math` the functions on vectors, `row` the kernels on rows, `gemm` the matrix
//! products, `table` the function pointers.

mod args;
mod burst;
mod cache;
mod denormals;
mod gemm;
mod isa;
mod math;
mod peak;
mod real;
mod row;
mod simd;
mod table;

#[cfg(test)]
mod tests;

pub use args::{
    Along, Binary, Dst, Init, Link, LinkSource, MOST_READS, MatrixBack, MatrixSteps, NormGrad, Reduce,
    RowMap, ScanState, Short, Src, Ternary, Track, Unary,
};
pub use cache::Caches;
pub use denormals::{FlushDenormals, KeepDenormals};
pub use isa::Isa;
pub use peak::fma_peak_gflops;
pub use real::Real;
pub use row::matrix_scratch;
pub use table::{Float, Kernels};
