//! Calls of a network over a batch: packing of inputs, and losses with gradients in one call. Row groups run on the thread
//! pool. Results are in the caller's order. Gradients are summed in an order that only the batch decides.

use std::sync::{Arc, Mutex, PoisonError};

use crate::kernel::{Caches, Isa, Kernels};
use crate::memory::reserve;
use crate::plan::Pass;
use crate::random::Noise;
use crate::team;
use crate::time::{LayerWeights, Scratch, SlotGradients, add_all};

use super::super::batch::{Axes, Batch, End, Extent, Input, MAX_SUMS, Packed, States, group_rows};
use super::super::bptt::{ThroughTime, Windows, checkpointed, truncated, windowed_axes};
use super::super::graph::{Axis, Layer, NetError, Network, expect_len};
use super::super::group::{
    GroupResult, Loss, Prepared, Reduction, Share, Shared, StepScales, Training, WeightPenalties, Workspace,
    is_shared,
};
use super::super::locks::lock;
use super::engine::Engine;
use super::lanes::Lanes;
use super::pools::Pooled;
use super::results::{Evaluated, Results};
use super::schedule_cache::scheduled;

pub use super::lanes::Poll;

/// A network with a copy of the parameters. It reuses the memory of an earlier call, and leaves its own to a later call.
pub struct Call<T: Pooled> {
    engine: Arc<Engine>,
    weights: Vec<LayerWeights<T>>,
    workspace: Mutex<Option<Workspace<T>>>,
    pub(super) kernels: &'static Kernels<T>,
    pub(super) penalties: WeightPenalties<T>,
    /// Elements of the arena. The arena may have gaps between its parameters.
    pub arena_len: usize,
    /// The seed of the call's noise.
    seed: u64,
}

impl<T: Pooled> Call<T> {
    /// Copies the parameters from `arena`, unless the weights of the call before were made from the same. `seed` is the seed of the call's noise, in the backward pass too.
    pub fn new(engine: Arc<Engine>, arena: &[T], training: bool, seed: u64) -> Result<Call<T>, NetError> {
        let network = &engine.network;
        network.finished()?;
        let isa = Isa::active().map_err(NetError::Config)?;
        let kernels = T::kernels(isa);
        Caches::active().map_err(NetError::Config)?;
        if arena.len() < network.arena_len() {
            let (got, expected) = (arena.len(), network.arena_len());
            return Err(NetError::Shape(format!(
                "the parameter arena has {got} elements; expected {expected}"
            )));
        }
        let mut workspace = idle_workspace(&engine);
        let mut weights = std::mem::take(&mut workspace.weights);
        weights.resize_with(network.layers.len(), LayerWeights::empty);
        let all = || network.layers.iter().flat_map(|layer| read_of(layer, arena));
        // in training, parameters differ from call to call
        if training || !workspace.origin.is((isa, seed), all()) {
            workspace.origin.forget();
            for (layer, weights) in network.layers.iter().zip(&mut weights) {
                let params: Vec<&[T]> = params_of(layer, arena).collect();
                let noise = Noise::new(seed, layer.share.layer as u16); // `Network::layer` limits the number of layers to this type
                weights.renew(layer.plan(training), &params, kernels, training, noise);
            }
            if !training {
                workspace.origin.set((isa, seed), all());
            }
        }
        let penalties = WeightPenalties::new(network, arena, training);
        let workspace = Mutex::new(Some(workspace));
        Ok(Call { engine, weights, workspace, kernels, penalties, arena_len: arena.len(), seed })
    }

    pub fn network(&self) -> &Network {
        &self.engine.network
    }

    /// The kernels of the call.
    pub fn kernels(&self) -> &'static Kernels<T> {
        self.kernels
    }

    /// See `Network::copied_by_block`.
    pub(super) fn copied_by_block(&self) -> &[bool] {
        self.engine.copied_by_block()
    }

    pub(super) fn shared_engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine)
    }

    /// The threads for `groups` groups of a batch, of which at most `at_once` run at the same time. `passes` are the passes
    /// that run.
    pub(super) fn lanes<'p>(
        &self,
        batch: &Batch,
        groups: usize,
        at_once: usize,
        training: bool,
        passes: impl Iterator<Item = &'p Pass>,
    ) -> Lanes<'_, T> {
        let axes = || batch.groups.iter().map(|group| group.axes());
        let rows = (0..batch.axes()).map(|number| batch.total(Axis::Sequence(number))).max().unwrap_or(0);
        let work = passes.map(|pass| pass.work(|_| true)[0]).sum::<usize>();
        let lanes = team::lanes_for(rows * work).min(at_once);
        let largest: Option<Axes> = axes().max_by_key(|axes| axes.time.rows);
        let shared = team::regions_of(lanes, groups)
            .max()
            .zip(largest)
            .is_some_and(|(parts, axes)| is_shared(self.network(), training, axes, parts));
        Lanes::new(&self.engine.pools, lanes, groups, shared)
    }

    pub(super) fn shared(&self) -> Shared<'_, T> {
        Shared { network: self.network(), weights: &self.weights, kernels: self.kernels }
    }

    /// Calls `act` with the workspace of the call. No other call uses it, so the lock is free.
    pub(super) fn with_workspace<R>(&self, act: impl FnOnce(&mut Workspace<T>) -> R) -> R {
        act(lock(&self.workspace).get_or_insert_with(|| idle_workspace(&self.engine)))
    }

    /// `Batch::new`, in reused memory, with groups of as many rows as the network needs unless `extent` says otherwise.
    pub fn batch(&self, rows: usize, steps: usize, extent: Extent) -> Result<Batch, NetError> {
        let mut batch = lock(T::pool(&self.engine.pools)).batches.pop().unwrap_or_default();
        let (axes, expected) = (1 + extent.others.len(), self.network().axes.len().max(1));
        if axes != expected {
            let text = format!("the batch has {axes} axes of sequences; the network has {expected}");
            return Err(NetError::Config(text));
        }
        let group_rows = extent.group_rows.or_else(|| group_rows::<T>(self.network()));
        batch.renew(rows, steps, Extent { group_rows, ..extent })?;
        Ok(batch)
    }

    /// Packs the inputs of every group, in the order of the network's inputs. Ids are checked.
    pub fn pack(&self, batch: &Batch, inputs: &[Input<T>]) -> Result<Vec<Packed<T>>, NetError> {
        self.pack_unless(&|_| false, batch, inputs)
    }

    /// The same; an input whose node is `left` out is empty, with room for its packed rows.
    pub(super) fn pack_unless(
        &self,
        left: &dyn Fn(usize) -> bool,
        batch: &Batch,
        inputs: &[Input<T>],
    ) -> Result<Vec<Packed<T>>, NetError> {
        let network = self.network();
        if inputs.len() != network.inputs.len() {
            let (got, expected) = (inputs.len(), network.inputs.len());
            return Err(NetError::Shape(format!("got {got} inputs; expected {expected}")));
        }
        (0..inputs.len()).map(|number| self.pack_input(left, batch, number, inputs[number])).collect()
    }

    fn pack_input(
        &self,
        left: &dyn Fn(usize) -> bool,
        batch: &Batch,
        number: usize,
        input: Input<T>,
    ) -> Result<Packed<T>, NetError> {
        let network = self.network();
        let port = &network.inputs[number];
        let node = &network.nodes[port.node];
        let (name, axis, expected) = (&port.name, node.axis, node.width);
        let count = batch.count(axis);
        let totals = || batch.groups.iter().map(|group| group.axes().of(axis).total());
        let (ids, features) = match axis {
            Axis::Sequence(_) => ("(N, T)", "(N, T, F)"),
            Axis::Row => ("(N,)", "(N, F)"),
        };
        match (input, port.limit) {
            (Input::Features { data, width }, None) if width == expected => {
                expect_len(name, data.len(), count * width)?;
                let packed = self.with_workspace(|kept| kept.packed(totals().map(|total| total * width)));
                if !left(port.node) {
                    batch.pack_groups(axis, data, width, &packed)?;
                }
                Ok(packed)
            }
            (Input::Ids { data }, Some(limit)) => {
                expect_len(name, data.len(), count)?;
                let packed = self.with_workspace(|kept| kept.packed(totals()));
                for (group, one) in batch.groups.iter().zip(&packed) {
                    batch.pack_ids(group, axis, data, (name, limit), &mut lock(one))?;
                }
                Ok(packed)
            }
            (Input::Features { width, .. }, None) => {
                let per = if axis.is_sequence() { "step" } else { "row" };
                Err(NetError::Shape(format!("{name} has {width} features per {per}; expected {expected}")))
            }
            (Input::Features { .. }, _) => {
                Err(NetError::Shape(format!("{name} holds features; expected ids {ids}")))
            }
            (Input::Ids { .. }, _) => {
                Err(NetError::Shape(format!("{name} holds ids; expected features {features}")))
            }
        }
    }

    /// Packs states (N, width) for every group; zeros for missing states.
    pub fn pack_states(
        &self,
        batch: &Batch,
        states: &[Option<&[T]>],
        end: End,
        what: &str,
    ) -> Result<States<T>, NetError> {
        let widths = &self.network().states;
        if states.len() != widths.len() && !states.is_empty() {
            let (got, expected) = (states.len(), widths.len());
            return Err(NetError::Shape(format!("{what} has {got} entries; expected {expected}")));
        }
        for (slot, &width) in widths.iter().enumerate() {
            if let Some(Some(values)) = states.get(slot) {
                if end == End::Initial && self.network().is_bridged(slot) {
                    let text = format!("{what}[{slot}] is the value of a node; expected none");
                    return Err(NetError::Config(text));
                }
                expect_len(&format!("{what}[{slot}]"), values.len(), batch.rows * width)?;
            }
        }
        Ok(self.with_workspace(|kept| {
            let mut packed = kept.states.pop().unwrap_or_default();
            reserve(&mut packed, batch.groups.len());
            for group in &batch.groups {
                let mut of_group = kept.vectors.list();
                for (slot, &width) in widths.iter().enumerate() {
                    let mut rows = kept.vectors.zeros(group.rows.len() * width);
                    if let Some(Some(values)) = states.get(slot) {
                        let axis = self.network().state_axes[slot];
                        batch.pack_state((group, axis), values, width, end, &mut rows);
                    }
                    of_group.push(rows);
                }
                packed.push(of_group);
            }
            packed
        }))
    }

    /// Packs the loss of an output for a batch, with or without a backward pass. Its arrays are copied.
    pub fn loss<'a>(
        &'a self,
        batch: &Batch,
        output: usize,
        loss: &Loss<'a, '_, T>,
        gradient: bool,
    ) -> Result<Prepared<'a, T>, NetError> {
        let network = self.network();
        let inside = |&(at, values): &(usize, &[T])| at.checked_add(values.len()) <= Some(self.arena_len);
        if gradient && !loss.params.iter().all(inside) {
            return Err(NetError::Config("a parameter of a loss lies beyond the arena".into()));
        }
        self.with_workspace(|kept| {
            Prepared::new((network, output), batch, loss, (gradient, self.seed), self.kernels, kept)
        })
    }

    /// Takes back the memory of a call's inputs.
    pub(super) fn retired(&self, batch: Batch, packed: Vec<Packed<T>>, initial: States<T>) {
        lock(T::pool(&self.engine.pools)).batches.push(batch);
        self.with_workspace(|kept| {
            packed.into_iter().for_each(|packed| kept.keep_packed(packed));
            kept.keep_states(initial);
        });
    }

    /// Losses, gradients and final states. Each group runs its forward pass, losses and backward pass before the next group
    /// starts, in the pieces of time that `way` requires. `losses` were prepared for a backward pass. Their reduction applies to
    /// the penalties of the steps too, and their share to all penalties.
    pub fn value_and_grad(
        &self,
        batch: Batch,
        packed: Vec<Packed<T>>,
        initial: States<T>,
        losses: (Vec<Prepared<T>>, Reduction, Share),
        way: ThroughTime,
        poll: Poll,
    ) -> Result<Evaluated<T>, NetError> {
        let (losses, reduction, share) = losses;
        let done = self.evaluated(&batch, &packed, &initial, (&losses, reduction, share), way, poll);
        self.retired(batch, packed, initial);
        self.with_workspace(|kept| losses.into_iter().for_each(|loss| loss.retired(kept)));
        done
    }

    fn evaluated(
        &self,
        batch: &Batch,
        packed: &[Packed<T>],
        initial: &States<T>,
        (losses, reduction, share): (&[Prepared<T>], Reduction, Share),
        way: ThroughTime,
        poll: Poll,
    ) -> Result<Evaluated<T>, NetError> {
        let network = self.network();
        way.check(network)?;
        debug_assert!(losses.iter().all(Prepared::has_gradient));
        let windowed = match way {
            ThroughTime::Truncated { .. } => windowed_axes(network)?,
            _ => Vec::new(),
        };
        let steps = windowed.iter().map(|&axis| batch.steps_of(axis)).max().unwrap_or(batch.steps);
        if let Some(loss) = losses.iter().find(|loss| loss.has_states())
            && !way.is_whole(steps)
        {
            return Err(NetError::Config(format!(
                "through_time: loss {}: its value at a step depends on earlier steps, so it needs all steps together; use \
                 FullBPTT()",
                loss.name()
            )));
        }
        let schedule = match way {
            ThroughTime::Checkpointed(budget) => {
                let plans: Vec<_> = losses.iter().map(|loss| (loss.node(), loss.plan())).collect();
                let planned = || scheduled::<T>(&self.engine, &plans, batch, budget, team::lanes());
                Some(team::alone(planned, poll)??)
            }
            _ => None,
        };
        let at_once = schedule.as_ref().map_or(usize::MAX, |schedule| schedule.at_once);
        let from_end = match way {
            ThroughTime::Truncated { .. } if windowed.is_empty() => network.states_from_end(),
            _ => Vec::new(),
        };
        let windows = match way {
            ThroughTime::Truncated { every, back } => {
                let windows = Windows { every, back, steps, axes: &windowed, from_end: &from_end };
                windows.check()?;
                Some(windows)
            }
            _ => None,
        };
        let (shared, step_scales) = (self.shared(), StepScales::of_share(batch, reduction, &share, 1.0));
        let mut done = self.gathered(batch, losses, at_once, true, poll, &|group, slots, scratch| {
            let (axes, initial) = (batch.groups[group].axes(), &initial[group][..]);
            let training =
                Training { shared: &shared, losses, step_scales: &step_scales, group, axes, initial };
            let mut inputs = scratch.vectors.list();
            inputs.extend(packed.iter().map(|packed| std::mem::take(&mut *lock(&packed[group]))));
            let passed = match (windows, &schedule) {
                (Some(windows), _) => truncated(&training, &mut inputs, windows, slots, scratch),
                (_, Some(schedule)) => {
                    let pool = T::pool(&self.engine.pools);
                    let mut stored = lock(pool).stored.pop().unwrap_or_default();
                    let schedule = &schedule.groups[group];
                    let passed = checkpointed(&training, &mut inputs, schedule, &mut stored, slots, scratch);
                    lock(pool).stored.push(stored);
                    passed
                }
                _ => training.full(&mut inputs, slots, scratch),
            };
            packed.iter().zip(inputs.drain(..)).for_each(|(packed, values)| *lock(&packed[group]) = values);
            scratch.vectors.keep_list(inputs);
            passed
        })?;
        let params = &mut done.gradients.params;
        if share.parameters != 0.0 {
            let penalty = self.penalties.take(network, self.kernels, share.parameters, params);
            done.penalty += share.parameters * penalty;
        }
        done.loss += done.penalty;
        Ok(done)
    }

    /// Runs `one` for every group, at most `at_once` at the same time, and sums the gradients of the parameters in partial
    /// sums. The losses and the penalty include the steps only; `finals`: whether groups return final states.
    #[allow(clippy::type_complexity)] // one closure, explained by its parameter names
    pub(super) fn gathered(
        &self,
        batch: &Batch,
        losses: &[Prepared<T>],
        at_once: usize,
        finals: bool,
        poll: Poll,
        one: &(dyn Fn(usize, &mut [SlotGradients<T>], &mut Scratch<T>) -> GroupResult<T> + Sync),
    ) -> Result<Evaluated<T>, NetError> {
        let network = self.network();
        let (mut slots, terms) =
            self.with_workspace(|kept| (std::mem::take(&mut kept.slots), std::mem::take(&mut kept.terms)));
        slots.resize_with(batch.partial_sums(), Mutex::default);
        let place = Results::new(network, batch, self.arena_len, terms, finals);
        let passes = network.layers.iter().flat_map(|layer| [&layer.plan.train, &layer.plan.back]);
        let lanes = self.lanes(batch, slots.len(), at_once, true, passes);
        lanes.work(poll, &|sum, scratch| {
            let mut slots = lock(&slots[sum]);
            slots.truncate(network.layers.len());
            match slots.is_empty() {
                true => slots.extend(network.layers.iter().map(|layer| SlotGradients::new(&layer.plan))),
                false => slots.iter_mut().for_each(SlotGradients::reset),
            }
            slots.extend(losses.iter().map(Prepared::slots));
            for group in batch.groups_of(sum) {
                let passed = one(group, &mut slots, scratch);
                // SAFETY: a group belongs to one partial sum, and a run executes each partial sum once.
                unsafe { place.put(group, passed, scratch) };
            }
        })?;
        // SAFETY: the run finished, so all groups were put.
        let mut sums = unsafe { place.finished() };
        if let Some((total, others)) = slots.split_first_mut() {
            let total = total.get_mut().unwrap_or_else(PoisonError::into_inner);
            let mut rest: [&[SlotGradients<T>]; MAX_SUMS] = [&[]; MAX_SUMS];
            let count = others.len();
            for (place, other) in rest.iter_mut().zip(others) {
                *place = other.get_mut().unwrap_or_else(PoisonError::into_inner);
            }
            add_all(total, &rest[..count])?;
            for (number, layer) in network.layers.iter().enumerate() {
                let params = &mut sums.gradients.params;
                let mut add = |position: usize, first: usize, values: &[T]| {
                    let (at, _) = layer.params[position];
                    params[at + first..].iter_mut().zip(values).for_each(|(sum, x)| *sum += *x);
                };
                self.weights[number].collect(&layer.plan, &total[number], self.kernels, &mut add);
            }
            for (loss, slots) in losses.iter().zip(&total[network.layers.len()..]) {
                loss.collect(slots, &network.frozen, &mut sums.gradients.params);
            }
        }
        let (evaluated, terms) = sums.evaluated(network.outputs.len());
        self.with_workspace(|kept| (kept.slots, kept.terms) = (slots, terms));
        Ok(evaluated)
    }
}

/// The parameters of a layer, in the order of its program.
fn params_of<'p, T>(layer: &'p Layer, arena: &'p [T]) -> impl Iterator<Item = &'p [T]> {
    layer.params.iter().map(|&(at, numel)| &arena[at..at + numel])
}

/// Those of them that inference reads.
fn read_of<'p, T>(layer: &'p Layer, arena: &'p [T]) -> impl Iterator<Item = &'p [T]> {
    params_of(layer, arena).zip(&layer.read).filter(|(_, read)| **read).map(|(param, _)| param)
}

/// The workspace of an earlier call, or a new one.
fn idle_workspace<T: Pooled>(engine: &Engine) -> Workspace<T> {
    lock(T::pool(&engine.pools)).workspaces.pop().unwrap_or_else(Workspace::new)
}

impl<T: Pooled> Drop for Call<T> {
    fn drop(&mut self) {
        let workspace = lock(&self.workspace).take();
        if let Some(mut workspace) = workspace {
            workspace.weights = std::mem::take(&mut self.weights);
            lock(T::pool(&self.engine.pools)).workspaces.push(workspace);
        }
    }
}
