//! A loss of a network's output: a program on (output, target), summed over the valid steps, or over the rows.

use std::collections::BTreeSet;

use crate::kernel::{Float, Kernels};
use crate::memory::{reserve, resized};
use crate::plan::LayerPlan;
use crate::random::Noise;
use crate::time::{
    Geometry, IncomingGradients, LayerCall, LayerWeights, PassMemory, Saved, Scratch, SeqView, SlotGradients,
    VecPool,
};

use super::super::batch::{Batch, End, Packed};
use super::super::graph::{Axis, NetError, Network, expect_len, index_limits, noise_layer};
use super::super::locks::lock;
use super::reduction::Reduction;
use super::workspace::Workspace;

#[derive(Debug, Clone, Copy)]
pub enum LossTarget<'a, T> {
    Features { data: &'a [T], width: usize },
    Ids { data: &'a [i64] },
}

/// A loss of an output.
pub struct Loss<'p, 'a, T> {
    /// `LayerPlan::of_loss` of a program (output, target) -> number. Planning takes longer than running a small batch, so
    /// the caller caches the plan.
    pub plan: &'p LayerPlan,
    pub target: LossTarget<'a, T>,
    pub reduction: Reduction,
    /// (N, T), or (N,) for an output per row; None gives every valid step, or row, the weight 1. A step with weight 0 has no
    /// loss and no gradient, even if its target or its output is not finite.
    pub weights: Option<&'a [T]>,
    /// The factor of the loss.
    pub scale: f64,
    /// Whether only the value of the last step of each row counts; its weight is that of this step.
    pub last: bool,
    /// The parameters in the order of the program, each with its offset in the arena.
    pub params: &'a [(usize, &'a [T])],
}

/// A loss with its targets and weights, packed for a batch.
pub struct Prepared<'a, T: Float> {
    /// The index of the output, and its node.
    output: usize,
    node: usize,
    axis: Axis,
    plan: &'a LayerPlan,
    weights: LayerWeights<T>,
    /// The value from the last states, with the states that it reads, if it counts at the last step alone; `plan` then has the
    /// states.
    end: Option<(&'a LayerPlan, &'a [usize], LayerWeights<T>)>,
    kernels: &'a Kernels<T>,
    /// By group: packed targets; then the weight of each step, divided by the denominator of the reduction.
    targets: Packed<T>,
    target_width: usize,
    steps: Vec<Vec<T>>,
    gradient: bool,
    /// The offset of each parameter in the arena.
    offsets: Vec<usize>,
}

/// What to compute of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its value, by a program that stores nothing.
    Value,
    /// Its value, by the program that `Gradient` runs: bit-identical to the value of `Gradient`.
    Sum,
    /// Its value, and the gradient of the output.
    Gradient,
}

impl<'a, T: Float> Prepared<'a, T> {
    /// Packs the loss of output number `output`, with or without a backward pass. Arrays are copied. The noise of a loss is
    /// that of a layer of its own, behind all layers that a network can have.
    pub fn new(
        (network, output): (&Network, usize),
        batch: &Batch,
        loss: &Loss<'a, '_, T>,
        (gradient, seed): (bool, u64),
        kernels: &'a Kernels<T>,
        kept: &mut Workspace<T>,
    ) -> Result<Prepared<'a, T>, NetError> {
        let plan = loss.plan;
        let program = &plan.program;
        let node = network.outputs[output].node;
        let (width, axis) = (network.width(node), network.nodes[node].axis);
        let fits = program.inputs.len() == 2
            && !program.nodes[program.inputs[0]].is_index
            && program.outputs.len() == 1
            && program.params.len() == loss.params.len()
            && program
                .params
                .iter()
                .zip(loss.params)
                .all(|(&id, (_, own))| program.nodes[id].numel() == own.len())
            && program.nodes[program.inputs[0]].numel() == width
            && program.nodes[program.outputs[0].1].numel() == 1;
        if !fits {
            return Err(NetError::Config(format!(
                "loss {}: expected a program (y of {width} features, target) -> number, and its parameters",
                program.name
            )));
        }
        let Some(noise_layer) = noise_layer(output) else {
            return Err(NetError::Large(format!("loss {}: a loss of output {output}", program.name)));
        };
        let last_step = plan.last_step.as_deref().filter(|_| loss.last && axis.is_sequence());
        let plan = last_step.map_or(plan, |last| &last.steps);
        let values: Vec<&[T]> = loss.params.iter().map(|(_, values)| *values).collect();
        let mut ready = |plan: &LayerPlan| {
            let mut weights = kept.losses.pop().unwrap_or_else(LayerWeights::empty);
            weights.renew(plan, &values, kernels, gradient, Noise::new(seed, noise_layer));
            weights
        };
        let weights = ready(plan);
        let end = last_step.map(|last| (&last.end, &last.states[..], ready(&last.end)));
        let offsets = loss.params.iter().map(|(at, _)| *at).collect();
        let (targets, target_width) = packed_targets(batch, axis, loss, kept)?;
        let steps = packed_weights(batch, axis, loss, &mut kept.vectors)?;
        Ok(Prepared {
            output,
            node,
            axis,
            plan,
            weights,
            end,
            kernels,
            targets,
            target_width,
            steps,
            gradient,
            offsets,
        })
    }

    /// The index of the output.
    pub fn output(&self) -> usize {
        self.output
    }

    /// The node of the output.
    pub fn node(&self) -> usize {
        self.node
    }

    /// The axis of the output.
    pub fn axis(&self) -> Axis {
        self.axis
    }

    /// Whether the loss was prepared for a backward pass.
    pub fn has_gradient(&self) -> bool {
        self.gradient
    }

    /// Whether the loss of a step depends on earlier steps.
    pub fn has_states(&self) -> bool {
        !self.plan.program.states.is_empty()
    }

    /// Whether the loss has parameters.
    pub fn has_params(&self) -> bool {
        !self.offsets.is_empty()
    }

    /// Where the gradients of the parameters are summed; it holds nothing for a loss without parameters.
    pub fn slots(&self) -> SlotGradients<T> {
        if self.has_params() { SlotGradients::new(self.plan) } else { SlotGradients::none() }
    }

    /// Adds the gradients of the parameters to `gradients`, which has the layout of the arena; those in `frozen` have none.
    pub fn collect(&self, slots: &SlotGradients<T>, frozen: &BTreeSet<usize>, gradients: &mut [T]) {
        let mut add = |position: usize, first: usize, values: &[T]| {
            let at = self.offsets[position];
            if !frozen.contains(&at) {
                gradients[at + first..].iter_mut().zip(values).for_each(|(sum, x)| *sum += *x);
            }
        };
        if self.has_params() {
            self.weights.collect(self.plan, slots, self.kernels, &mut add);
        }
    }

    /// The name of the loss.
    pub fn name(&self) -> &str {
        &self.plan.program.name
    }

    /// Zeros for the states of a piece.
    fn zeros(&self, geometry: &Geometry, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
        let program = &self.plan.program;
        let widths = program.states.iter().map(|&id| program.nodes[id].numel());
        // a list that stays empty would leave the pool in another order
        let mut states = if self.has_states() { scratch.vectors.list() } else { Vec::new() };
        states.extend(widths.map(|width| scratch.vectors.zeros(geometry.rows * width)));
        states
    }

    /// Returns the memory to the workspace.
    pub fn retired(self, kept: &mut Workspace<T>) {
        // in the order in which the next call takes them back
        kept.losses.extend(self.end.map(|(_, _, weights)| weights));
        kept.losses.push(self.weights);
        kept.keep_packed(self.targets);
        kept.vectors.keep_list(self.steps);
    }

    /// The plan of the loss, for estimates of its memory.
    pub fn plan(&self) -> &LayerPlan {
        self.plan
    }

    /// Computes the loss of a piece of a group; the piece starts at packed row `first` of the group. The weighted terms are
    /// added to `sum` one by one, so that a sum over consecutive pieces is bit-identical to the sum over the whole.
    ///
    /// The states of a loss start from zeros, so a loss with states has one piece: all steps.
    ///
    /// Returns the memory of the output's gradient if the gradient is wanted.
    pub fn take(
        &self,
        (group, first): (usize, usize),
        geometry: &Geometry,
        output: SeqView<T>,
        want: Want,
        (sum, slots): (&mut f64, &mut SlotGradients<T>),
        scratch: &mut Scratch<T>,
    ) -> Option<PassMemory<T>> {
        let plan = self.plan;
        let rows = first..first + geometry.total();
        let steps = &self.steps[group][rows];
        let targets = lock(&self.targets[group]);
        let mut views = [output, SeqView::of(&targets[first * self.target_width..], self.target_width)];
        let mut copies = [Vec::new(), Vec::new()];
        if self.has_params() && want == Want::Gradient {
            let unread = self.unread(geometry, steps);
            if !unread.is_empty() {
                // the gradients of parameters are sums over steps, where 0 * inf would be a NaN
                for (view, copy) in views.iter_mut().zip(&mut copies) {
                    *view = without_rows(*view, steps.len(), &unread, copy, scratch);
                }
            }
        }
        let training = want != Want::Value;
        let call = LayerCall {
            plan,
            weights: self.weights.weights(),
            geometry,
            entries: &[],
            kernels: self.kernels,
        };
        let states = self.zeros(geometry, scratch);
        let run = call.forward(&views, &states, training, scratch);
        // the gradients of the last states
        let d_finals = match &self.end {
            Some(_) => self.take_end(geometry, &run.finals, views[1], steps, (want, sum), scratch),
            None => {
                let pass = if training { &plan.train } else { &plan.infer };
                weighted_sum(run.memory.output(pass, 0, geometry), steps, sum);
                None
            }
        };
        let memory = (want == Want::Gradient).then(|| {
            let d_loss = [SeqView::of(steps, 1)];
            let saved = Saved { inputs: &views, memories: &[], memory: &run.memory };
            let finals = d_finals.as_ref().unwrap_or(&states);
            let mut back = call.backward(
                saved,
                IncomingGradients { outputs: &d_loss, finals, memories: &[] },
                self.has_params().then_some(slots),
                scratch,
            );
            if let Some(position) = plan.input_gradients[0] {
                match self.has_states() {
                    true => {
                        let unread = rows_without_weight(geometry, steps);
                        back.memory.clear_output(&plan.back, position, geometry, unread.into_iter());
                    }
                    false => {
                        let unread = (0..steps.len()).filter(|row| steps[*row] == T::ZERO);
                        back.memory.clear_output(&plan.back, position, geometry, unread);
                    }
                }
            }
            scratch.vectors.keep_list(back.d_initial);
            back.memory
        });
        copies.into_iter().filter(|copy| copy.capacity() > 0).for_each(|copy| scratch.vectors.keep(copy));
        d_finals.into_iter().for_each(|list| scratch.vectors.keep_list(list));
        scratch.vectors.keep_list(states);
        scratch.vectors.keep_list(run.finals);
        scratch.reclaim(run.memory);
        memory
    }

    /// The value from the last states of each row, its weighted terms added to `sum`; returns the gradients of these states, if
    /// the gradient is wanted. `target` and `steps` have all packed rows.
    fn take_end(
        &self,
        geometry: &Geometry,
        last: &[Vec<T>],
        target: SeqView<T>,
        steps: &[T],
        (want, sum): (Want, &mut f64),
        scratch: &mut Scratch<T>,
    ) -> Option<Vec<Vec<T>>> {
        let (plan, states, weights) = self.end.as_ref()?;
        let program = &self.plan.program;
        // rows without a step are behind the others
        let rows = if geometry.steps() == 0 { 0 } else { geometry.alive(0) };
        let mut targets = scratch.vectors.vector(rows * target.width);
        let mut own = scratch.vectors.vector(rows);
        for (row, &length) in geometry.lengths.iter().enumerate().take(rows) {
            let at = geometry.first_row(length - 1) + row;
            own.push(steps[at]);
            // SAFETY: the target has all packed rows.
            targets.extend_from_slice(unsafe {
                std::slice::from_raw_parts(target.ptr.add(at * target.stride), target.width)
            });
        }
        let mut one_step = scratch.geometries.pop().unwrap_or_default();
        one_step.renew((0..rows).map(|_| (1, 0, 0)));
        let mut views = scratch.views();
        let width = |state: usize| program.nodes[program.states[state]].numel();
        views.extend(states.iter().map(|&state| SeqView::of(&last[state], width(state))));
        views.push(SeqView::of(&targets, target.width));
        let call = LayerCall {
            plan,
            weights: weights.weights(),
            geometry: &one_step,
            entries: &[],
            kernels: self.kernels,
        };
        let training = want != Want::Value;
        let run = call.forward(&views, &[], training, scratch);
        let pass = if training { &plan.train } else { &plan.infer };
        weighted_sum(run.memory.output(pass, 0, &one_step), &own, sum);
        let gradients = (want == Want::Gradient).then(|| {
            let saved = Saved { inputs: &views, memories: &[], memory: &run.memory };
            let d_loss = [SeqView::of(&own, 1)];
            let incoming = IncomingGradients { outputs: &d_loss, finals: &[], memories: &[] };
            let back = call.backward(saved, incoming, None, scratch);
            let mut gradients = self.zeros(geometry, scratch);
            for (input, &state) in states.iter().enumerate() {
                let Some(position) = plan.input_gradients[input] else { continue };
                let (d, width) = (back.memory.output(&plan.back, position, &one_step), width(state));
                for row in (0..rows).filter(|row| own[*row] != T::ZERO) {
                    // SAFETY: the gradient has these rows.
                    let values = unsafe { std::slice::from_raw_parts(d.ptr.add(row * d.stride), width) };
                    gradients[state][row * width..][..width].copy_from_slice(values);
                }
            }
            scratch.vectors.keep_list(back.d_initial);
            scratch.reclaim(back.memory);
            gradients
        });
        scratch.vectors.keep_list(run.finals);
        scratch.reclaim(run.memory);
        scratch.keep_views(views);
        scratch.geometries.push(one_step);
        scratch.vectors.keep(targets);
        scratch.vectors.keep(own);
        gradients
    }

    /// The packed rows that are not read: with the weight 0, and of a loss with states in a sequence of which no step counts.
    fn unread(&self, geometry: &Geometry, steps: &[T]) -> Vec<usize> {
        match self.has_states() {
            true => rows_without_weight(geometry, steps),
            false => (0..steps.len()).filter(|row| steps[*row] == T::ZERO).collect(),
        }
    }

    /// The gradient of the network's output in the memory that `take` returned; None if the loss does not depend on the
    /// output.
    pub fn output_gradient(&self, taken: &Option<PassMemory<T>>, geometry: &Geometry) -> Option<SeqView<T>> {
        let position = self.plan.input_gradients[0]?;
        taken.as_ref().map(|memory| memory.output(&self.plan.back, position, geometry))
    }
}

/// Adds the values, each times its weight, to `sum`.
fn weighted_sum<T: Float>(values: SeqView<T>, weights: &[T], sum: &mut f64) {
    for (row, weight) in weights.iter().enumerate() {
        if *weight == T::ZERO {
            continue; // 0 * inf would be a NaN
        }
        // SAFETY: there is a value for each weight.
        *sum += unsafe { values.ptr.add(row * values.stride).read() }.to_f64() * weight.to_f64();
    }
}

/// The first `total` rows of a view with zeros in the rows `unread`, in `copy`.
fn without_rows<T: Float>(
    view: SeqView<T>,
    total: usize,
    unread: &[usize],
    copy: &mut Vec<T>,
    scratch: &mut Scratch<T>,
) -> SeqView<T> {
    *copy = scratch.vectors.vector(total * view.width);
    for row in 0..total {
        // SAFETY: the view has `total` rows of `width` elements.
        copy.extend_from_slice(unsafe {
            std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width)
        });
    }
    for row in unread {
        copy[row * view.width..(row + 1) * view.width].fill(T::ZERO);
    }
    SeqView::of(copy, view.width)
}

/// The packed rows of the sequences of which no step counts: of a loss with states, a step that does not count is read by later
/// steps that do.
fn rows_without_weight<T: Float>(geometry: &Geometry, steps: &[T]) -> Vec<usize> {
    let places = || (0..geometry.steps()).flat_map(|t| (0..geometry.alive(t)).map(move |row| (t, row)));
    let mut counts = Vec::new();
    resized(&mut counts, geometry.rows, false);
    places().for_each(|(t, row)| counts[row] |= steps[geometry.first_row(t) + row] != T::ZERO);
    places().filter(|(_, row)| !counts[*row]).map(|(t, row)| geometry.first_row(t) + row).collect()
}

/// The targets of every group, and the number of elements of each.
fn packed_targets<T: Float>(
    batch: &Batch,
    axis: Axis,
    loss: &Loss<T>,
    kept: &mut Workspace<T>,
) -> Result<(Packed<T>, usize), NetError> {
    let program = &loss.plan.program;
    let limit = index_limits(program)[1];
    let expected = program.nodes[program.inputs[1]].numel();
    let count = batch.count(axis);
    let totals = batch.groups.iter().map(|group| group.axes().of(axis).total());
    let (per, axes) = match axis {
        Axis::Sequence(_) => ("step", "(N, T"),
        Axis::Row => ("row", "(N"),
    };
    match (loss.target, limit) {
        (LossTarget::Features { data, width }, None) if width == expected => {
            expect_len("targets", data.len(), count * width)?;
            let packed = kept.packed(totals.map(|total| total * width));
            batch.pack_groups(axis, data, width, &packed)?;
            Ok((packed, width))
        }
        (LossTarget::Ids { data }, Some(limit)) => {
            expect_len("targets", data.len(), count)?;
            let packed = kept.packed(totals);
            for (group, targets) in batch.groups.iter().zip(&packed) {
                batch.pack_ids(group, axis, data, ("targets", limit), &mut lock(targets))?;
            }
            Ok((packed, 1))
        }
        (LossTarget::Features { width, .. }, None) => {
            Err(NetError::Shape(format!("targets has {width} features per {per}; expected {expected}")))
        }
        (_, limit) => {
            let kind = if limit.is_some() { "integer ids" } else { "features" };
            let end = match (limit, axis) {
                (Some(_), Axis::Row) => ",)",
                (Some(_), Axis::Sequence(_)) => ")",
                (None, _) => ", F)",
            };
            Err(NetError::Shape(format!("loss {} takes {kind} {axes}{end} as targets", program.name)))
        }
    }
}

/// The weight of each step, or row, of every group.
fn packed_weights<T: Float>(
    batch: &Batch,
    axis: Axis,
    loss: &Loss<T>,
    vectors: &mut VecPool<T>,
) -> Result<Vec<Vec<T>>, NetError> {
    if let Some(data) = loss.weights {
        expect_len("weights", data.len(), batch.count(axis))?;
    }
    let mut steps = vectors.list();
    reserve(&mut steps, batch.groups.len());
    for group in &batch.groups {
        let total = group.axes().of(axis).total();
        let mut weights = vectors.vector(total);
        match (loss.weights, axis) {
            (Some(data), Axis::Sequence(_)) => batch.pack(group, axis, data, 1, &mut weights),
            (None, Axis::Sequence(_)) => weights.resize(total, T::ONE),
            // the sequences before a reset have no value of their row
            (Some(data), Axis::Row) => {
                weights.resize(total, T::ZERO);
                batch.pack_state((group, axis), data, 1, End::Final, &mut weights);
            }
            (None, Axis::Row) => {
                weights.extend(batch.ends(group).map(|ends| if ends { T::ONE } else { T::ZERO }));
            }
        }
        steps.push(weights);
    }
    if let (true, Axis::Sequence(_)) = (loss.last, axis) {
        for (group, weights) in batch.groups.iter().zip(&mut steps) {
            let geometry = group.axes().of(axis);
            for t in 1..geometry.steps() {
                // the rows that continue at step t
                let before = geometry.first_row(t - 1);
                weights[before..before + geometry.alive(t)].fill(T::ZERO);
            }
        }
    }
    let mut scale = loss.scale;
    if loss.reduction == Reduction::Mean {
        let total: f64 = steps.iter().flatten().map(|weight| weight.to_f64()).sum();
        scale *= if total == 0.0 { 0.0 } else { 1.0 / total };
    }
    if scale != 1.0 {
        for weight in steps.iter_mut().flatten() {
            *weight = T::from_f64(weight.to_f64() * scale);
        }
    }
    Ok(steps)
}
