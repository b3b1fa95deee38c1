//! A loss of a network's outputs: a program on (output, target), summed over the valid steps.

use crate::kernel::Kernels;
use crate::plan::LayerPlan;
use crate::random::Noise;
use crate::time::{Geometry, LayerWeights, PassMemory, Scratch, SeqView, Spare, backward, forward};

use super::batch::{Batch, expect_len};
use super::call::Packed;
use super::graph::{NetError, Network};
use super::limits::index_limits;
use super::pool::{Kept, Pooled, lock};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    Mean,
    Sum,
}

#[derive(Debug, Clone, Copy)]
pub enum LossTarget<'a, T> {
    Features { data: &'a [T], width: usize },
    Ids { data: &'a [i64] },
}

/// A loss to be taken of the outputs.
pub struct Loss<'p, 'a, T> {
    /// `LayerPlan::of_loss` of a program (output, target) -> number. Making it takes longer than a small batch, so the caller keeps it.
    pub plan: &'p LayerPlan,
    pub target: LossTarget<'a, T>,
    pub reduction: Reduction,
    /// (N, T); none counts every valid step once.
    pub weights: Option<&'a [T]>,
}

/// A loss made ready for a batch.
pub struct Prepared<'a, T: Pooled> {
    plan: &'a LayerPlan,
    weights: LayerWeights<T>,
    kernels: &'a Kernels<T>,
    /// By unit: packed targets, and what each step counts, divided by what the reduction divides by.
    targets: Packed<T>,
    target_width: usize,
    steps: Vec<Vec<T>>,
    step_scale: f64,
    gradient: bool,
}

/// What is wanted of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its value, by equations that keep nothing.
    Value,
    /// Its value, by the equations that `Gradient` runs: the same bits.
    Sum,
    /// Its value, and the gradient of the output.
    Gradient,
}

impl<'a, T: Pooled> Prepared<'a, T> {
    pub(super) fn new(
        network: &Network,
        batch: &Batch,
        loss: &Loss<'a, '_, T>,
        gradient: bool,
        kernels: &'a Kernels<T>,
        kept: &mut Kept<T>,
    ) -> Result<Prepared<'a, T>, NetError> {
        let plan = loss.plan;
        let program = &plan.program;
        let width = network.output_width()?;
        let fits = program.inputs.len() == 2
            && !program.nodes[program.inputs[0]].is_index
            && program.outputs.len() == 1
            && program.params.is_empty()
            && program.states.is_empty()
            && program.nodes[program.inputs[0]].numel() == width
            && program.nodes[program.outputs[0].1].numel() == 1;
        if !fits {
            return Err(NetError::Config(format!(
                "loss {}: expected a program (y of {width} features, target) -> number without parameters",
                program.name
            )));
        }
        let mut weights = kept.loss.take().unwrap_or_else(LayerWeights::empty);
        weights.renew(plan, &[], kernels, gradient, Noise::new(0, 0));
        let (targets, target_width) = packed_targets(batch, loss, kept)?;
        let steps = packed_weights(batch, loss, &mut kept.spare)?;
        let step_scale = step_scale(batch, loss.reduction);
        Ok(Prepared { plan, weights, kernels, targets, target_width, steps, step_scale, gradient })
    }

    /// Whether it was made for a way back.
    pub(super) fn has_gradient(&self) -> bool {
        self.gradient
    }

    /// Gives the memory back.
    pub(super) fn retired(self, kept: &mut Kept<T>) {
        kept.loss = Some(self.weights);
        kept.keep_packed(self.targets);
        kept.spare.keep_list(self.steps);
    }

    /// What the penalty of a step is multiplied with.
    pub fn step_scale(&self) -> f64 {
        self.step_scale
    }

    /// The plan of the loss, for counting its memory.
    pub fn plan(&self) -> &LayerPlan {
        self.plan
    }

    /// Takes the loss of a piece of a unit, which begins with packed row `first` of the unit. Its weighted terms are
    /// added to `sum` one by one, so that a sum over pieces in their order has the bits of one over the whole.
    ///
    /// Returns what holds the gradient of the output if that is wanted.
    #[allow(clippy::too_many_arguments)] // the place, what is there, what comes out
    pub fn take(
        &self,
        unit: usize,
        first: usize,
        geometry: &Geometry,
        output: SeqView<T>,
        want: Want,
        sum: &mut f64,
        scratch: &mut Scratch<T>,
    ) -> Option<PassMemory<T>> {
        let (plan, weights, kernels) = (self.plan, &self.weights, self.kernels);
        let rows = first..first + geometry.total();
        let steps = &self.steps[unit][rows];
        let targets = lock(&self.targets[unit]);
        let views = [output, SeqView::of(&targets[first * self.target_width..], self.target_width)];
        let training = want != Want::Value;
        let run = forward(plan, weights, geometry, &views, &[], training, kernels, scratch);
        let pass = if training { &plan.train } else { &plan.infer };
        let values = run.memory.output(pass, 0, geometry);
        for (row, weight) in steps.iter().enumerate() {
            // SAFETY: the loss has one number per packed row.
            *sum += unsafe { values.ptr.add(row * values.stride).read() }.to_f64() * weight.to_f64();
        }
        let memory = (want == Want::Gradient).then(|| {
            let d_loss = [SeqView::of(steps, 1)];
            let saved = &run.memory;
            let back = backward(plan, weights, geometry, &views, saved, &d_loss, &[], None, kernels, scratch);
            scratch.spare.keep_list(back.d_initial);
            back.memory
        });
        scratch.spare.keep_list(run.finals);
        scratch.reclaim(run.memory);
        memory
    }

    /// The gradient of the network's output out of what `take` left; none if the loss does not depend on it.
    pub fn output_gradient(&self, taken: &Option<PassMemory<T>>, geometry: &Geometry) -> Option<SeqView<T>> {
        let position = self.plan.input_gradients[0]?;
        taken.as_ref().map(|memory| memory.output(&self.plan.back, position, geometry))
    }
}

/// What a value of each valid step counts: 1, or its share of a mean. The weights of a loss are of its own terms.
pub fn step_scale(batch: &Batch, reduction: Reduction) -> f64 {
    let total: usize = batch.units.iter().map(|unit| unit.geometry.total()).sum();
    match reduction {
        Reduction::Sum => 1.0,
        Reduction::Mean => 1.0 / total.max(1) as f64,
    }
}

/// The targets of every unit, and the numbers of each.
fn packed_targets<T: Pooled>(
    batch: &Batch,
    loss: &Loss<T>,
    kept: &mut Kept<T>,
) -> Result<(Packed<T>, usize), NetError> {
    let program = &loss.plan.program;
    let limit = index_limits(program)[1];
    let expected = program.nodes[program.inputs[1]].numel();
    let count = batch.rows * batch.steps;
    let totals = batch.units.iter().map(|unit| unit.geometry.total());
    match (loss.target, limit) {
        (LossTarget::Features { data, width }, None) if width == expected => {
            expect_len("targets", data.len(), count * width)?;
            let packed = kept.packed(totals.map(|total| total * width));
            batch.pack_units(data, width, &packed)?;
            Ok((packed, width))
        }
        (LossTarget::Ids { data }, Some(limit)) => {
            expect_len("targets", data.len(), count)?;
            let packed = kept.packed(totals);
            for (unit, targets) in batch.units.iter().zip(&packed) {
                batch.pack_ids(unit, data, limit, "targets", &mut lock(targets))?;
            }
            Ok((packed, 1))
        }
        (LossTarget::Features { width, .. }, None) => {
            Err(NetError::Shape(format!("targets has {width} features per step; expected {expected}")))
        }
        (_, limit) => {
            let kind = if limit.is_some() { "integer ids (N, T)" } else { "features (N, T, F)" };
            Err(NetError::Shape(format!("loss {} takes {kind} as targets", program.name)))
        }
    }
}

/// What each step of every unit counts.
fn packed_weights<T: Pooled>(
    batch: &Batch,
    loss: &Loss<T>,
    spare: &mut Spare<T>,
) -> Result<Vec<Vec<T>>, NetError> {
    if let Some(data) = loss.weights {
        expect_len("weights", data.len(), batch.rows * batch.steps)?;
    }
    let mut steps = spare.list();
    for unit in &batch.units {
        let total = unit.geometry.total();
        let mut weights = spare.vector(total);
        match loss.weights {
            Some(data) => batch.pack(unit, data, 1, &mut weights),
            None => weights.resize(total, T::ONE),
        }
        steps.push(weights);
    }
    if loss.reduction == Reduction::Mean {
        let total: f64 = steps.iter().flatten().map(|weight| weight.to_f64()).sum();
        let scale = if total == 0.0 { 0.0 } else { 1.0 / total };
        for weight in steps.iter_mut().flatten() {
            *weight = T::from_f64(weight.to_f64() * scale);
        }
    }
    Ok(steps)
}
