//! Runs without a way back: a unit works in the memory of the one before.

use std::sync::{Mutex, PoisonError};

use crate::plan::Pass;
use crate::team;
use crate::time::Scratch;

use super::batch::{Batch, End};
use super::call::{Call, Packed, Poll, States};
use super::filling::Filling;
use super::gathered::{unpack_states, zero_states};
use super::graph::NetError;
use super::loss::{Prepared, Want};
use super::pool::{Pooled, lock};
use super::unit::{UnitRun, run_unit};

/// What comes out of a run without a way back, in the caller's shapes.
pub struct Inferred<T> {
    /// (N, T, width); zeros beyond the lengths.
    pub outputs: Vec<T>,
    /// (N, width) per state slot.
    pub finals: Vec<Vec<T>>,
}

/// What is done with the run of a unit, by its number.
type Act<'a, T> = dyn Fn(usize, &UnitRun<T>, &mut Scratch<T>) + Sync + 'a;

/// Half of a second cache.
const CACHED_BYTES: usize = 512 << 10;

impl<T: Pooled> Call<T> {
    /// Rows of a unit of a batch for `infer`, if not as ever. No sum goes over units there, so each thread can have as many of
    /// them: where the weights of a layer stay in its cache, as each unit reads them all, and for two rows at least, which
    /// take no longer than one.
    pub fn unit_rows(&self, rows: usize, steps: usize) -> Option<usize> {
        let passes = || self.network.layers.iter().map(|layer| layer.forward(false));
        let elements = |pass: &Pass| pass.packs.iter().map(|pack| pack.k * pack.n).sum::<usize>();
        let weights = passes().map(elements).max().unwrap_or(0) * size_of::<T>();
        let lanes =
            team::lanes_for(rows * steps * passes().map(|pass| pass.work(|_| true)[0]).sum::<usize>());
        let units = Batch::units_of(rows);
        let spread = units.next_multiple_of(lanes).min(rows / 2);
        (spread > units && weights <= CACHED_BYTES).then(|| rows.div_ceil(spread))
    }

    /// Runs every unit forwards for what comes out alone: the outputs and the final states.
    pub fn infer(
        &self,
        batch: Batch,
        packed: Packed<T>,
        initial: States<T>,
        poll: Poll,
    ) -> Result<Inferred<T>, NetError> {
        let node = self.network.output()?;
        let outputs = Filling::new(&batch, self.network.widths[node]);
        let finals = self.passing(&batch, &packed, &initial, poll, &|unit, run, _| {
            let view = run.view(&self.network, node, &batch.units[unit].geometry);
            // SAFETY: the view has the rows of the unit, which is passed once.
            unsafe { outputs.put(&batch, unit, view) };
        });
        // SAFETY: where the run came to its end it has passed all units.
        let inferred = finals.map(|finals| Inferred { outputs: unsafe { outputs.filled(&batch) }, finals });
        self.retired(batch, packed, initial);
        inferred
    }

    /// Runs every unit forwards without a way back, hands its number and the run to `act`, and leaves its memory for the next one.
    /// The final states.
    fn passing(
        &self,
        batch: &Batch,
        packed: &Packed<T>,
        initial: &States<T>,
        poll: Poll,
        act: &Act<T>,
    ) -> Result<Vec<Vec<T>>, NetError> {
        let finals = Mutex::new(zero_states(&self.network, batch));
        let passes = self.network.layers.iter().map(|layer| layer.forward(false));
        let (lanes, shared) =
            (self.lanes(batch, batch.units.len(), usize::MAX, false, passes), self.shared());
        lanes.work(poll, &|unit, scratch| {
            let mut input = lock(&packed[unit]);
            let (place, whole) = (&batch.units[unit], std::mem::take(&mut *input));
            let run = run_unit(&shared, &place.geometry, whole, &initial[unit], false, scratch);
            act(unit, &run, scratch);
            let last;
            (*input, last) = run.retired(scratch);
            unpack_states(&self.network, batch, place, &last, End::Final, &mut lock(&finals));
            scratch.spare.keep_list(last);
        })?;
        Ok(finals.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The loss and the final states, without a way back.
    pub fn loss_value(
        &self,
        batch: Batch,
        packed: Packed<T>,
        initial: States<T>,
        loss: Prepared<T>,
        poll: Poll,
    ) -> Result<(f64, Vec<Vec<T>>), NetError> {
        debug_assert!(!loss.has_gradient());
        let output = self.network.output()?;
        let mut losses = self.with_kept(|kept| std::mem::take(&mut kept.losses));
        losses.clear();
        losses.resize(batch.units.len(), 0.0);
        let sums = Mutex::new(losses);
        let finals = self.passing(&batch, &packed, &initial, poll, &|unit, run, scratch| {
            let geometry = &batch.units[unit].geometry;
            let (view, mut sum) = (run.view(&self.network, output, geometry), 0.0);
            loss.take(unit, 0, geometry, view, Want::Value, &mut sum, scratch);
            lock(&sums)[unit] = sum;
        });
        let losses = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        let sum = losses.iter().sum();
        self.retired(batch, packed, initial);
        self.with_kept(|kept| {
            loss.retired(kept);
            kept.losses = losses;
        });
        Ok((sum, finals?))
    }
}
