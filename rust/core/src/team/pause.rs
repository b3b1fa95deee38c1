//! Cancellation points within a unit. A unit may take seconds, and the caller may cancel the run meanwhile.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use super::fault::Abandoned;
use super::stop::StopFlag;

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

/// Calls foreign code from within `work`: its pauses belong to no run, except to runs that it starts itself.
pub fn apart<R>(call: impl FnOnce() -> R) -> R {
    let _before = Before(CURRENT.take());
    call()
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
