//! How many threads a run uses.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The largest number of threads; more is clamped to it.
pub const MAX_THREADS: usize = 1024;

/// 0: never set, so the machine decides.
// Relaxed throughout: the number stands alone, no other memory is published with it.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Sets the number of threads of runs that start from now on, the caller's thread included. Clamped to
/// `1..=MAX_THREADS`. The team is resized by the next run that uses it.
pub fn set_num_threads(n: usize) {
    CHOSEN.store(within_limits(n), Ordering::Relaxed);
}

pub(super) fn within_limits(n: usize) -> usize {
    n.clamp(1, MAX_THREADS)
}

/// The number of threads a run may use; by default the processors this process may run on.
pub fn num_threads() -> usize {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => within_limits(processors()),
        n => n,
    }
}

/// Processors this process may run on, read once: reading takes several system calls.
pub(super) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

// Relaxed: as `CHOSEN`.
static EAGER: AtomicBool = AtomicBool::new(false);

/// Whether even the smallest work is divided among threads, which makes it slower. Results do not depend on it, which is
/// what tests use it for. Returns the previous setting.
pub fn set_eager(eager: bool) -> bool {
    EAGER.swap(eager, Ordering::Relaxed)
}

pub(super) fn is_eager() -> bool {
    EAGER.load(Ordering::Relaxed)
}
