//! Panics as values: what was said, and where.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    /// How many guarded calls this thread is inside.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Place of the last panic inside a guarded call.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What unwinds a unit whose run is stopping.
pub(super) struct Abandoned;

/// Why a guarded call did not come to its end.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    Abandoned,
    /// Message and place.
    Panicked(String),
}

/// Runs `call`; a panic in it becomes `Err("message (file:line)")` instead of unwinding further, and nothing is printed.
///
/// What `call` was changing is left as the panic found it; the caller must discard it or know that it is whole.
pub fn guard<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    caught(call).map_err(|fault| match fault {
        Fault::Panicked(message) => message,
        Fault::Abandoned => "a pause outside of its run".to_string(),
    })
}

/// The same for work that may `pause`.
pub(super) fn caught<R>(call: impl FnOnce() -> R) -> Result<R, Fault> {
    watch();
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(call));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|payload| {
        if payload.is::<Abandoned>() {
            return Fault::Abandoned;
        }
        let message = match payload.downcast::<&'static str>() {
            Ok(text) => text.to_string(),
            Err(payload) => match payload.downcast::<String>() {
                Ok(text) => *text,
                Err(payload) => {
                    // Its destructor is a stranger's code and could panic outside of any guard.
                    std::mem::forget(payload);
                    "a panic without a message".to_string()
                }
            },
        };
        Fault::Panicked(match PLACE.take() {
            Some(place) => format!("{message} ({place})"),
            None => message,
        })
    })
}

/// Puts a panic hook before the present one, once: only a hook is told the place of a panic.
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
