//! Panics as values: message, place and cause.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::{Arc, Once};

use crate::memory::{self, OutOfMemory};

thread_local! {
    /// The number of guarded calls that this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Place of the last panic inside a guarded call.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The payload that unwinds a unit whose run is stopping.
pub(super) struct Abandoned;

/// The value behind a panic of [`raise`].
pub type Cause = Arc<dyn Any + Send + Sync>;

/// A caught panic.
#[derive(Debug, Clone)]
pub struct Panic {
    /// The message with the place of the panic, `... (file:line)`; without a place for a panic of [`raise`].
    pub message: String,
    /// The value that [`raise`] was called with. It travels with the panic, so no other panic can replace it.
    pub cause: Option<Cause>,
    /// Whether this panic is reported even if another one came before it.
    pub is_urgent: bool,
}

impl Panic {
    pub fn new(message: impl Into<String>) -> Panic {
        Panic { message: message.into(), cause: None, is_urgent: false }
    }

    fn caused(error: OutOfMemory) -> Panic {
        Panic { message: error.to_string(), cause: Some(Arc::new(error)), is_urgent: false }
    }
}

impl PartialEq for Panic {
    fn eq(&self, other: &Panic) -> bool {
        self.message == other.message
    }
}

impl Eq for Panic {}

impl std::fmt::Display for Panic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Unwinds with a value for the caller of the run, such as an exception of another language. Nothing is printed.
pub fn raise(panic: Panic) -> ! {
    resume_unwind(Box::new(panic))
}

/// Why a guarded call did not return.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    Abandoned,
    Panicked(Panic),
}

impl Fault {
    /// Whether this fault is reported instead of `first`, which came before it: a panic, which is a defect, displaces an
    /// abandoned unit, and an urgent panic any other.
    pub fn displaces(&self, first: Option<&Fault>) -> bool {
        match (self, first) {
            (_, None) => true,
            (Fault::Abandoned, Some(_)) => false,
            (Fault::Panicked(_), Some(Fault::Abandoned)) => true,
            (Fault::Panicked(new), Some(Fault::Panicked(old))) => new.is_urgent && !old.is_urgent,
        }
    }
}

/// Runs `call`; a panic in it becomes an error instead of unwinding further, and nothing is printed. The cause of a panic for
/// want of memory is an `OutOfMemory`.
///
/// Data that `call` was changing stays as it was at the panic; the caller must discard it or know that it is consistent.
pub fn guard<R>(call: impl FnOnce() -> R) -> Result<R, Panic> {
    caught(call).map_err(|fault| match fault {
        Fault::Panicked(panic) => panic,
        Fault::Abandoned => Panic::new("a pause outside of its run"),
    })
}

/// The same for work that may `pause`.
pub(super) fn caught<R>(call: impl FnOnce() -> R) -> Result<R, Fault> {
    watch();
    DEPTH.set(DEPTH.get() + 1);
    let checked = || {
        memory::check();
        call()
    };
    let result = catch_unwind(AssertUnwindSafe(checked));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|payload| {
        if payload.is::<Abandoned>() {
            return Fault::Abandoned;
        }
        let payload = match payload.downcast::<Panic>() {
            Ok(panic) => return Fault::Panicked(*panic),
            Err(payload) => payload,
        };
        let payload = match payload.downcast::<OutOfMemory>() {
            Ok(found) => return Fault::Panicked(Panic::caused(*found)),
            Err(payload) => payload,
        };
        let message = match payload.downcast::<&'static str>() {
            Ok(text) => text.to_string(),
            Err(payload) => match payload.downcast::<String>() {
                Ok(text) => *text,
                Err(payload) => {
                    // Its destructor is foreign code and could panic outside of any guard.
                    std::mem::forget(payload);
                    "a panic without a message".to_string()
                }
            },
        };
        Fault::Panicked(Panic::new(match PLACE.take() {
            Some(place) => format!("{message} ({place})"),
            None => message,
        }))
    })
}

/// Installs a panic hook in front of the current one, once: only a hook receives the place of a panic.
fn watch() {
    static WATCHING: Once = Once::new();
    // Changing the hook while this thread unwinds would itself panic, and so abort.
    if WATCHING.is_completed() || std::thread::panicking() {
        return;
    }
    WATCHING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                before(info);
            } else {
                note(info);
            }
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
    PLACE.set(place);
}
