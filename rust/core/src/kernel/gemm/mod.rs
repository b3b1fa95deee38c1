//! Matrix products of row-major matrices.
//!
//! B is packed into panels: `TILE_VECTORS` vectors wide (the last one as few as hold its columns), K-major,
//! so that a tile of C stays in registers while one panel runs past it. A is read in place, one element
//! broadcast at a time. Every element of C is one chain of additions, k = 0, 1, 2, ..., whatever tile it
//! falls into: storing and reloading between blocks of k rounds nothing.

mod driver;
mod micro;
mod narrow_gradient;
mod pack;
mod weight_gradient;

pub(super) use driver::gemm;
pub(super) use pack::{column_grain, pack, packed_len};
pub(super) use weight_gradient::gemm_tn;
