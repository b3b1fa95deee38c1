//! The cached schedule of checkpointed BPTT.

use std::sync::Arc;

use crate::plan::LayerPlan;
use crate::time::PassMemory;

use super::super::batch::Batch;
use super::super::bptt::{Budget, Schedule, schedule};
use super::super::graph::NetError;
use super::super::locks::lock;
use super::engine::Engine;
use super::pools::{Pooled, ScheduleKey};

/// `schedule`, or the schedule of the last call if nothing has changed.
pub fn scheduled<T: Pooled>(
    engine: &Engine,
    losses: &[(usize, &LayerPlan)],
    batch: &Batch,
    budget: Budget,
    lanes: usize,
) -> Result<Arc<Schedule>, NetError> {
    let network = &engine.network;
    if !batch.is_even() {
        return schedule::<T>(network, losses, batch, budget, lanes).map(Arc::new);
    }
    let elements =
        |plan: &LayerPlan| [&plan.train, &plan.back].map(|pass| PassMemory::<T>::elements(pass, 0, 1));
    let of_losses = losses.iter().map(|(node, plan)| (*node, elements(plan))).collect();
    let planned = ScheduleKey { rows: batch.rows, steps: batch.steps, losses: of_losses, budget, lanes };
    if let Some((known, schedule)) = &lock(T::pool(&engine.pools)).schedule
        && *known == planned
    {
        return Ok(Arc::clone(schedule));
    }
    let made = Arc::new(schedule::<T>(network, losses, batch, budget, lanes)?);
    lock(T::pool(&engine.pools)).schedule = Some((planned, Arc::clone(&made)));
    Ok(made)
}
