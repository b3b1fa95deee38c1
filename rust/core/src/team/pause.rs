//! A question in the middle of a unit: whether the run is to go on. Units may take seconds, and who waits for them may not
//! want them any more.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use super::fault::Abandoned;
use super::job::Job;

type Poll<'a> = dyn FnMut() -> bool + 'a;

thread_local! {
    /// The innermost run that this thread does a unit of.
    static RUNNING: Cell<Option<NonNull<Running<'static, 'static>>>> = const { Cell::new(None) };
}

/// May be called within `work`, from time to time. The thread that called the run is asked by its `poll` whether to stop. In a
/// run that is stopping this does not return: the unit is left where it is, by unwinding, and what it was changing is to be
/// discarded. Outside of a run it does nothing.
pub fn pause() {
    if let Some(running) = RUNNING.get() {
        // SAFETY: `enter` takes it out of the cell before its life ends.
        unsafe { running.as_ref() }.ask();
    }
}

/// A run that this thread takes part in, and what asks its caller, on the caller's thread.
pub(super) struct Running<'j, 'p> {
    job: &'j Job<'j>,
    /// Taken out while it is called.
    poll: Cell<Option<NonNull<Poll<'p>>>>,
}

impl<'j, 'p> Running<'j, 'p> {
    /// Calls `work`, in which `pause` asks about `job`.
    pub(super) fn enter<R>(job: &'j Job<'j>, poll: Option<&mut Poll<'p>>, work: impl FnOnce() -> R) -> R {
        /// Puts the run of before back, also where `work` unwinds.
        struct Before(Option<NonNull<Running<'static, 'static>>>);

        impl Drop for Before {
            fn drop(&mut self) {
                RUNNING.set(self.0);
            }
        }

        let running = Running { job, poll: Cell::new(poll.map(NonNull::from)) };
        let _before = Before(RUNNING.replace(Some(NonNull::from(&running).cast())));
        work()
    }

    fn ask(&self) {
        if !self.job.stopped()
            && let Some(mut poll) = self.poll.take()
        {
            // SAFETY: `enter` borrowed it for as long as this is in the cell, and it is called by nobody else: not from
            // within itself, as it was taken.
            self.job.poll(unsafe { poll.as_mut() });
            self.poll.set(Some(poll));
        }
        if self.job.stopped() {
            resume_unwind(Box::new(Abandoned));
        }
    }
}
