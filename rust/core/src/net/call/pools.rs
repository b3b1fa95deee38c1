//! Memory that is reused between calls.

use std::sync::{Arc, Mutex, RwLock};

use crate::kernel::Float;
use crate::team::Region;
use crate::time::Scratch;

use super::super::batch::Batch;
use super::super::bptt::{Budget, Schedule, SegmentStore};
use super::super::group::{GroupRun, Workspace};

/// Idle memory of a network, by number type. A clone of a network starts without any.
#[derive(Debug, Default)]
pub struct Pools {
    single: Mutex<IdleMemory<f32>>,
    double: Mutex<IdleMemory<f64>>,
}

impl Clone for Pools {
    fn clone(&self) -> Pools {
        Pools::default()
    }
}

/// Memory that threads and calls left for later ones: as much of each kind as was ever used at the same time.
#[derive(Debug, Default)]
pub struct IdleMemory<T> {
    pub scratch: Vec<Scratch<T>>,
    pub workspaces: Vec<Workspace<T>>,
    pub batches: Vec<Batch>,
    /// Forward runs of training, by group.
    pub runs: Vec<Vec<RwLock<GroupRun<T>>>>,
    pub stored: Vec<SegmentStore<T>>,
    /// The last schedule, and the key that it was computed for.
    pub schedule: Option<(ScheduleKey, Arc<Schedule>)>,
    /// Empty lists of scratch.
    pub lists: Vec<Vec<Mutex<Scratch<T>>>>,
    pub regions: Vec<Arc<Region>>,
}

/// All that a schedule depends on, besides its network, if all rows have all steps.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleKey {
    pub rows: usize,
    pub steps: usize,
    /// Elements that each loss uses per packed row, with its node.
    pub losses: Vec<(usize, [usize; 2])>,
    pub budget: Budget,
    pub lanes: usize,
}

/// A number type that has its own pool.
pub trait Pooled: Float {
    fn pool(pools: &Pools) -> &Mutex<IdleMemory<Self>>;
}

impl Pooled for f32 {
    fn pool(pools: &Pools) -> &Mutex<IdleMemory<f32>> {
        &pools.single
    }
}

impl Pooled for f64 {
    fn pool(pools: &Pools) -> &Mutex<IdleMemory<f64>> {
        &pools.double
    }
}
