//! Threads and instruction sets.

use ostinato_core::kernel::{Caches, Isa};
use ostinato_core::memory;
use ostinato_core::team;
use pyo3::prelude::*;

use crate::errors::{ConfigError, entry};

/// Sets the number of threads that calls may use, the calling one included.
#[pyfunction]
pub fn set_num_threads(n: i64) -> PyResult<()> {
    match usize::try_from(n) {
        Ok(n) if (1..=team::MAX_THREADS).contains(&n) => {
            team::set_num_threads(n);
            Ok(())
        }
        _ => Err(ConfigError::new_err(format!("n is {n}; expected 1 to {}", team::MAX_THREADS))),
    }
}

#[pyfunction]
pub fn get_num_threads() -> usize {
    team::num_threads()
}

/// Whether threads share even work that is faster on one: for tests that results do not depend on them. Returns what was
/// set before.
#[pyfunction]
pub fn set_eager(eager: bool) -> bool {
    team::set_eager(eager)
}

/// Changes the bytes of the reserve for what is allocated in small pieces when memory runs out: for tests that what is large
/// is not taken from it. Returns what was set before.
#[pyfunction]
pub fn set_memory_reserve(bytes: usize) -> usize {
    memory::set_block(bytes)
}

/// The instruction set in use: the best that the machine has, or the one that OSTINATO_ISA names.
#[pyfunction]
pub fn instruction_set() -> PyResult<&'static str> {
    Isa::active().map(Isa::name).map_err(ConfigError::new_err)
}

/// All instruction sets that this machine has.
#[pyfunction]
pub fn instruction_sets() -> Vec<&'static str> {
    Isa::available().into_iter().map(Isa::name).collect()
}

/// Bytes of the caches of a core, from the first to the third: those of the machine, or those that OSTINATO_CACHE names.
#[pyfunction]
pub fn cache_sizes() -> PyResult<(usize, usize, usize)> {
    Caches::active().map(|Caches { l1, l2, l3 }| (l1, l2, l3)).map_err(ConfigError::new_err)
}

/// Billions of float32 operations per second that one thread reaches in fused multiply-adds held in registers.
#[pyfunction]
pub fn fma_peak_gflops(py: Python<'_>) -> PyResult<f64> {
    let isa = Isa::active().map_err(ConfigError::new_err)?;
    entry(|| Ok(py.detach(|| ostinato_core::kernel::fma_peak_gflops(isa))))
}
