//! Calls of a network over a batch: run, way back, loss with gradients. Units go to the team; results return in the
//! caller's order; gradients are summed in an order that the batch alone decides.

use std::sync::{Arc, Mutex, PoisonError};

use crate::kernel::{FlushDenormals, Isa, Kernels};
use crate::random::Noise;
use crate::team::{self, Stop};
use crate::time::{LayerWeights, Scratch, SeqView, SlotGradients};

use super::batch::{Batch, End, Extent, Input, expect_len};
use super::checkpointed::checkpointed;
use super::gathered::{Gathered, Sums, unpack_states, zero_states};
use super::graph::{NetError, Network, SeqNode};
use super::loss::{Loss, Prepared, Reduction, Want, step_scale};
use super::passage::{Passage, Passed};
use super::penalty::{Terms, WeightPenalties, step_gradient};
use super::pool::{Kept, Lanes, Pooled, lock};
use super::schedule::schedule;
use super::through_time::ThroughTime;
use super::truncated::truncated;
use super::unit::{Shared, UnitRun, back_unit, run_unit};

/// Asked between units whether to stop (a pressed Ctrl-C).
pub type Poll<'a> = &'a mut dyn FnMut() -> bool;

/// The packed input of each unit.
pub type Packed<T> = Vec<Mutex<Vec<T>>>;

/// The rows of each unit, by state slot.
pub type States<T> = Vec<Vec<Vec<T>>>;

/// A network with the parameters of one moment. Its memory is that of a call before, and is left for one after it.
pub struct Call<T: Pooled> {
    network: Arc<Network>,
    weights: Vec<LayerWeights<T>>,
    kept: Mutex<Option<Kept<T>>>,
    kernels: &'static Kernels<T>,
    penalties: WeightPenalties<T>,
    /// Elements of the arena, which may have gaps between its parameters.
    pub arena_len: usize,
}

/// A run over a batch.
pub struct Trained<T> {
    pub batch: Batch,
    units: Vec<UnitRun<T>>,
}

/// Gradients of a call, in the caller's shapes.
pub struct Gradients<T> {
    /// As the arena of parameters.
    pub params: Vec<T>,
    /// (N, T, F); empty where the input is ids.
    pub inputs: Vec<T>,
    /// (N, width) per state slot.
    pub initial: Vec<Vec<T>>,
}

/// What a loss comes to, in the caller's shapes.
pub struct Evaluated<T> {
    /// With the penalties.
    pub loss: f64,
    /// What the penalties alone come to.
    pub penalty: f64,
    pub gradients: Gradients<T>,
    /// (N, width) per state slot.
    pub finals: Vec<Vec<T>>,
}

impl<T: Pooled> Call<T> {
    /// Copies what the passes read of `arena`. `seed` is that of the call's noise, on the way back too.
    pub fn new(network: Arc<Network>, arena: &[T], training: bool, seed: u64) -> Result<Call<T>, NetError> {
        network.output()?;
        let kernels = T::kernels(Isa::active().map_err(NetError::Config)?);
        if arena.len() < network.arena_len() {
            let (got, expected) = (arena.len(), network.arena_len());
            return Err(NetError::Shape(format!(
                "the parameter arena has {got} elements; expected {expected}"
            )));
        }
        let mut kept = Kept::of(&network.pools);
        let mut weights = std::mem::take(&mut kept.weights);
        weights.resize_with(network.layers.len(), LayerWeights::empty);
        for (number, (layer, weights)) in network.layers.iter().zip(&mut weights).enumerate() {
            let params: Vec<&[T]> = layer.params.iter().map(|&(at, numel)| &arena[at..at + numel]).collect();
            let noise = Noise::new(seed, number as u16); // `Network::layer` allows no more
            weights.renew(layer.plan(training), &params, kernels, training, noise);
        }
        let penalties = WeightPenalties::new(&network, arena, training);
        let kept = Mutex::new(Some(kept));
        Ok(Call { network, weights, kept, kernels, penalties, arena_len: arena.len() })
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn shared_network(&self) -> Arc<Network> {
        Arc::clone(&self.network)
    }

    fn lanes(&self) -> Lanes<'_, T> {
        Lanes::new(&self.network.pools, team::lanes())
    }

    pub(super) fn shared(&self) -> Shared<'_, T> {
        Shared { network: &self.network, weights: &self.weights, kernels: self.kernels }
    }

    /// Hands the memory of the call to `act`. It is a call's own, so nobody waits here.
    fn with_kept<R>(&self, act: impl FnOnce(&mut Kept<T>) -> R) -> R {
        act(lock(&self.kept).get_or_insert_with(|| Kept::of(&self.network.pools)))
    }

    /// `Batch::new`, in memory of the call.
    pub fn batch(&self, rows: usize, steps: usize, extent: Extent) -> Result<Batch, NetError> {
        let mut batch = self.with_kept(|kept| kept.batches.pop()).unwrap_or_default();
        batch.renew(rows, steps, extent)?;
        Ok(batch)
    }

    /// Packs the input of every unit; ids are checked.
    pub fn pack(&self, batch: &Batch, input: Input<T>) -> Result<Packed<T>, NetError> {
        let count = batch.rows * batch.steps;
        let units = || batch.units.iter();
        match (input, &self.network.nodes[0]) {
            (Input::Features { data, width }, SeqNode::Input) if width == self.network.widths[0] => {
                expect_len("x", data.len(), count * width)?;
                let lens = units().map(|unit| unit.geometry.total() * width);
                let packed = self.with_kept(|kept| kept.packed(lens));
                units().zip(&packed).for_each(|(unit, one)| batch.pack(unit, data, width, &mut lock(one)));
                Ok(packed)
            }
            (Input::Ids { data }, SeqNode::Index { limit }) => {
                expect_len("x", data.len(), count)?;
                let packed = self.with_kept(|kept| kept.packed(units().map(|unit| unit.geometry.total())));
                for (unit, one) in units().zip(&packed) {
                    batch.pack_ids(unit, data, *limit, "x", &mut lock(one))?;
                }
                Ok(packed)
            }
            (Input::Features { width, .. }, SeqNode::Input) => {
                let expected = self.network.widths[0];
                Err(NetError::Shape(format!("x has {width} features per step; expected {expected}")))
            }
            (Input::Features { .. }, _) => {
                Err(NetError::Shape("x holds features; expected ids (N, T)".into()))
            }
            (Input::Ids { .. }, _) => Err(NetError::Shape("x holds ids; expected features (N, T, F)".into())),
        }
    }

    /// The rows of every unit of states (N, width); zeros where none are given.
    pub fn pack_states(
        &self,
        batch: &Batch,
        states: &[Option<&[T]>],
        end: End,
        what: &str,
    ) -> Result<States<T>, NetError> {
        let widths = &self.network.states;
        if states.len() != widths.len() && !states.is_empty() {
            let (got, expected) = (states.len(), widths.len());
            return Err(NetError::Shape(format!("{what} has {got} entries; expected {expected}")));
        }
        for (slot, &width) in widths.iter().enumerate() {
            if let Some(Some(values)) = states.get(slot) {
                expect_len(&format!("{what}[{slot}]"), values.len(), batch.rows * width)?;
            }
        }
        Ok(self.with_kept(|kept| {
            let mut packed = kept.states.pop().unwrap_or_default();
            for unit in &batch.units {
                let mut of_unit = kept.spare.list();
                for (slot, &width) in widths.iter().enumerate() {
                    let mut rows = kept.spare.zeros(unit.rows.len() * width);
                    if let Some(Some(values)) = states.get(slot) {
                        batch.pack_state(unit, values, width, end, &mut rows);
                    }
                    of_unit.push(rows);
                }
                packed.push(of_unit);
            }
            packed
        }))
    }

    /// Makes a loss ready for a batch, for a way back or without one. Its arrays are copied.
    pub fn loss<'a>(
        &'a self,
        batch: &Batch,
        loss: &Loss<'a, '_, T>,
        gradient: bool,
    ) -> Result<Prepared<'a, T>, NetError> {
        self.with_kept(|kept| Prepared::new(&self.network, batch, loss, gradient, self.kernels, kept))
    }

    /// Runs every unit forwards.
    pub fn run(
        &self,
        batch: Batch,
        packed: Packed<T>,
        initial: &[Vec<Vec<T>>],
        training: bool,
        poll: Poll,
    ) -> Result<Trained<T>, NetError> {
        let results: Vec<Mutex<Option<UnitRun<T>>>> = batch.units.iter().map(|_| Mutex::new(None)).collect();
        let lanes = self.lanes();
        let shared = self.shared();
        work(&lanes, batch.units.len(), poll, &|unit, lane| {
            let input = std::mem::take(&mut *lock(&packed[unit]));
            let mut scratch = lanes.lane(lane);
            let done =
                run_unit(&shared, &batch.units[unit].geometry, input, &initial[unit], training, &mut scratch);
            *lock(&results[unit]) = Some(done);
        })?;
        let units = collected(results)?;
        self.with_kept(|kept| kept.keep_packed(packed));
        Ok(Trained { batch, units })
    }

    /// What the penalties of a run come to, the mean of those of the steps.
    pub fn penalty(&self, trained: &Trained<T>) -> f64 {
        let scale = step_scale(&trained.batch, Reduction::Mean);
        let steps = trained.batch.units.iter().zip(&trained.units).map(|(unit, run)| {
            let mut terms = Terms::default();
            terms.add_penalties(&self.network, run, &unit.geometry, 0, scale);
            terms.penalty()
        });
        steps.sum::<f64>() + self.penalties.value(&self.network, self.kernels)
    }

    /// Runs every unit back. `d_outputs` is (N, T, width), `d_penalty` the gradient of `penalty`.
    pub fn back(
        &self,
        trained: &Trained<T>,
        d_outputs: Option<&[T]>,
        d_penalty: f64,
        d_final: &[Option<&[T]>],
        poll: Poll,
    ) -> Result<Gradients<T>, NetError> {
        let batch = &trained.batch;
        let width = self.network.widths[self.network.output()?];
        if let Some(d) = d_outputs {
            expect_len("d_outputs", d.len(), batch.rows * batch.steps * width)?;
        }
        let d_final = self.pack_states(batch, d_final, End::Final, "d_final_state")?;
        let units = || batch.units.iter();
        let packed = self.with_kept(|kept| {
            let mut packed = kept.spare.list();
            packed.extend(units().map(|unit| kept.spare.vector(unit.geometry.total() * width)));
            packed
        });
        let mut packed = packed;
        for (unit, packed) in units().zip(&mut packed) {
            match d_outputs {
                Some(d) => batch.pack(unit, d, width, packed),
                None => packed.resize(unit.geometry.total() * width, T::ZERO),
            }
        }
        let shared = self.shared();
        let scale = d_penalty * step_scale(batch, Reduction::Mean);
        self.gathered(batch, usize::MAX, poll, &|unit, slots, scratch| {
            let (run, d) = (&trained.units[unit], Some(SeqView::of(&packed[unit], width)));
            let geometry = &batch.units[unit].geometry;
            let d_steps = step_gradient(&self.network, 0, geometry.total(), scale);
            let done = back_unit(&shared, geometry, run, d, &d_steps, &d_final[unit], slots, scratch);
            let finals = scratch.spare.list();
            Passed { terms: Terms::default(), gradients: done, finals }
        })
        .map(|mut evaluated| {
            self.with_kept(|kept| {
                kept.spare.keep_list(packed);
                kept.keep_states(d_final);
            });
            let params = &mut evaluated.gradients.params;
            self.penalties.take(&self.network, self.kernels, d_penalty, params);
            evaluated.gradients
        })
    }

    /// Loss, gradients and final states, depth first: a unit runs forwards, takes its loss and runs back before the next
    /// begins, in the pieces of time that `way` wants. `loss` was made for a way back.
    pub fn value_and_grad(
        &self,
        batch: Batch,
        packed: Packed<T>,
        initial: States<T>,
        loss: Prepared<T>,
        way: ThroughTime,
        poll: Poll,
    ) -> Result<Evaluated<T>, NetError> {
        let done = self.evaluated(&batch, &packed, &initial, &loss, way, poll);
        self.with_kept(|kept| {
            kept.batches.push(batch);
            kept.keep_packed(packed);
            kept.keep_states(initial);
            loss.retired(kept);
        });
        done
    }

    fn evaluated(
        &self,
        batch: &Batch,
        packed: &Packed<T>,
        initial: &States<T>,
        loss: &Prepared<T>,
        way: ThroughTime,
        poll: Poll,
    ) -> Result<Evaluated<T>, NetError> {
        way.check(&self.network)?;
        debug_assert!(loss.has_gradient());
        let plan = Some(loss.plan());
        let schedule = match way {
            ThroughTime::Checkpointed(budget) => {
                Some(schedule::<T>(&self.network, plan, batch, budget, team::lanes())?)
            }
            _ => None,
        };
        let at_once = schedule.as_ref().map_or(usize::MAX, |schedule| schedule.at_once);
        let shared = self.shared();
        let mut done = self.gathered(batch, at_once, poll, &|unit, slots, scratch| {
            let (geometry, initial) = (&batch.units[unit].geometry, &initial[unit][..]);
            let passage = Passage { shared: &shared, loss, unit, geometry, initial };
            let mut input = lock(&packed[unit]);
            match (way, &schedule) {
                (ThroughTime::Truncated { every, back }, _) => {
                    truncated(&passage, &mut input, (every, back), batch.steps, slots, scratch)
                }
                (_, Some(schedule)) => {
                    checkpointed(&passage, &mut input, &schedule.units[unit], slots, scratch)
                }
                _ => passage.full(&mut input, slots, scratch),
            }
        })?;
        let params = &mut done.gradients.params;
        done.penalty += self.penalties.take(&self.network, self.kernels, 1.0, params);
        done.loss += done.penalty;
        Ok(done)
    }

    /// The loss and the final states, without a way back.
    pub fn loss_value(
        &self,
        batch: Batch,
        packed: Packed<T>,
        initial: &[Vec<Vec<T>>],
        prepared: &Prepared<T>,
        poll: Poll,
    ) -> Result<(f64, Trained<T>), NetError> {
        debug_assert!(!prepared.has_gradient());
        let trained = self.run(batch, packed, initial, false, poll)?;
        let output = self.network.output()?;
        let sums: Vec<Mutex<f64>> = trained.units.iter().map(|_| Mutex::new(0.0)).collect();
        let lanes = self.lanes();
        work(&lanes, trained.units.len(), poll, &|unit, lane| {
            let geometry = &trained.batch.units[unit].geometry;
            let view = trained.units[unit].view(&self.network, output, geometry);
            let mut scratch = lanes.lane(lane);
            prepared.take(unit, 0, geometry, view, Want::Value, &mut lock(&sums[unit]), &mut scratch);
        })?;
        Ok((sums.iter().map(|sum| *lock(sum)).sum(), trained))
    }

    /// Runs `one` for every unit, `at_once` of them at most at the same time, and sums the gradients of the parameters group
    /// by group. The loss and the penalty are those of the steps.
    #[allow(clippy::type_complexity)] // one closure, named by its parameters
    fn gathered(
        &self,
        batch: &Batch,
        at_once: usize,
        poll: Poll,
        one: &(dyn Fn(usize, &mut [SlotGradients<T>], &mut Scratch<T>) -> Passed<T> + Sync),
    ) -> Result<Evaluated<T>, NetError> {
        let network = &*self.network;
        let (mut slots, terms) =
            self.with_kept(|kept| (std::mem::take(&mut kept.slots), std::mem::take(&mut kept.terms)));
        slots.resize_with(batch.groups(), Mutex::default);
        let sums = Mutex::new(Sums::new(network, batch, self.arena_len, terms));
        let place = Gathered { network, batch, sums };
        let lanes = Lanes::new(&network.pools, team::lanes().min(at_once));
        work(&lanes, slots.len(), poll, &|group, lane| {
            let mut slots = lock(&slots[group]);
            match slots.is_empty() {
                true => slots.extend(network.layers.iter().map(|layer| SlotGradients::new(&layer.plan))),
                false => slots.iter_mut().for_each(SlotGradients::reset),
            }
            let mut scratch = lanes.lane(lane);
            for unit in batch.group(group) {
                let passed = one(unit, &mut slots, &mut scratch);
                place.put(unit, passed, &mut scratch);
            }
        })?;
        let mut sums = place.sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((total, others)) = slots.split_first_mut() {
            let total = total.get_mut().unwrap_or_else(PoisonError::into_inner);
            for other in others {
                let other = other.get_mut().unwrap_or_else(PoisonError::into_inner);
                total.iter_mut().zip(&*other).for_each(|(sum, slots)| sum.add(slots));
            }
            for (number, layer) in network.layers.iter().enumerate() {
                let params = &mut sums.gradients.params;
                let mut add = |position: usize, values: &[T]| {
                    let (at, _) = layer.params[position];
                    params[at..].iter_mut().zip(values).for_each(|(sum, x)| *sum += *x);
                };
                self.weights[number].collect(&layer.plan, &total[number], self.kernels, &mut add);
            }
        }
        let (evaluated, terms) = sums.evaluated();
        self.with_kept(|kept| (kept.slots, kept.terms) = (slots, terms));
        Ok(evaluated)
    }

    /// The output in the caller's shape (N, T, width); zeros beyond the lengths.
    pub fn outputs(&self, trained: &Trained<T>) -> Result<Vec<T>, NetError> {
        let node = self.network.output()?;
        let (batch, width) = (&trained.batch, self.network.widths[node]);
        let mut data = vec![T::ZERO; batch.rows * batch.steps * width];
        for (unit, run) in batch.units.iter().zip(&trained.units) {
            let view = run.view(&self.network, node, &unit.geometry);
            let rows = unit.geometry.total();
            if rows > 0 {
                // SAFETY: the view has `rows` rows, `stride` apart, the last one at least `width` long.
                let packed =
                    unsafe { std::slice::from_raw_parts(view.ptr, (rows - 1) * view.stride + width) };
                batch.unpack(unit, packed, view.stride, width, &mut data);
            }
        }
        Ok(data)
    }

    /// The final states in the caller's shape, (N, width) per state slot.
    pub fn final_state(&self, trained: &Trained<T>) -> Vec<Vec<T>> {
        let batch = &trained.batch;
        let mut states = zero_states(&self.network, batch);
        for (unit, run) in batch.units.iter().zip(&trained.units) {
            unpack_states(&self.network, batch, unit, &run.finals, End::Final, &mut states);
        }
        states
    }
}

impl<T: Pooled> Drop for Call<T> {
    fn drop(&mut self) {
        let kept = lock(&self.kept).take();
        if let Some(mut kept) = kept {
            kept.weights = std::mem::take(&mut self.weights);
            kept.leave(&self.network.pools);
        }
    }
}

fn work<T: Pooled>(
    lanes: &Lanes<T>,
    units: usize,
    poll: Poll,
    one: &(dyn Fn(usize, usize) + Sync),
) -> Result<(), NetError> {
    let guarded = |unit: usize, lane: usize| {
        let _flush = FlushDenormals::new();
        one(unit, lane);
    };
    team::run_on(lanes.len(), units, &guarded, poll).map_err(|stop| match stop {
        Stop::Cancelled => NetError::Cancelled,
        Stop::Panicked(what) => NetError::Internal(what),
    })
}

fn collected<T>(results: Vec<Mutex<Option<T>>>) -> Result<Vec<T>, NetError> {
    let taken = results.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    taken.collect::<Option<Vec<T>>>().ok_or_else(|| NetError::Internal("a unit left no result".into()))
}
