//! Calls of a network over a batch: what they read, and loss with gradients in one. Units go to the team; results return in the
//! caller's order; gradients are summed in an order that the batch alone decides.

use std::sync::{Arc, Mutex, PoisonError};

use crate::kernel::{Isa, Kernels};
use crate::plan::Pass;
use crate::random::Noise;
use crate::team;
use crate::time::{Geometry, LayerWeights, Scratch, SlotGradients};

use super::abreast::is_shared;
use super::batch::{Batch, End, Extent, Input, expect_len};
use super::checkpointed::checkpointed;
use super::gathered::Gathered;
use super::graph::{NetError, Network, SeqNode};
use super::loss::{Loss, Prepared};
use super::passage::{Passage, Passed};
use super::penalty::WeightPenalties;
use super::pool::{Kept, Lanes, Pooled, lock};
use super::schedule::scheduled;
use super::through_time::ThroughTime;
use super::truncated::{Windows, truncated};
use super::unit::Shared;

/// Asked between units, and within them, whether to stop (a pressed Ctrl-C).
pub type Poll<'a> = &'a mut dyn FnMut() -> bool;

/// A sequence of the caller's as each unit reads it.
pub type Packed<T> = Vec<Mutex<Vec<T>>>;

/// The rows of each unit, by state slot.
pub type States<T> = Vec<Vec<Vec<T>>>;

/// A network with the parameters of one moment. Its memory is that of a call before, and is left for one after it.
pub struct Call<T: Pooled> {
    pub(super) network: Arc<Network>,
    weights: Vec<LayerWeights<T>>,
    kept: Mutex<Option<Kept<T>>>,
    pub(super) kernels: &'static Kernels<T>,
    pub(super) penalties: WeightPenalties<T>,
    /// Elements of the arena, which may have gaps between its parameters.
    pub arena_len: usize,
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

    /// The threads that share `units` of a batch, at most so many of them. `passes` are those that run over it.
    pub(super) fn lanes<'p>(
        &self,
        batch: &Batch,
        units: usize,
        at_once: usize,
        training: bool,
        passes: impl Iterator<Item = &'p Pass>,
    ) -> Lanes<'_, T> {
        let geometries = || batch.units.iter().map(|unit| &unit.geometry);
        let rows: usize = geometries().map(Geometry::total).sum();
        let work = passes.map(|pass| pass.work(|_| true)[0]).sum::<usize>();
        let lanes = team::lanes_for(rows * work).min(at_once);
        let largest = geometries().max_by_key(|geometry| geometry.rows);
        let shared = team::regions_of(lanes, units)
            .max()
            .zip(largest)
            .is_some_and(|(parts, geometry)| is_shared(&self.network, training, geometry, parts));
        Lanes::new(&self.network.pools, lanes, units, shared)
    }

    pub(super) fn shared(&self) -> Shared<'_, T> {
        Shared { network: &self.network, weights: &self.weights, kernels: self.kernels }
    }

    /// Hands the memory of the call to `act`. It is a call's own, so nobody waits here.
    pub(super) fn with_kept<R>(&self, act: impl FnOnce(&mut Kept<T>) -> R) -> R {
        act(lock(&self.kept).get_or_insert_with(|| Kept::of(&self.network.pools)))
    }

    /// `Batch::new`, in memory of the call.
    pub fn batch(&self, rows: usize, steps: usize, extent: Extent) -> Result<Batch, NetError> {
        let mut batch = lock(T::pool(&self.network.pools)).batches.pop().unwrap_or_default();
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
                batch.pack_units(data, width, &packed)?;
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

    /// Takes the memory of what went into a call.
    pub(super) fn retired(&self, batch: Batch, packed: Packed<T>, initial: States<T>) {
        lock(T::pool(&self.network.pools)).batches.push(batch);
        self.with_kept(|kept| {
            kept.keep_packed(packed);
            kept.keep_states(initial);
        });
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
        self.retired(batch, packed, initial);
        self.with_kept(|kept| loss.retired(kept));
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
        let schedule = match way {
            ThroughTime::Checkpointed(budget) => {
                Some(scheduled::<T>(&self.network, loss.plan(), batch, budget, team::lanes())?)
            }
            _ => None,
        };
        let at_once = schedule.as_ref().map_or(usize::MAX, |schedule| schedule.at_once);
        let from_end = match way {
            ThroughTime::Truncated { .. } => self.network.states_from_end(),
            _ => Vec::new(),
        };
        let shared = self.shared();
        let mut done = self.gathered(batch, at_once, true, poll, &|unit, slots, scratch| {
            let (geometry, initial) = (&batch.units[unit].geometry, &initial[unit][..]);
            let passage = Passage { shared: &shared, loss, unit, geometry, initial };
            let mut input = lock(&packed[unit]);
            match (way, &schedule) {
                (ThroughTime::Truncated { every, back }, _) => {
                    let windows = Windows { every, back, steps: batch.steps, from_end: &from_end };
                    truncated(&passage, &mut input, windows, slots, scratch)
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

    /// Runs `one` for every unit, `at_once` of them at most at the same time, and sums the gradients of the parameters group
    /// by group. The loss and the penalty are those of the steps; `finals`: whether units leave final states.
    #[allow(clippy::type_complexity)] // one closure, named by its parameters
    pub(super) fn gathered(
        &self,
        batch: &Batch,
        at_once: usize,
        finals: bool,
        poll: Poll,
        one: &(dyn Fn(usize, &mut [SlotGradients<T>], &mut Scratch<T>) -> Passed<T> + Sync),
    ) -> Result<Evaluated<T>, NetError> {
        let network = &*self.network;
        let (mut slots, terms) =
            self.with_kept(|kept| (std::mem::take(&mut kept.slots), std::mem::take(&mut kept.terms)));
        slots.resize_with(batch.groups(), Mutex::default);
        let place = Gathered::new(network, batch, self.arena_len, terms, finals);
        let passes = network.layers.iter().flat_map(|layer| [&layer.plan.train, &layer.plan.back]);
        let lanes = self.lanes(batch, slots.len(), at_once, true, passes);
        lanes.work(poll, &|group, scratch| {
            let mut slots = lock(&slots[group]);
            match slots.is_empty() {
                true => slots.extend(network.layers.iter().map(|layer| SlotGradients::new(&layer.plan))),
                false => slots.iter_mut().for_each(SlotGradients::reset),
            }
            for unit in batch.group(group) {
                let passed = one(unit, &mut slots, scratch);
                // SAFETY: a unit is of one group, and a run does each group once.
                unsafe { place.put(unit, passed, scratch) };
            }
        })?;
        // SAFETY: the run came to its end, so all units were put.
        let mut sums = unsafe { place.finished() };
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
