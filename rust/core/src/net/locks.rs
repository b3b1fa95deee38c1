//! Locks whose holder may have unwound.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

/// A lock whose holder unwound: the team reports that, and what the lock holds is whole, or goes with its call.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for a lock that many readers may hold, the thread that holds it already among them: nothing writes any more.
pub fn read<T>(known: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    known.read().unwrap_or_else(PoisonError::into_inner)
}
