//! A run and its way back, as two calls: all units stay in memory between them.

use std::sync::{Arc, PoisonError, RwLock};

use crate::team;
use crate::time::SeqView;

use super::batch::{Batch, End, expect_len, lanes_to_copy};
use super::call::{Call, Gradients, Packed, Poll, States};
use super::filling::Filling;
use super::gathered::{unpack_states, zero_states};
use super::graph::{NetError, Network};
use super::loss::{Reduction, step_scale};
use super::passage::Passed;
use super::penalty::{Terms, step_gradient};
use super::pool::{Pooled, lock, read};
use super::unit::{UnitRun, run_unit};
use super::unit_back::back_unit;

/// A run over a batch, with what its way back reads. When it is dropped its memory is left for another.
pub struct Trained<T: Pooled> {
    network: Arc<Network>,
    pub batch: Batch,
    /// Of a larger batch before there may be more than this one has.
    units: Vec<RwLock<UnitRun<T>>>,
}

/// Packed gradients on their way in.
pub struct Arriving<T> {
    /// Of the outputs, by unit.
    outputs: Packed<T>,
    finals: States<T>,
}

impl<T: Pooled> Call<T> {
    /// Runs every unit forwards, and keeps what its way back reads.
    pub fn run(
        &self,
        batch: Batch,
        packed: Packed<T>,
        initial: States<T>,
        poll: Poll,
    ) -> Result<Trained<T>, NetError> {
        let network = self.shared_network();
        let mut units = lock(T::pool(&network.pools)).runs.pop().unwrap_or_default();
        if units.len() < batch.units.len() {
            units.resize_with(batch.units.len(), || RwLock::new(UnitRun::empty()));
        }
        let trained = Trained { network, batch, units };
        let (batch, shared) = (&trained.batch, self.shared());
        let passes = self.network.layers.iter().map(|layer| layer.forward(true));
        let done =
            self.lanes(batch, batch.units.len(), usize::MAX, true, passes).work(poll, &|unit, scratch| {
                let mut run = trained.units[unit].write().unwrap_or_else(PoisonError::into_inner);
                let before = std::mem::replace(&mut *run, UnitRun::empty());
                let (idle, finals) = before.retired(scratch);
                scratch.spare.keep_list(finals);
                let input = std::mem::replace(&mut *lock(&packed[unit]), idle);
                *run = run_unit(&shared, &batch.units[unit].geometry, input, &initial[unit], true, scratch);
            });
        self.with_kept(|kept| {
            kept.keep_packed(packed);
            kept.keep_states(initial);
        });
        done.map(|()| trained)
    }

    /// What the penalties of a run come to, the mean of those of the steps.
    pub fn penalty(&self, trained: &Trained<T>) -> f64 {
        let scale = step_scale(&trained.batch, Reduction::Mean);
        let steps = trained.batch.units.iter().zip(&trained.units).map(|(unit, run)| {
            let mut terms = Terms::default();
            terms.add_penalties(&self.network, &read(run), &unit.geometry, 0, scale);
            terms.penalty()
        });
        steps.sum::<f64>() + self.penalties.value(&self.network, self.kernels)
    }

    /// The gradients that a way back begins with: `d_outputs` is (N, T, width), zeros where there is none.
    pub fn pack_gradients(
        &self,
        batch: &Batch,
        d_outputs: Option<&[T]>,
        d_final: &[Option<&[T]>],
    ) -> Result<Arriving<T>, NetError> {
        let width = self.network.output_width()?;
        if let Some(d) = d_outputs {
            expect_len("d_outputs", d.len(), batch.rows * batch.steps * width)?;
        }
        let finals = self.pack_states(batch, d_final, End::Final, "d_final_state")?;
        let lens = batch.units.iter().map(|unit| unit.geometry.total() * width);
        let outputs = self.with_kept(|kept| kept.packed(lens.clone()));
        match d_outputs {
            Some(d) => batch.pack_units(d, width, &outputs)?,
            None => outputs.iter().zip(lens).for_each(|(one, len)| lock(one).resize(len, T::ZERO)),
        }
        Ok(Arriving { outputs, finals })
    }

    /// Runs every unit back. `d_penalty` is the gradient of `penalty`.
    pub fn back(
        &self,
        trained: &Trained<T>,
        arriving: Arriving<T>,
        d_penalty: f64,
        poll: Poll,
    ) -> Result<Gradients<T>, NetError> {
        let (batch, width) = (&trained.batch, self.network.output_width()?);
        let Arriving { outputs, finals } = arriving;
        let shared = self.shared();
        let scale = d_penalty * step_scale(batch, Reduction::Mean);
        let done = self.gathered(batch, usize::MAX, false, poll, &|unit, slots, scratch| {
            let (run, d) = (read(&trained.units[unit]), lock(&outputs[unit]));
            let d = Some(SeqView::of(&d, width));
            let geometry = &batch.units[unit].geometry;
            let d_steps = step_gradient(&self.network, 0, geometry.total(), scale, scratch);
            let done = back_unit(&shared, geometry, &run, d, &d_steps, &finals[unit], slots, scratch);
            scratch.spare.keep(d_steps);
            let finals = scratch.spare.list();
            Passed { terms: Terms::default(), gradients: done, finals }
        });
        self.with_kept(|kept| {
            kept.keep_packed(outputs);
            kept.keep_states(finals);
        });
        let mut gradients = done?.gradients;
        self.penalties.take(&self.network, self.kernels, d_penalty, &mut gradients.params);
        Ok(gradients)
    }

    /// The output in the caller's shape (N, T, width); zeros beyond the lengths.
    pub fn outputs(&self, trained: &Trained<T>) -> Result<Vec<T>, NetError> {
        let node = self.network.output()?;
        let batch = &trained.batch;
        let width = self.network.widths[node];
        let outputs = Filling::new(batch, width);
        let one = |unit: usize, _| {
            let view = read(&trained.units[unit]).view(&self.network, node, &batch.units[unit].geometry);
            // SAFETY: the view has the rows of the unit, which a run takes once; nobody writes a run that came to its end.
            unsafe { outputs.put(batch, unit, view) };
        };
        let lanes = lanes_to_copy(batch.rows * batch.steps * width);
        team::run_on(lanes, batch.units.len(), &one, &mut || false)?;
        // SAFETY: all units were put.
        Ok(unsafe { outputs.filled(batch) })
    }

    /// The final states in the caller's shape, (N, width) per state slot.
    pub fn final_state(&self, trained: &Trained<T>) -> Vec<Vec<T>> {
        let batch = &trained.batch;
        let mut states = zero_states(&self.network, batch);
        for (unit, run) in batch.units.iter().zip(&trained.units) {
            unpack_states(&self.network, batch, unit, &read(run).finals, End::Final, &mut states);
        }
        states
    }
}

impl<T: Pooled> Drop for Trained<T> {
    fn drop(&mut self) {
        let mut idle = lock(T::pool(&self.network.pools));
        idle.batches.push(std::mem::take(&mut self.batch));
        idle.runs.push(std::mem::take(&mut self.units));
    }
}
