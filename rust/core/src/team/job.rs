//! One run: the units still to be done and how it ended.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Stop;
use super::fault::{Fault, caught, guard};
use super::pause::Running;

/// The units of one run. Lives on the caller's stack and is shared with the workers by reference.
pub(super) struct Job<'a> {
    work: &'a (dyn Fn(usize, usize) + Sync),
    pub(super) units: usize,
    /// The next unit to hand out. Relaxed: only the uniqueness of each number matters here; what units read and write
    /// is ordered by the crew's mutex when a worker enters, and by `Shared::inside` when it leaves.
    next: AtomicUsize,
    /// No further unit is to begin, and those that have are to end. Relaxed: a hint that may be seen late.
    stopped: AtomicBool,
    first_stop: Mutex<Option<Stop>>,
}

impl<'a> Job<'a> {
    pub(super) fn new(units: usize, work: &'a (dyn Fn(usize, usize) + Sync)) -> Self {
        let next = AtomicUsize::new(0);
        Job { work, units, next, stopped: AtomicBool::new(false), first_stop: Mutex::new(None) }
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
        match guard(poll) {
            Ok(false) => {}
            Ok(true) => self.stop(Stop::Cancelled),
            Err(message) => self.stop(Stop::Panicked(message)),
        }
        self.stopped()
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// How the run ended. Called when every worker has left.
    pub(super) fn outcome(self) -> Result<(), Stop> {
        match self.first_stop.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            None => Ok(()),
            Some(stop) => Err(stop),
        }
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
        match caught(|| Running::enter(self, poll, || (self.work)(unit, lane))) {
            Err(Fault::Panicked(message)) => self.stop(Stop::Panicked(message)),
            // Nobody leaves a run that goes on; but a unit that was left is never one that was done.
            Err(Fault::Abandoned) if !self.stopped() => {
                self.stop(Stop::Panicked("a unit was left without a reason".to_string()));
            }
            Err(Fault::Abandoned) | Ok(()) => {}
        }
        true
    }

    /// Ends the run. The first reason is kept, but a panic, which is a defect, displaces a cancellation.
    fn stop(&self, why: Stop) {
        let mut first = self.first_stop.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !matches!(*first, Some(Stop::Panicked(_))) {
            *first = Some(why);
        }
        self.stopped.store(true, Ordering::Relaxed);
    }
}
