//! Requests that may fail.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::panic::resume_unwind;

use super::pages;

/// Below this many bytes, the reserve has room.
const LARGE: usize = 1 << 20;

thread_local! {
    /// Whether this thread is in a request that may fail, so that the reserve is left alone.
    static FALLIBLE: Cell<bool> = const { Cell::new(false) };
}

/// The payload that unwinds when memory runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// The size of the request; 0 for many small ones.
    pub bytes: usize,
}

impl std::fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.bytes {
            0 => {
                f.write_str("out of memory; use fewer rows, steps or layers per call, or end other programs")
            }
            bytes => {
                let gigabytes = bytes as f64 / 1e9;
                write!(f, "out of memory: {gigabytes:.3} GB requested; use fewer rows or steps per call")
            }
        }
    }
}

impl std::error::Error for OutOfMemory {}

/// Unwinds because `bytes` could not be allocated.
#[cold]
pub fn out_of_memory(bytes: usize) -> ! {
    resume_unwind(Box::new(OutOfMemory { bytes }))
}

/// Whether the request that failed on this thread is one that may fail.
pub(super) fn is_fallible() -> bool {
    FALLIBLE.get()
}

/// Calls `request`, whose allocations may fail.
pub(super) fn fallible<R>(request: impl FnOnce() -> R) -> R {
    let before = FALLIBLE.replace(true);
    let result = request();
    FALLIBLE.set(before);
    result
}

/// Unwinds if `bytes` are not there now. For work that allocates many pieces, each of them small.
pub fn ensure(bytes: usize) {
    if bytes < LARGE {
        return;
    }
    let found = || {
        let Ok(layout) = Layout::from_size_align(bytes, 1) else { return false };
        // SAFETY: the size is not 0; an allocation that nothing uses is left out by the compiler.
        let probe = unsafe { black_box(System.alloc(layout)) };
        let found = !probe.is_null();
        if found {
            // SAFETY: allocated above.
            unsafe { System.dealloc(probe, layout) };
        }
        found
    };
    if !(found() || pages::release() && found()) {
        out_of_memory(bytes);
    }
}
