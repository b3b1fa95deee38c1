//! A training forward pass and its backward pass as two calls: all row groups stay in memory between the calls.

use std::sync::{Arc, PoisonError, RwLock};

use crate::memory::reserve;
use crate::team;
use crate::time::SeqView;

use super::super::batch::{Batch, End, OutputArray, Packed, States};
use super::super::graph::{Axis, NetError, expect_len};
use super::super::group::{
    BackwardStart, GroupResult, GroupRun, Reduction, StepScales, Terms, back_group, run_group, step_gradient,
};
use super::super::locks::{lock, read};
use super::arguments::Call;
use super::engine::Engine;
use super::lanes::Poll;
use super::pools::Pooled;
use super::results::{Gradients, unpack_states, zero_states};

/// A forward run over a batch, with the values that its backward pass reads. Dropping it returns its memory to the pool.
pub struct Record<T: Pooled> {
    engine: Arc<Engine>,
    pub batch: Batch,
    /// May be longer than this batch needs, if an earlier batch was larger.
    groups: Vec<RwLock<GroupRun<T>>>,
}

/// The packed gradients from which a backward pass starts.
pub struct Arriving<T> {
    /// By group: the gradients of the outputs; None for an output without a gradient.
    outputs: Vec<Option<Packed<T>>>,
    finals: States<T>,
}

impl<T: Pooled> Call<T> {
    /// Runs the forward pass of every group, and keeps the values that the backward pass reads.
    pub fn run(
        &self,
        batch: Batch,
        packed: Vec<Packed<T>>,
        initial: States<T>,
        poll: Poll,
    ) -> Result<Record<T>, NetError> {
        let engine = self.shared_engine();
        let mut groups = lock(T::pool(&engine.pools)).runs.pop().unwrap_or_default();
        if groups.len() < batch.groups.len() {
            reserve(&mut groups, batch.groups.len());
            groups.resize_with(batch.groups.len(), || RwLock::new(GroupRun::empty()));
        }
        let record = Record { engine, batch, groups };
        let (batch, shared, network) = (&record.batch, self.shared(), self.network());
        let passes = network.layers.iter().map(|layer| layer.forward(true));
        let lanes = self.lanes(batch, batch.groups.len(), usize::MAX, true, passes);
        let done = lanes.work(poll, &|group, scratch| {
            let mut run = record.groups[group].write().unwrap_or_else(PoisonError::into_inner);
            let before = std::mem::replace(&mut *run, GroupRun::empty());
            let mut idle = scratch.vectors.list();
            idle.resize(network.inputs.len(), Vec::new());
            let finals = before.retired(network, &mut idle, scratch);
            scratch.vectors.keep_list(finals);
            let mut inputs = scratch.vectors.list();
            let arrays = packed.iter().zip(idle.drain(..));
            inputs.extend(arrays.map(|(packed, idle)| std::mem::replace(&mut *lock(&packed[group]), idle)));
            scratch.vectors.keep_list(idle);
            let axes = batch.groups[group].axes();
            *run = run_group(&shared, axes, &mut inputs, &initial[group], None, true, scratch);
            scratch.vectors.keep_list(inputs);
        });
        self.with_workspace(|kept| {
            packed.into_iter().for_each(|packed| kept.keep_packed(packed));
            kept.keep_states(initial);
        });
        drop(lanes);
        done.map(|()| record)
    }

    /// The penalties of a run; step penalties as their mean.
    pub fn penalty(&self, record: &Record<T>) -> f64 {
        let (network, scales) = (self.network(), StepScales::new(&record.batch, Reduction::Mean, 1.0));
        let steps = record.batch.groups.iter().zip(&record.groups).map(|(group, run)| {
            let mut terms = Terms::default();
            terms.add_penalties(network, &read(run), group.axes(), 0, &scales);
            terms.penalty()
        });
        steps.sum::<f64>() + self.penalties.value(network, self.kernels)
    }

    /// Packs the gradients from which a backward pass starts: `d_outputs` by output, (N, T, width) or (N, width); zeros for
    /// missing gradients.
    pub fn pack_gradients(
        &self,
        batch: &Batch,
        d_outputs: &[Option<&[T]>],
        d_final: &[Option<&[T]>],
    ) -> Result<Arriving<T>, NetError> {
        let network = self.network();
        for (d, port) in d_outputs.iter().zip(&network.outputs) {
            let node = &network.nodes[port.node];
            if let Some(d) = d {
                let what = if network.outputs.len() == 1 { "d_outputs" } else { &port.name };
                expect_len(what, d.len(), batch.count(node.axis) * node.width)?;
            }
        }
        let finals = self.pack_states(batch, d_final, End::Final, "d_final_state")?;
        let mut outputs = Vec::with_capacity(network.outputs.len());
        for (number, port) in network.outputs.iter().enumerate() {
            let node = &network.nodes[port.node];
            let Some(Some(d)) = d_outputs.get(number) else {
                outputs.push(None);
                continue;
            };
            let lens = batch.groups.iter().map(|group| group.axes().of(node.axis).total() * node.width);
            let packed = self.with_workspace(|kept| kept.packed(lens));
            match node.axis {
                Axis::Sequence(_) => batch.pack_groups(node.axis, d, node.width, &packed)?,
                Axis::Row => {
                    for (group, one) in batch.groups.iter().zip(&packed) {
                        let mut values = lock(one);
                        values.resize(group.rows.len() * node.width, T::ZERO);
                        batch.pack_state((group, node.axis), d, node.width, End::Final, &mut values);
                    }
                }
            }
            outputs.push(Some(packed));
        }
        Ok(Arriving { outputs, finals })
    }

    /// Runs the backward pass of every group. `d_penalty` is the gradient of `penalty`.
    pub fn back(
        &self,
        record: &Record<T>,
        arriving: Arriving<T>,
        d_penalty: f64,
        poll: Poll,
    ) -> Result<Gradients<T>, NetError> {
        let (batch, network) = (&record.batch, self.network());
        let Arriving { outputs, finals } = arriving;
        let shared = self.shared();
        let step_scales = &StepScales::new(batch, Reduction::Mean, d_penalty);
        let done = self.gathered(batch, &[], usize::MAX, false, poll, &|group, slots, scratch| {
            let run = read(&record.groups[group]);
            let axes = batch.groups[group].axes();
            let (mut values, mut d) = (scratch.vectors.list(), scratch.views());
            for (packed, port) in outputs.iter().zip(&network.outputs) {
                let Some(packed) = packed else {
                    values.push(Vec::new());
                    d.push(SeqView::NONE);
                    continue;
                };
                values.push(std::mem::take(&mut *lock(&packed[group])));
                d.extend(values.last().map(|values| SeqView::of(values, network.width(port.node))));
            }
            let d_steps = step_gradient(network, 0, axes.time.total(), step_scales, scratch);
            let d_final = &finals[group];
            let from = BackwardStart { d_outputs: &d, d_penalty: &d_steps, step_scales, d_final };
            let gradients = back_group(&shared, axes, &run, from, slots, scratch);
            scratch.vectors.keep(d_steps);
            scratch.keep_views(d);
            for (packed, values) in outputs.iter().zip(values.drain(..)) {
                if let Some(packed) = packed {
                    *lock(&packed[group]) = values;
                }
            }
            scratch.vectors.keep_list(values);
            GroupResult { terms: Terms::default(), gradients, finals: scratch.vectors.list() }
        });
        self.with_workspace(|kept| {
            outputs.into_iter().flatten().for_each(|packed| kept.keep_packed(packed));
            kept.keep_states(finals);
        });
        let mut gradients = done?.gradients;
        self.penalties.take(network, self.kernels, d_penalty, &mut gradients.params);
        Ok(gradients)
    }

    /// The outputs in the caller's shapes, (N, T, width) or (N, width) each; padding is zeros.
    pub fn outputs(&self, record: &Record<T>, poll: Poll) -> Result<Vec<Vec<T>>, NetError> {
        let (network, batch) = (self.network(), &record.batch);
        let mut outputs = Vec::with_capacity(network.outputs.len());
        for port in &network.outputs {
            let node = &network.nodes[port.node];
            let array = OutputArray::new(batch, node.axis, node.width);
            let one = |group: usize, _| {
                let view = read(&record.groups[group]).view(network, port.node, batch.groups[group].axes());
                // SAFETY: the view has the rows of the group, and each group is put once; the run finished, so nothing
                // writes to it.
                unsafe { array.put(batch, group, view) };
            };
            let lanes = team::lanes_to_copy(batch.count(node.axis) * node.width);
            team::run_on(lanes, batch.groups.len(), &one, poll)?;
            // SAFETY: all groups were put.
            outputs.push(unsafe { array.filled(batch) });
        }
        Ok(outputs)
    }

    /// The final states in the caller's shape, (N, width) per state slot.
    pub fn final_state(&self, record: &Record<T>) -> Vec<Vec<T>> {
        let (network, batch) = (self.network(), &record.batch);
        let mut states = zero_states(network, batch);
        for (group, run) in batch.groups.iter().zip(&record.groups) {
            unpack_states(network, batch, group, &read(run).finals, End::Final, &mut states);
        }
        states
    }
}

impl<T: Pooled> Drop for Record<T> {
    fn drop(&mut self) {
        let mut idle = lock(T::pool(&self.engine.pools));
        idle.batches.push(std::mem::take(&mut self.batch));
        idle.runs.push(std::mem::take(&mut self.groups));
    }
}
