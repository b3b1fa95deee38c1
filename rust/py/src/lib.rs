//! `ostinato._core`: convert, release the GIL, call the core once, convert.
//!
//! Every entry runs under `team::guard`: a panic becomes `ostinato.errors.InternalError`, never Python's
//! `PanicException`. What is read of an array is copied before the GIL is released.

mod arrays;
mod called;
mod decode;
mod dtype;
mod errors;
mod given;
mod losses;
mod model;
mod network;
mod poller;
mod prepared;
mod program;
mod results;
mod run;
mod steps;
mod stream;
mod system;
mod through_time;
mod update;

use ostinato_core::memory::{self, Allocator};
use pyo3::prelude::*;

/// With a reserve behind the system's memory: running out of memory is a MemoryError, not the end of the process.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::decode::{PyMethod, token_log_probs};
    #[pymodule_export]
    use crate::given::PyGiven;
    #[pymodule_export]
    use crate::losses::{PyLosses, PyOutputLoss};
    #[pymodule_export]
    use crate::model::{load_model, save_model};
    #[pymodule_export]
    use crate::network::PyNetwork;
    #[pymodule_export]
    use crate::program::{PyProgram, PyProgramBuilder, op_names};
    #[pymodule_export]
    use crate::run::PyRun;
    #[pymodule_export]
    use crate::steps::PySteps;
    #[pymodule_export]
    use crate::stream::PyStream;
    #[pymodule_export]
    use crate::system::{
        cache_sizes, fma_peak_gflops, get_num_threads, instruction_set, instruction_sets, set_eager,
        set_memory_reserve, set_num_threads,
    };
    #[pymodule_export]
    use crate::through_time::{PyBudget, PyThroughTime};
    #[pymodule_export]
    use crate::update::{PyPlannedStep, PyUpdate, elementwise_op_names, sum_of_squares};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::memory::prepare();
        crate::errors::prepare(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
