//! Scratch that a network keeps from call to call.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kernel::Float;
use crate::time::Scratch;

/// Idle scratch of a network, by number type. A clone of a network begins with none.
#[derive(Debug, Default)]
pub struct Pools {
    single: Mutex<Vec<Scratch<f32>>>,
    double: Mutex<Vec<Scratch<f64>>>,
}

impl Clone for Pools {
    fn clone(&self) -> Pools {
        Pools::default()
    }
}

/// A number type with a pool of its own.
pub trait Pooled: Float {
    fn pool(pools: &Pools) -> &Mutex<Vec<Scratch<Self>>>;
}

impl Pooled for f32 {
    fn pool(pools: &Pools) -> &Mutex<Vec<Scratch<f32>>> {
        &pools.single
    }
}

impl Pooled for f64 {
    fn pool(pools: &Pools) -> &Mutex<Vec<Scratch<f64>>> {
        &pools.double
    }
}

/// Scratch for each thread that may take part in a call; it returns to the pool with the call's end.
pub struct Lanes<'a, T: Pooled> {
    pools: &'a Pools,
    lanes: Vec<Mutex<Scratch<T>>>,
}

impl<'a, T: Pooled> Lanes<'a, T> {
    pub fn new(pools: &'a Pools, count: usize) -> Lanes<'a, T> {
        let mut idle = lock(T::pool(pools));
        let lanes = (0..count).map(|_| Mutex::new(idle.pop().unwrap_or_else(Scratch::new))).collect();
        Lanes { pools, lanes }
    }

    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    pub fn lane(&self, lane: usize) -> MutexGuard<'_, Scratch<T>> {
        lock(&self.lanes[lane])
    }
}

impl<T: Pooled> Drop for Lanes<'_, T> {
    fn drop(&mut self) {
        let used = self.lanes.drain(..).map(|lane| lane.into_inner().unwrap_or_else(PoisonError::into_inner));
        // the first lane did the most: it is the first to be taken again
        let used: Vec<Scratch<T>> = used.collect();
        lock(T::pool(self.pools)).extend(used.into_iter().rev());
    }
}

/// A lock whose holder panicked still holds whole values: the panic is reported by the team.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
