//! The threads that share the row groups of a call, each with its own scratch.

use std::sync::{Arc, Mutex};

use crate::kernel::FlushDenormals;
use crate::team::{self, Region};
use crate::time::Scratch;

use super::super::graph::NetError;
use super::super::locks::lock;
use super::pools::{Pooled, Pools};

/// Polled between and within groups: returns whether to stop (Ctrl-C was pressed).
pub type Poll<'a> = &'a mut dyn FnMut() -> bool;

/// The scratch of each thread of a run, and fork-join regions for groups that several threads share. At the end of the run,
/// the scratch returns to the pool, except the scratch of a thread that abandoned a group.
pub struct Lanes<'a, T: Pooled> {
    pools: &'a Pools,
    lanes: Vec<Mutex<Scratch<T>>>,
    regions: Vec<Arc<Region>>,
    groups: usize,
}

impl<'a, T: Pooled> Lanes<'a, T> {
    /// `shared`: whether several threads share each of the last groups when fewer groups than threads remain.
    pub fn new(pools: &'a Pools, count: usize, groups: usize, shared: bool) -> Lanes<'a, T> {
        let mut idle = lock(T::pool(pools));
        let mut lanes = idle.lists.pop().unwrap_or_default();
        let lane = |_| Mutex::new(idle.scratch.pop().unwrap_or_else(Scratch::new));
        lanes.extend((0..count).map(lane));
        let mut region = |parts| {
            let found = idle.regions.iter().position(|region| region.parts() == parts);
            found.map_or_else(|| Arc::new(Region::new(parts)), |at| idle.regions.swap_remove(at))
        };
        let threads = if shared { count } else { 1 };
        let regions = team::regions_of(threads, groups).map(&mut region).collect();
        Lanes { pools, lanes, regions, groups }
    }

    /// Runs `one` for every group, with the scratch of the executing thread.
    pub fn work(&self, poll: Poll, one: &(dyn Fn(usize, &mut Scratch<T>) + Sync)) -> Result<(), NetError> {
        let guarded = |group: usize, lane: usize, region: Option<&Arc<Region>>| {
            let _flush = FlushDenormals::new();
            let mut scratch = lock(&self.lanes[lane]);
            scratch.region = region.cloned();
            one(group, &mut scratch);
            scratch.region = None;
        };
        Ok(team::run_shared(self.lanes.len(), self.groups, &self.regions, &guarded, poll)?)
    }
}

impl<T: Pooled> Drop for Lanes<'_, T> {
    fn drop(&mut self) {
        let mut idle = lock(T::pool(self.pools));
        // the first lane did the most work: the pool returns it first
        while let Some(lane) = self.lanes.pop() {
            // poisoned if a group was abandoned while memory was lent out
            idle.scratch.extend(lane.into_inner());
        }
        idle.lists.push(std::mem::take(&mut self.lanes));
        idle.regions.append(&mut self.regions);
    }
}
