//! A loss of a network's outputs: a program on (output, target), summed over the valid steps.

use crate::kernel::Kernels;
use crate::plan::LayerPlan;
use crate::random::Noise;
use crate::time::{Geometry, LayerWeights, PassMemory, Scratch, SeqView, SlotGradients, backward, forward};

use super::batch::{Batch, expect_len};
use super::graph::{NetError, Network};
use super::limits::index_limits;
use super::pool::Pooled;

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
pub struct Loss<'a, T> {
    /// Of a program (output, target) -> number. Making it takes longer than a small batch, so the caller keeps it.
    pub plan: &'a LayerPlan,
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
    targets: Vec<Vec<T>>,
    target_width: usize,
    steps: Vec<Vec<T>>,
    step_scale: f64,
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
    pub fn new(
        network: &Network,
        batch: &Batch,
        loss: &Loss<'a, T>,
        gradient: bool,
        kernels: &'a Kernels<T>,
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
        let weights = LayerWeights::new(plan, &[], kernels, gradient, Noise::new(0, 0));
        let (targets, target_width) = packed_targets(batch, loss)?;
        let steps = packed_weights(batch, loss)?;
        let step_scale = step_scale(batch, loss.reduction);
        Ok(Prepared { plan, weights, kernels, targets, target_width, steps, step_scale })
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
        let views =
            [output, SeqView::of(&self.targets[unit][first * self.target_width..], self.target_width)];
        let training = want != Want::Value;
        let run = forward(plan, weights, geometry, &views, &[], training, kernels, scratch);
        let pass = if training { &plan.train } else { &plan.infer };
        let values = run.memory.output(pass, 0, geometry);
        for (row, weight) in steps.iter().enumerate() {
            // SAFETY: the loss has one number per packed row.
            *sum += unsafe { values.ptr.add(row * values.stride).read() }.to_f64() * weight.to_f64();
        }
        let memory = (want == Want::Gradient).then(|| {
            let mut none = SlotGradients::new(plan);
            let d_loss = [SeqView::of(steps, 1)];
            let saved = &run.memory;
            backward(plan, weights, geometry, &views, saved, &d_loss, &[], &mut none, kernels, scratch).memory
        });
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
fn packed_targets<T: Pooled>(batch: &Batch, loss: &Loss<T>) -> Result<(Vec<Vec<T>>, usize), NetError> {
    let program = &loss.plan.program;
    let limit = index_limits(program)[1];
    let expected = program.nodes[program.inputs[1]].numel();
    let count = batch.rows * batch.steps;
    let units = batch.units.iter();
    match (loss.target, limit) {
        (LossTarget::Features { data, width }, None) if width == expected => {
            expect_len("targets", data.len(), count * width)?;
            Ok((units.map(|unit| batch.pack(unit, data, width)).collect(), width))
        }
        (LossTarget::Ids { data }, Some(limit)) => {
            expect_len("targets", data.len(), count)?;
            let packed: Result<_, _> =
                units.map(|unit| batch.pack_ids(unit, data, limit, "targets")).collect();
            Ok((packed?, 1))
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
fn packed_weights<T: Pooled>(batch: &Batch, loss: &Loss<T>) -> Result<Vec<Vec<T>>, NetError> {
    let units = batch.units.iter();
    let mut steps: Vec<Vec<T>> = match loss.weights {
        Some(data) => {
            expect_len("weights", data.len(), batch.rows * batch.steps)?;
            units.map(|unit| batch.pack(unit, data, 1)).collect()
        }
        None => units.map(|unit| vec![T::ONE; unit.geometry.total()]).collect(),
    };
    if loss.reduction == Reduction::Mean {
        let total: f64 = steps.iter().flatten().map(|weight| weight.to_f64()).sum();
        let scale = if total == 0.0 { 0.0 } else { 1.0 / total };
        for weight in steps.iter_mut().flatten() {
            *weight = T::from_f64(weight.to_f64() * scale);
        }
    }
    Ok(steps)
}
