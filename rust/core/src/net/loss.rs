//! A loss over one unit: a program on (output, target), summed over the valid steps.

use crate::kernel::Float;
use crate::plan::LayerPlan;
use crate::time::{Geometry, LayerWeights, PassMemory, Scratch, SeqView, SlotGradients, backward, forward};

use super::unit::Shared;

/// The loss of a unit: the weighted sum over its valid steps, and the gradient of the network's output if asked for.
pub struct UnitLoss<T> {
    pub sum: f64,
    pub memory: Option<PassMemory<T>>,
}

/// `weights`: what each packed row counts, already divided by whatever the reduction divides by.
#[allow(clippy::too_many_arguments)] // as the layers that it stands beside
pub fn unit_loss<T: Float>(
    shared: &Shared<T>,
    plan: &LayerPlan,
    loss_weights: &LayerWeights<T>,
    geometry: &Geometry,
    output: SeqView<T>,
    target: &[T],
    target_width: usize,
    weights: &[T],
    gradient: bool,
    scratch: &mut Scratch<T>,
) -> UnitLoss<T> {
    let views = [output, SeqView::of(target, target_width)];
    let run = forward(
        plan,
        loss_weights,
        geometry,
        &views,
        &[],
        gradient,
        shared.kernels,
        scratch,
    );
    let pass = if gradient { &plan.train } else { &plan.infer };
    let values = run.memory.output(pass, 0, geometry);
    let mut sum = 0.0;
    for (row, weight) in weights.iter().enumerate() {
        // SAFETY: the loss has one number per packed row.
        sum += unsafe { values.ptr.add(row * values.stride).read() }.to_f64() * weight.to_f64();
    }
    if !gradient {
        return UnitLoss { sum, memory: None };
    }
    let mut none = SlotGradients::new(plan);
    let d_loss = [SeqView::of(weights, 1)];
    let back = backward(
        plan,
        loss_weights,
        geometry,
        &views,
        &run.memory,
        &d_loss,
        &[],
        &mut none,
        shared.kernels,
        scratch,
    );
    UnitLoss {
        sum,
        memory: Some(back.memory),
    }
}
