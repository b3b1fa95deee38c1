//! Memory that a network keeps from call to call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::kernel::{Float, FlushDenormals};
use crate::team::{self, Region};
use crate::time::{LayerWeights, Scratch, SlotGradients, Spare};

use super::batch::Batch;
use super::call::{Packed, Poll, States};
use super::checkpointed::Stored;
use super::graph::NetError;
use super::penalty::Terms;
use super::schedule::{Planned, Schedule};
use super::unit::UnitRun;

/// Idle memory of a network, by number type. A clone of a network begins with none.
#[derive(Debug, Default)]
pub struct Pools {
    single: Mutex<Idle<f32>>,
    double: Mutex<Idle<f64>>,
}

impl Clone for Pools {
    fn clone(&self) -> Pools {
        Pools::default()
    }
}

/// What threads and calls have left for the next ones: as many of each as ever ran at once.
#[derive(Debug, Default)]
pub struct Idle<T> {
    scratch: Vec<Scratch<T>>,
    kept: Vec<Kept<T>>,
    pub(super) batches: Vec<Batch>,
    /// Of runs with a way back, by unit.
    pub(super) runs: Vec<Vec<RwLock<UnitRun<T>>>>,
    pub(super) stored: Vec<Stored<T>>,
    /// The last one, and what it was made for.
    pub(super) schedule: Option<(Planned, Arc<Schedule>)>,
    /// Empty lists of what threads work in.
    lists: Vec<Vec<Mutex<Scratch<T>>>>,
    regions: Vec<Arc<Region>>,
}

/// Memory of one call.
#[derive(Debug)]
pub struct Kept<T> {
    pub weights: Vec<LayerWeights<T>>,
    /// Those of the loss.
    pub loss: Option<LayerWeights<T>>,
    pub spare: Spare<T>,
    /// By group of units, by layer.
    pub slots: Vec<Mutex<Vec<SlotGradients<T>>>>,
    /// By unit.
    pub terms: Vec<Terms>,
    /// The loss of each unit, where no gradient is wanted.
    pub losses: Vec<f64>,
    pub packed: Vec<Packed<T>>,
    pub states: Vec<States<T>>,
}

impl<T: Pooled> Kept<T> {
    /// What a call before has left, or nothing.
    pub fn of(pools: &Pools) -> Kept<T> {
        lock(T::pool(pools)).kept.pop().unwrap_or_else(|| Kept {
            weights: Vec::new(),
            loss: None,
            spare: Spare::new(),
            slots: Vec::new(),
            terms: Vec::new(),
            losses: Vec::new(),
            packed: Vec::new(),
            states: Vec::new(),
        })
    }

    /// Leaves it for another call.
    pub fn leave(self, pools: &Pools) {
        lock(T::pool(pools)).kept.push(self);
    }

    /// An empty vector with room for `len` elements for each of so many units.
    pub fn packed(&mut self, lens: impl Iterator<Item = usize>) -> Packed<T> {
        let mut packed = self.packed.pop().unwrap_or_default();
        packed.extend(lens.map(|len| Mutex::new(self.spare.vector(len))));
        packed
    }

    /// Takes back what `packed` gave.
    pub fn keep_packed(&mut self, mut packed: Packed<T>) {
        for one in packed.drain(..) {
            self.spare.keep(one.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        self.packed.push(packed);
    }

    pub fn keep_states(&mut self, mut states: States<T>) {
        states.drain(..).for_each(|unit| self.spare.keep_list(unit));
        self.states.push(states);
    }
}

/// A number type with a pool of its own.
pub trait Pooled: Float {
    fn pool(pools: &Pools) -> &Mutex<Idle<Self>>;
}

impl Pooled for f32 {
    fn pool(pools: &Pools) -> &Mutex<Idle<f32>> {
        &pools.single
    }
}

impl Pooled for f64 {
    fn pool(pools: &Pools) -> &Mutex<Idle<f64>> {
        &pools.double
    }
}

/// Scratch for each thread that may take part in a run of so many units, and regions for units that several threads share;
/// it returns to the pool with the run's end, but for that of a thread that left a unit in the middle.
pub struct Lanes<'a, T: Pooled> {
    pools: &'a Pools,
    lanes: Vec<Mutex<Scratch<T>>>,
    regions: Vec<Arc<Region>>,
    units: usize,
}

impl<'a, T: Pooled> Lanes<'a, T> {
    /// `shared`: whether threads are to stand by the last units if those are fewer.
    pub fn new(pools: &'a Pools, count: usize, units: usize, shared: bool) -> Lanes<'a, T> {
        let mut idle = lock(T::pool(pools));
        let mut lanes = idle.lists.pop().unwrap_or_default();
        let lane = |_| Mutex::new(idle.scratch.pop().unwrap_or_else(Scratch::new));
        lanes.extend((0..count).map(lane));
        let mut region = |parts| {
            let found = idle.regions.iter().position(|region| region.parts() == parts);
            found.map_or_else(|| Arc::new(Region::new(parts)), |at| idle.regions.swap_remove(at))
        };
        let threads = if shared { count } else { 1 };
        let regions = team::regions_of(threads, units).map(&mut region).collect();
        Lanes { pools, lanes, regions, units }
    }

    /// Runs `one` for every unit, with the scratch of its thread.
    pub fn work(&self, poll: Poll, one: &(dyn Fn(usize, &mut Scratch<T>) + Sync)) -> Result<(), NetError> {
        let guarded = |unit: usize, lane: usize, region: Option<&Arc<Region>>| {
            let _flush = FlushDenormals::new();
            let mut scratch = lock(&self.lanes[lane]);
            scratch.region = region.cloned();
            one(unit, &mut scratch);
            scratch.region = None;
        };
        Ok(team::run_shared(self.lanes.len(), self.units, &self.regions, &guarded, poll)?)
    }
}

impl<T: Pooled> Drop for Lanes<'_, T> {
    fn drop(&mut self) {
        let mut idle = lock(T::pool(self.pools));
        // the first lane did the most: it is the first to be taken again
        while let Some(lane) = self.lanes.pop() {
            // poisoned where a unit was left in the middle, with memory lent out
            idle.scratch.extend(lane.into_inner());
        }
        idle.lists.push(std::mem::take(&mut self.lanes));
        idle.regions.append(&mut self.regions);
    }
}

/// A lock whose holder unwound: that is reported by the team, and what the lock holds is whole, or goes with its call.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for a lock that many may hold who read, the thread that holds it already among them: nobody writes any more.
pub fn read<T>(known: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    known.read().unwrap_or_else(PoisonError::into_inner)
}
