//! Questions in the middle of a unit: whether the run is to go on. Units may take seconds, and who waits for them may not want
//! them any more.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use super::fault::Abandoned;
use super::stop::StopFlag;

type Poll<'a> = dyn FnMut() -> bool + 'a;

thread_local! {
    /// The innermost run that this thread does a unit of.
    static RUNNING: Cell<Option<NonNull<Running<'static, 'static>>>> = const { Cell::new(None) };
}

/// May be called within `work`, from time to time. On the thread that called the run its `poll` is asked whether to stop. In a
/// run that is stopping this does not return: the unit is left where it is, by unwinding, and what it was changing is to be
/// discarded. So no lock may be held that another run takes. Outside of a run it does nothing.
pub fn pause() {
    if look() {
        resume_unwind(Box::new(Abandoned));
    }
}

/// The same for who may not unwind: whether the run is stopping.
pub(super) fn look() -> bool {
    // SAFETY: `enter` takes it out of the cell before its life ends.
    RUNNING.get().is_some_and(|running| unsafe { running.as_ref() }.is_stopping())
}

/// Calls a stranger's code from within `work`: what pauses in it is of no run, but of those that it begins itself.
pub fn apart<R>(call: impl FnOnce() -> R) -> R {
    let _before = Before(RUNNING.take());
    call()
}

/// A run that this thread takes part in, and what asks its caller, on the caller's thread.
pub(super) struct Running<'f, 'p> {
    flag: &'f StopFlag,
    poll: Option<NonNull<Poll<'p>>>,
}

/// Puts the run of before back, also where something unwinds.
struct Before(Option<NonNull<Running<'static, 'static>>>);

impl Drop for Before {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

impl<'f, 'p> Running<'f, 'p> {
    /// Calls `work`, in which `pause` asks about the run of `flag`.
    pub(super) fn enter<R>(flag: &'f StopFlag, poll: Option<&mut Poll<'p>>, work: impl FnOnce() -> R) -> R {
        let running = Running { flag, poll: poll.map(NonNull::from) };
        let _before = Before(RUNNING.replace(Some(NonNull::from(&running).cast())));
        work()
    }

    fn is_stopping(&self) -> bool {
        if !self.flag.stopped()
            && let Some(mut poll) = self.poll
        {
            // SAFETY: `enter` borrowed it for as long as this is known, and it does not come here again from within itself, as
            // nobody knows of this run meanwhile.
            apart(|| self.flag.poll(unsafe { poll.as_mut() }));
        }
        self.flag.stopped()
    }
}
