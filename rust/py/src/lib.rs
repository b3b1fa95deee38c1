//! `ostinato._core`: convert, release the GIL, call the core once, convert.

use pyo3::prelude::*;

#[pymodule]
mod _core {}
