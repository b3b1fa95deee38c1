//! Locks whose holder may have panicked.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

/// Locks a mutex, even if an earlier holder panicked: the thread team reports the panic, and the protected data is either
/// intact or dropped with its call.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for reading a lock that many readers hold, possibly including this thread: nothing writes to it any more.
pub fn read<T>(known: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    known.read().unwrap_or_else(PoisonError::into_inner)
}
