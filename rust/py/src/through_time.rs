//! The BPTT mode of a call, and the plan of checkpointed BPTT.

use ostinato_core::net::{Budget, GroupSchedule, Schedule, ThroughTime};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// How a gradient is propagated through time. The static methods make it.
#[pyclass(name = "ThroughTime", module = "ostinato._core", frozen)]
pub struct PyThroughTime {
    pub inner: ThroughTime,
}

#[pymethods]
impl PyThroughTime {
    #[staticmethod]
    fn full() -> PyThroughTime {
        PyThroughTime { inner: ThroughTime::Full }
    }

    #[staticmethod]
    fn truncated(k1: usize, k2: usize) -> PyThroughTime {
        PyThroughTime { inner: ThroughTime::Truncated { every: k1, back: k2 } }
    }

    #[staticmethod]
    fn checkpointed(budget: &PyBudget) -> PyThroughTime {
        PyThroughTime { inner: ThroughTime::Checkpointed(budget.inner) }
    }

    fn __repr__(&self) -> String {
        match self.inner {
            ThroughTime::Full => "ThroughTime.full()".into(),
            ThroughTime::Truncated { every, back } => format!("ThroughTime.truncated({every}, {back})"),
            ThroughTime::Checkpointed(budget) => format!("ThroughTime.checkpointed({})", text(budget)),
        }
    }
}

/// The memory of checkpointed BPTT. The static methods make it.
#[pyclass(name = "Budget", module = "ostinato._core", frozen)]
pub struct PyBudget {
    pub inner: Budget,
}

#[pymethods]
impl PyBudget {
    #[staticmethod]
    fn bytes(count: usize) -> PyBudget {
        PyBudget { inner: Budget::Bytes(count) }
    }

    #[staticmethod]
    fn share(millionths: usize) -> PyBudget {
        PyBudget { inner: Budget::Share(millionths) }
    }

    #[staticmethod]
    fn square_root() -> PyBudget {
        PyBudget { inner: Budget::SquareRoot }
    }

    fn __repr__(&self) -> String {
        text(self.inner)
    }
}

fn text(budget: Budget) -> String {
    match budget {
        Budget::Bytes(count) => format!("Budget.bytes({count})"),
        Budget::Share(millionths) => format!("Budget.share({millionths})"),
        Budget::SquareRoot => "Budget.square_root()".into(),
    }
}

/// The plan of checkpointed BPTT by name.
pub fn plan_dict<'py>(py: Python<'py>, plan: &Schedule) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let most = |of: fn(&GroupSchedule) -> usize| plan.groups.iter().map(of).max().unwrap_or(0);
    dict.set_item("segments", plan.groups.iter().map(|group| group.segment).collect::<Vec<_>>())?;
    for (name, count) in [
        ("states", most(|group| group.states)),
        ("kept", most(|group| group.kept)),
        ("row_groups", plan.at_once),
        ("bytes", plan.bytes),
        ("full_bytes", plan.full_bytes),
        ("total", plan.total),
        ("again", plan.again()),
    ] {
        dict.set_item(name, count)?;
    }
    Ok(dict)
}
