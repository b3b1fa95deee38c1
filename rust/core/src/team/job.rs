//! One run: the units still to be done and how it ended.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::fault::{Fault, Panic, caught};
use super::pause::Running;
use super::stop::{Stop, StopFlag};

/// The units of one run. Lives on the caller's stack and is shared with the workers by reference.
pub(super) struct Job<'a> {
    work: &'a (dyn Fn(usize, usize) + Sync),
    pub(super) units: usize,
    /// The next unit to hand out. Relaxed: only the uniqueness of each number matters here; what units read and write
    /// is ordered by the crew's mutex when a worker enters, and by `Shared::inside` when it leaves.
    next: AtomicUsize,
    flag: StopFlag,
}

impl<'a> Job<'a> {
    pub(super) fn new(units: usize, work: &'a (dyn Fn(usize, usize) + Sync)) -> Self {
        Job { work, units, next: AtomicUsize::new(0), flag: StopFlag::default() }
    }

    /// Takes units until none is left, as the calling thread does: in lane 0, with a poll between two and at each pause.
    pub(super) fn lead(&self, poll: &mut dyn FnMut() -> bool) {
        while self.one(0, Some(poll)) && self.has_more() && !self.poll(poll) {}
    }

    /// Takes units until none is left, as a worker does.
    pub(super) fn follow(&self, lane: usize) {
        while self.one(lane, None) {}
    }

    /// Asks `poll` whether to stop; true when the run is stopping for any reason.
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

    /// Does the next unit; false when there is none. `poll` is for its pauses.
    fn one(&self, lane: usize, poll: Option<&mut dyn FnMut() -> bool>) -> bool {
        if self.stopped() {
            return false;
        }
        let unit = self.next.fetch_add(1, Ordering::Relaxed);
        if unit >= self.units {
            return false;
        }
        match caught(|| Running::enter(&self.flag, poll, || (self.work)(unit, lane))) {
            Err(Fault::Panicked(panic)) => self.flag.stop(Stop::Panicked(panic)),
            // Nobody leaves a run that goes on; but a unit that was left is never one that was done.
            Err(Fault::Abandoned) if !self.stopped() => {
                self.flag.stop(Stop::Panicked(Panic::new("a unit was left without a reason")));
            }
            Err(Fault::Abandoned) | Ok(()) => {}
        }
        true
    }
}
