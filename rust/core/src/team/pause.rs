//! Cancellation points within a unit. A unit may take seconds, and the caller may cancel the run meanwhile.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use super::fault::{Abandoned, Fault, Panic, caught};
use super::stop::{Stop, StopFlag};

type Poll<'a> = dyn FnMut() -> bool + 'a;

thread_local! {
    /// The innermost run of which this thread runs a unit.
    static CURRENT: Cell<Option<NonNull<CurrentRun<'static, 'static>>>> = const { Cell::new(None) };
}

/// A cancellation point: `work` may call it at any time. On the thread that started the run, it calls `poll`. If the run is
/// stopping, it does not return: it unwinds, and everything that the unit was changing must be discarded. So the caller must
/// not hold a lock that another run takes. Outside of a run it does nothing.
pub fn pause() {
    if look() {
        resume_unwind(Box::new(Abandoned));
    }
}

/// The same for callers that must not unwind: returns whether the run is stopping.
pub(super) fn look() -> bool {
    // SAFETY: `enter` removes it from the cell before its lifetime ends.
    CURRENT.get().is_some_and(|current| unsafe { current.as_ref() }.is_stopping())
}

/// Pauses in work on many elements: one about every `PAUSE_EVERY` of them.
#[derive(Debug, Default)]
pub struct Pauses(usize);

/// Copying as many elements takes some tens of microseconds; twenty times that where the memory is new.
const PAUSE_EVERY: usize = 1 << 16;

impl Pauses {
    /// Counts elements of finished work. As [`pause()`], it may unwind.
    pub fn after(&mut self, elements: usize) {
        self.0 += elements;
        if self.0 >= PAUSE_EVERY {
            self.0 = 0;
            pause();
        }
    }
}

/// Returns a poll that returns whether the present run of this thread is stopping; outside of a run it is always false.
///
/// # Safety
/// The poll is called only on this thread, while the unit that this thread runs now has not returned.
pub(super) unsafe fn poll_of_this_run() -> impl FnMut() -> bool {
    let current = CURRENT.get();
    // SAFETY: the unit is within `enter`, which keeps the run alive; the rest is the caller's guarantee.
    move || current.is_some_and(|current| unsafe { current.as_ref() }.is_stopping())
}

/// Calls foreign code from within `work`: its pauses belong to no run, except to runs that it starts itself.
pub fn apart<R>(call: impl FnOnce() -> R) -> R {
    let _before = Before(CURRENT.take());
    call()
}

/// Calls `work` on this thread; it ends at its next [`pause`] when `poll` returns true.
pub fn alone<R>(work: impl FnOnce() -> R, poll: &mut dyn FnMut() -> bool) -> Result<R, Stop> {
    let flag = StopFlag::default();
    match caught(|| CurrentRun::enter(&flag, Some(poll), work)) {
        Ok(result) => return Ok(result),
        Err(Fault::Panicked(panic)) => flag.stop(Stop::Panicked(panic)),
        Err(Fault::Abandoned) if !flag.stopped() => {
            flag.stop(Stop::Panicked(Panic::new("a pause of another run")));
        }
        Err(Fault::Abandoned) => {}
    }
    Err(flag.outcome().err().unwrap_or(Stop::Cancelled))
}

/// A run of which this thread runs a unit; on the caller's thread, with the caller's poll.
pub(super) struct CurrentRun<'f, 'p> {
    flag: &'f StopFlag,
    poll: Option<NonNull<Poll<'p>>>,
}

/// Restores the previous run when dropped, also during unwinding.
struct Before(Option<NonNull<CurrentRun<'static, 'static>>>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl<'f, 'p> CurrentRun<'f, 'p> {
    /// Calls `work`, in which `pause` refers to the run of `flag`.
    pub(super) fn enter<R>(flag: &'f StopFlag, poll: Option<&mut Poll<'p>>, work: impl FnOnce() -> R) -> R {
        let current = CurrentRun { flag, poll: poll.map(NonNull::from) };
        let _before = Before(CURRENT.replace(Some(NonNull::from(&current).cast())));
        work()
    }

    fn is_stopping(&self) -> bool {
        if !self.flag.stopped()
            && let Some(mut poll) = self.poll
        {
            // SAFETY: `enter` borrowed it for as long as this run is in the cell, and `poll` cannot call itself, as `apart`
            // empties the cell meanwhile.
            apart(|| self.flag.poll(unsafe { poll.as_mut() }));
        }
        self.flag.stopped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_alone_ends_at_a_pause_when_polled() {
        let (mut polls, mut done) = (0, 0);
        let ended = alone(
            || {
                for _ in 0..10 {
                    pause();
                    done += 1;
                }
            },
            &mut || {
                polls += 1;
                polls == 4
            },
        );
        assert_eq!((ended, done), (Err(Stop::Cancelled), 3));
        assert_eq!(alone(|| 7, &mut || true), Ok(7), "work without a pause");
        pause();
    }

    #[test]
    fn a_panic_alone_is_reported_and_the_outer_work_goes_on() {
        let inner = || alone(|| panic!("within"), &mut || false);
        let outer = alone(|| (inner(), pause()), &mut || false).map(|(ended, ())| ended);
        assert!(matches!(outer, Ok(Err(Stop::Panicked(panic))) if panic.message.starts_with("within")));
        let poll_panics = alone(pause, &mut || panic!("in the poll"));
        assert!(
            matches!(poll_panics, Err(Stop::Panicked(panic)) if panic.message.starts_with("in the poll"))
        );
    }
}
