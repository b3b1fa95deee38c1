//! Why a run ended early, and the flag that ends it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fault::{Panic, guard};

/// Why a run ended before all its units were done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// `work` or `poll` panicked: the first panic, or an urgent one.
    Panicked(Panic),
    /// `poll` returned true.
    Cancelled,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Panicked(panic) => write!(f, "panicked: {panic}"),
            Stop::Cancelled => write!(f, "cancelled"),
        }
    }
}

impl std::error::Error for Stop {}

/// Whether a run is to end, and why. The caller and the workers of the run share it.
#[derive(Default)]
pub(super) struct StopFlag {
    /// No further unit starts, and running units end. Relaxed: a hint that may be seen late.
    stopped: AtomicBool,
    first: Mutex<Option<Stop>>,
}

impl StopFlag {
    /// Calls `poll`; returns whether the run is stopping for any reason.
    pub(super) fn poll(&self, poll: &mut dyn FnMut() -> bool) -> bool {
        match guard(poll) {
            Ok(false) => {}
            Ok(true) => self.stop(Stop::Cancelled),
            Err(panic) => self.stop(Stop::Panicked(panic)),
        }
        self.stopped()
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Ends the run. The first reason is kept, but a panic, which is a defect, displaces a cancellation, and an urgent panic
    /// any other.
    pub(super) fn stop(&self, why: Stop) {
        let mut first = self.first.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let displaces = match (&why, &*first) {
            (_, None | Some(Stop::Cancelled)) => true,
            (Stop::Panicked(new), Some(Stop::Panicked(old))) => new.is_urgent && !old.is_urgent,
            (Stop::Cancelled, Some(Stop::Panicked(_))) => false,
        };
        if displaces {
            *first = Some(why);
        }
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// How the run ended. Called when every worker has left.
    pub(super) fn outcome(self) -> Result<(), Stop> {
        match self.first.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            None => Ok(()),
            Some(stop) => Err(stop),
        }
    }
}
