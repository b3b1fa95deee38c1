//! One run: its remaining units, and how it ended.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::fault::{Fault, Panic, caught};
use super::pause::CurrentRun;
use super::stop::{Stop, StopFlag};

/// The units of one run. It is on the caller's stack, and workers borrow it.
pub(super) struct Job<'a> {
    work: &'a (dyn Fn(usize, usize) + Sync),
    pub(super) units: usize,
    /// The next unit to run. Relaxed: only the uniqueness of each number matters here; what units read and write
    /// is ordered by the crew's mutex when a worker enters, and by `Shared::inside` when it leaves.
    next: AtomicUsize,
    flag: StopFlag,
}

impl<'a> Job<'a> {
    pub(super) fn new(units: usize, work: &'a (dyn Fn(usize, usize) + Sync)) -> Self {
        Job { work, units, next: AtomicUsize::new(0), flag: StopFlag::default() }
    }

    /// Runs units until none is left, on the calling thread: in lane 0, with a poll between two units and at each pause.
    pub(super) fn lead(&self, poll: &mut dyn FnMut() -> bool) {
        while self.one(0, Some(poll)) && self.has_more() && !self.poll(poll) {}
    }

    /// Runs units until none is left, on a worker.
    pub(super) fn follow(&self, lane: usize) {
        while self.one(lane, None) {}
    }

    /// Calls `poll`; returns whether the run is stopping for any reason.
    pub(super) fn poll(&self, poll: &mut dyn FnMut() -> bool) -> bool {
        self.flag.poll(poll)
    }

    pub(super) fn stopped(&self) -> bool {
        self.flag.stopped()
    }

    /// How the run ended. Called when every worker has left.
    pub(super) fn outcome(self) -> Result<(), Stop> {
        self.flag.outcome()
    }

    fn has_more(&self) -> bool {
        !self.stopped() && self.next.load(Ordering::Relaxed) < self.units
    }

    /// Runs the next unit; returns false if there is none. `poll` is for its pauses.
    fn one(&self, lane: usize, poll: Option<&mut dyn FnMut() -> bool>) -> bool {
        if self.stopped() {
            return false;
        }
        let unit = self.next.fetch_add(1, Ordering::Relaxed);
        if unit >= self.units {
            return false;
        }
        match caught(|| CurrentRun::enter(&self.flag, poll, || (self.work)(unit, lane))) {
            Err(Fault::Panicked(panic)) => self.flag.stop(Stop::Panicked(panic)),
            // A unit is abandoned only in a run that is stopping; anything else is a defect, as the unit is not done.
            Err(Fault::Abandoned) if !self.stopped() => {
                self.flag.stop(Stop::Panicked(Panic::new(
                    "a unit was abandoned although the run is not stopping",
                )));
            }
            Err(Fault::Abandoned) | Ok(()) => {}
        }
        true
    }
}
