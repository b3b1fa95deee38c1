//! Signals while the engine works.

use std::time::{Duration, Instant};

use ostinato_core::kernel::KeepDenormals;
use ostinato_core::net::NetError;
use ostinato_core::team::{self, Panic};
use pyo3::prelude::*;

use crate::errors::{Raised, panicked};

/// The time between two checks for signals.
const INTERVAL: Duration = Duration::from_millis(40);

/// Checks for signals during a call, and keeps the exception that one raised.
#[derive(Default)]
pub struct Poller {
    last: Option<Instant>,
    raised: Option<PyErr>,
}

impl Poller {
    /// True if the call should end.
    pub fn poll(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if due && self.raised.is_none() {
            // the first poll only starts the clock: a call shorter than the interval never waits for the GIL
            if self.last.is_some() {
                let _numbers = KeepDenormals::new(); // handlers may compute
                self.raised = Python::attach(|py| py.check_signals().err());
            }
            self.last = Some(Instant::now());
        }
        self.raised.is_some()
    }

    /// The result of the call, or the exception that ended it.
    pub fn result<R>(self, done: Result<Result<R, NetError>, Panic>) -> Result<R, Raised> {
        match (done, self.raised) {
            (Ok(Ok(result)), None) => Ok(result),
            (_, Some(raised)) => Err(raised.into()),
            (Ok(Err(error)), None) => Err(error.into()),
            (Err(panic), None) => Err(panicked(panic).into()),
        }
    }
}

/// Calls `work` without the GIL; signals end it at its next `team::pause`.
pub fn watched<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> Result<R, Raised> {
    let mut poller = Poller::default();
    let done = py.detach(|| team::alone(work, &mut || poller.poll()));
    poller.result(Ok(done.map_err(NetError::from)))
}

/// The same with the GIL, for work on Python's objects.
pub fn attended<R>(work: impl FnOnce() -> Result<R, Raised>) -> Result<R, Raised> {
    let mut poller = Poller::default();
    let done = team::alone(work, &mut || poller.poll());
    poller.result(Ok(done.map_err(NetError::from)))?
}
