//! How a gradient goes back through time, as Python names it, and the plan of checkpointed BPTT.

use ostinato_core::net::{Budget, GroupSchedule, Schedule, ThroughTime};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{ConfigError, Raised};

/// A way as Python gives it: a name and its numbers.
pub type Way = (String, usize, usize);

/// What the core calls it.
pub fn way(given: &Way) -> Result<ThroughTime, Raised> {
    match (given.0.as_str(), given.1, given.2) {
        ("full", ..) => Ok(ThroughTime::Full),
        ("truncated", every, back) => Ok(ThroughTime::Truncated { every, back }),
        ("checkpointed", bytes, _) => Ok(ThroughTime::Checkpointed(Budget::Bytes(bytes))),
        ("share", millionths, _) => Ok(ThroughTime::Checkpointed(Budget::Share(millionths))),
        ("sqrt", ..) => Ok(ThroughTime::Checkpointed(Budget::SquareRoot)),
        (other, ..) => {
            let text = format!(
                "through_time is {other:?}; expected \"full\", \"truncated\", \"checkpointed\", \"share\" or \"sqrt\""
            );
            Err(ConfigError::new_err(text).into())
        }
    }
}

/// The plan of checkpointed BPTT by name.
pub fn plan_dict<'py>(py: Python<'py>, plan: &Schedule) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let most = |of: fn(&GroupSchedule) -> usize| plan.groups.iter().map(of).max().unwrap_or(0);
    dict.set_item("chunks", plan.groups.iter().map(|group| group.segment).collect::<Vec<_>>())?;
    for (name, count) in [
        ("states", most(|group| group.states)),
        ("kept", most(|group| group.kept)),
        ("at_once", plan.at_once),
        ("bytes", plan.bytes),
        ("full_bytes", plan.full_bytes),
        ("total", plan.total),
        ("again", plan.again()),
    ] {
        dict.set_item(name, count)?;
    }
    Ok(dict)
}
