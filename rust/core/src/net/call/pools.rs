//! Memory that stays from call to call.

use std::sync::{Arc, Mutex, RwLock};

use crate::kernel::Float;
use crate::team::Region;
use crate::time::Scratch;

use super::super::batch::Batch;
use super::super::bptt::{Budget, Schedule, Stored};
use super::super::group::{GroupRun, Workspace};

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

/// What threads and calls have left for the next ones: as many of each as ever ran at the same time.
#[derive(Debug, Default)]
pub struct Idle<T> {
    pub scratch: Vec<Scratch<T>>,
    pub workspaces: Vec<Workspace<T>>,
    pub batches: Vec<Batch>,
    /// Of training runs, by group.
    pub runs: Vec<Vec<RwLock<GroupRun<T>>>>,
    pub stored: Vec<Stored<T>>,
    /// The last one, and what it was made for.
    pub schedule: Option<(Planned, Arc<Schedule>)>,
    /// Empty lists of what threads work in.
    pub lists: Vec<Vec<Mutex<Scratch<T>>>>,
    pub regions: Vec<Arc<Region>>,
}

/// What a schedule depends on, beside its network, where all rows have all steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub rows: usize,
    pub steps: usize,
    /// Elements that each loss takes for a packed row, with its node.
    pub losses: Vec<(usize, [usize; 2])>,
    pub budget: Budget,
    pub lanes: usize,
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
