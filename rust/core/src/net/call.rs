//! Calls of a network over a batch: run, way back, loss with gradients. Units go to the team; results return in the
//! caller's order; gradients are summed in an order that the batch alone decides.

use std::sync::{Arc, Mutex};

use crate::kernel::{FlushDenormals, Isa, Kernels};
use crate::random::Noise;
use crate::team::{self, Stop};
use crate::time::{LayerWeights, Scratch, SeqView, SlotGradients};

use super::batch::{Batch, End, Input, Unit, expect_len};
use super::checkpointed::checkpointed;
use super::graph::{NetError, Network, SeqNode};
use super::loss::{Loss, Prepared, Reduction, Want, step_scale};
use super::passage::Passage;
use super::penalty::{Terms, WeightPenalties, step_gradient};
use super::pool::{Lanes, Pooled, lock};
use super::schedule::schedule;
use super::through_time::ThroughTime;
use super::truncated::truncated;
use super::unit::{Shared, UnitGradients, UnitRun, back_unit, run_unit};

/// Asked between units whether to stop (a pressed Ctrl-C).
pub type Poll<'a> = &'a mut dyn FnMut() -> bool;

/// A network with the parameters of one moment.
pub struct Call<T: Pooled> {
    network: Arc<Network>,
    weights: Vec<LayerWeights<T>>,
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
        let weights = (network.layers.iter().enumerate())
            .map(|(number, layer)| {
                let params: Vec<&[T]> =
                    layer.params.iter().map(|&(at, numel)| &arena[at..at + numel]).collect();
                let noise = Noise::new(seed, number as u16); // `Network::layer` allows no more
                LayerWeights::new(layer.plan(training), &params, kernels, training, noise)
            })
            .collect();
        let penalties = WeightPenalties::new(&network, arena, training);
        Ok(Call { network, weights, kernels, penalties, arena_len: arena.len() })
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

    /// Packs the input of every unit; ids are checked.
    pub fn pack(&self, batch: &Batch, input: Input<T>) -> Result<Vec<Vec<T>>, NetError> {
        let count = batch.rows * batch.steps;
        match (input, &self.network.nodes[0]) {
            (Input::Features { data, width }, SeqNode::Input) if width == self.network.widths[0] => {
                expect_len("x", data.len(), count * width)?;
                Ok(batch.units.iter().map(|unit| batch.pack(unit, data, width)).collect())
            }
            (Input::Ids { data }, SeqNode::Index { limit }) => {
                expect_len("x", data.len(), count)?;
                batch.units.iter().map(|unit| batch.pack_ids(unit, data, *limit, "x")).collect()
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
    ) -> Result<Vec<Vec<Vec<T>>>, NetError> {
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
        let of_unit = |unit: &Unit| -> Vec<Vec<T>> {
            (widths.iter().enumerate())
                .map(|(slot, &width)| match states.get(slot) {
                    Some(Some(values)) => batch.pack_state(unit, values, width, end),
                    _ => vec![T::ZERO; unit.rows.len() * width],
                })
                .collect()
        };
        Ok(batch.units.iter().map(of_unit).collect())
    }

    /// Runs every unit forwards.
    pub fn run(
        &self,
        batch: Batch,
        packed: Vec<Vec<T>>,
        initial: &[Vec<Vec<T>>],
        training: bool,
        poll: Poll,
    ) -> Result<Trained<T>, NetError> {
        let inputs: Vec<Mutex<Option<Vec<T>>>> =
            packed.into_iter().map(|input| Mutex::new(Some(input))).collect();
        let results: Vec<Mutex<Option<UnitRun<T>>>> = batch.units.iter().map(|_| Mutex::new(None)).collect();
        let lanes = self.lanes();
        let shared = self.shared();
        work(&lanes, batch.units.len(), poll, &|unit, lane| {
            let input = lock(&inputs[unit]).take().unwrap_or_default();
            let mut scratch = lanes.lane(lane);
            let done =
                run_unit(&shared, &batch.units[unit].geometry, input, &initial[unit], training, &mut scratch);
            *lock(&results[unit]) = Some(done);
        })?;
        let units = collected(results)?;
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
        let packed: Vec<Vec<T>> = (batch.units.iter())
            .map(|unit| match d_outputs {
                Some(d) => batch.pack(unit, d, width),
                None => vec![T::ZERO; unit.geometry.total() * width],
            })
            .collect();
        let shared = self.shared();
        let scale = d_penalty * step_scale(batch, Reduction::Mean);
        self.gathered(batch, usize::MAX, poll, &|unit, slots, scratch| {
            let (run, d) = (&trained.units[unit], Some(SeqView::of(&packed[unit], width)));
            let geometry = &batch.units[unit].geometry;
            let d_steps = step_gradient(&self.network, 0, geometry.total(), scale);
            let done = back_unit(&shared, geometry, run, d, &d_steps, &d_final[unit], slots, scratch);
            (Terms::default(), done)
        })
        .map(|(_, mut gradients)| {
            self.penalties.take(&self.network, self.kernels, d_penalty, &mut gradients.params);
            gradients
        })
    }

    /// Loss, gradients and final states, depth first: a unit runs forwards, takes its loss and runs back before the next
    /// begins, in the pieces of time that `way` wants.
    pub fn value_and_grad(
        &self,
        batch: &Batch,
        packed: Vec<Vec<T>>,
        initial: &[Vec<Vec<T>>],
        loss: &Loss<T>,
        way: ThroughTime,
        poll: Poll,
    ) -> Result<Evaluated<T>, NetError> {
        way.check(&self.network)?;
        let prepared = Prepared::new(&self.network, batch, loss, true, self.kernels)?;
        let plan = Some(prepared.plan());
        let schedule = match way {
            ThroughTime::Checkpointed(budget) => {
                Some(schedule::<T>(&self.network, plan, batch, budget, team::lanes())?)
            }
            _ => None,
        };
        let at_once = schedule.as_ref().map_or(usize::MAX, |schedule| schedule.at_once);
        let inputs: Vec<Mutex<Option<Vec<T>>>> =
            packed.into_iter().map(|input| Mutex::new(Some(input))).collect();
        let shared = self.shared();
        let finals: Vec<Mutex<Vec<Vec<T>>>> = batch.units.iter().map(|_| Mutex::default()).collect();
        let (terms, mut gradients) = self.gathered(batch, at_once, poll, &|unit, slots, scratch| {
            let (geometry, initial) = (&batch.units[unit].geometry, &initial[unit][..]);
            let input = lock(&inputs[unit]).take().unwrap_or_default();
            let passage = Passage { shared: &shared, loss: &prepared, unit, geometry, initial };
            let passed = match (way, &schedule) {
                (ThroughTime::Truncated { every, back }, _) => {
                    truncated(&passage, input, (every, back), batch.steps, slots, scratch)
                }
                (_, Some(schedule)) => checkpointed(&passage, input, &schedule.units[unit], slots, scratch),
                _ => passage.full(input, slots, scratch),
            };
            *lock(&finals[unit]) = passed.finals;
            (passed.terms, passed.gradients)
        })?;
        let finals: Vec<Vec<Vec<T>>> = finals.iter().map(|unit| std::mem::take(&mut *lock(unit))).collect();
        let finals = self.unpacked_states(batch, finals.iter());
        let steps: f64 = terms.iter().map(Terms::penalty).sum();
        let penalty = steps + self.penalties.take(&self.network, self.kernels, 1.0, &mut gradients.params);
        let loss = terms.iter().map(|terms| terms.loss).sum::<f64>() + penalty;
        Ok(Evaluated { loss, penalty, gradients, finals })
    }

    /// The loss and the final states, without a way back.
    pub fn loss_value(
        &self,
        batch: Batch,
        packed: Vec<Vec<T>>,
        initial: &[Vec<Vec<T>>],
        loss: &Loss<T>,
        poll: Poll,
    ) -> Result<(f64, Trained<T>), NetError> {
        let prepared = Prepared::new(&self.network, &batch, loss, false, self.kernels)?;
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
    /// by group. Terms are by unit.
    #[allow(clippy::type_complexity)] // one closure, named by its parameters
    fn gathered(
        &self,
        batch: &Batch,
        at_once: usize,
        poll: Poll,
        one: &(dyn Fn(usize, &mut [SlotGradients<T>], &mut Scratch<T>) -> (Terms, UnitGradients<T>) + Sync),
    ) -> Result<(Vec<Terms>, Gradients<T>), NetError> {
        let groups = batch.groups();
        type Done<T> = (Vec<(Terms, UnitGradients<T>)>, Vec<SlotGradients<T>>);
        let results: Vec<Mutex<Option<Done<T>>>> = groups.iter().map(|_| Mutex::new(None)).collect();
        let lanes = Lanes::new(&self.network.pools, team::lanes().min(at_once));
        work(&lanes, groups.len(), poll, &|group, lane| {
            let mut slots: Vec<SlotGradients<T>> =
                self.network.layers.iter().map(|layer| SlotGradients::new(&layer.plan)).collect();
            let mut scratch = lanes.lane(lane);
            let units = groups[group].iter().map(|&unit| one(unit, &mut slots, &mut scratch)).collect();
            *lock(&results[group]) = Some((units, slots));
        })?;
        let mut done = collected(results)?.into_iter();
        let widths = (self.network.widths[0], &self.network.states);
        let has_input = self.network.nodes[0] == SeqNode::Input;
        let inputs = if has_input { batch.rows * batch.steps * widths.0 } else { 0 };
        let mut gradients = Gradients {
            params: vec![T::ZERO; self.arena_len],
            inputs: vec![T::ZERO; inputs],
            initial: widths.1.iter().map(|width| vec![T::ZERO; batch.rows * width]).collect(),
        };
        let mut terms = vec![Terms::default(); batch.units.len()];
        let mut total: Option<Vec<SlotGradients<T>>> = None;
        for group in &groups {
            let Some((units, slots)) = done.next() else { break };
            for (&unit, (of_unit, result)) in group.iter().zip(units) {
                terms[unit] = of_unit;
                let place = &batch.units[unit];
                if has_input {
                    batch.unpack(place, &result.d_input, widths.0, widths.0, &mut gradients.inputs);
                }
                for (slot, values) in result.d_initial.iter().enumerate() {
                    let d_state = &mut gradients.initial[slot];
                    batch.unpack_state(place, values, widths.1[slot], End::Initial, d_state);
                }
            }
            match &mut total {
                None => total = Some(slots),
                Some(total) => total.iter_mut().zip(&slots).for_each(|(sum, slots)| sum.add(slots)),
            }
        }
        for (number, layer) in self.network.layers.iter().enumerate() {
            if let Some(total) = &total {
                self.weights[number].collect(
                    &layer.plan,
                    &total[number],
                    self.kernels,
                    &mut |position, values| {
                        let (at, _) = layer.params[position];
                        gradients.params[at..].iter_mut().zip(values).for_each(|(sum, x)| *sum += *x);
                    },
                );
            }
        }
        Ok((terms, gradients))
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
        self.unpacked_states(&trained.batch, trained.units.iter().map(|run| &run.finals))
    }

    fn unpacked_states<'a>(&self, batch: &Batch, units: impl Iterator<Item = &'a Vec<Vec<T>>>) -> Vec<Vec<T>>
    where
        T: 'a,
    {
        let widths = &self.network.states;
        let mut states: Vec<Vec<T>> = widths.iter().map(|width| vec![T::ZERO; batch.rows * width]).collect();
        for (unit, finals) in batch.units.iter().zip(units) {
            for (slot, values) in finals.iter().enumerate() {
                batch.unpack_state(unit, values, widths[slot], End::Final, &mut states[slot]);
            }
        }
        states
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
    let taken =
        results.into_iter().map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    taken.collect::<Option<Vec<T>>>().ok_or_else(|| NetError::Internal("a unit left no result".into()))
}
