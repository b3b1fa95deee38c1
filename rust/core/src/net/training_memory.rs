//! The memory that one `value_and_grad` with full BPTT takes at its peak, told from the shapes alone.

use crate::kernel::Isa;
use crate::plan::LayerPlan;
use crate::time::{scratch_elements, slot_gradient_elements, weight_elements};

use super::batch::{Batch, Extent};
use super::footprint::piece_elements;
use super::graph::{NetError, Network};
use super::pool::Pooled;
use super::schedule::LARGEST_PLAN;

/// Bytes of a training step, by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrainingMemory {
    /// Copies of the parameters as the passes read them, their gradients in the groups' sums and as they are handed out.
    pub parameters: usize,
    /// Copies of the input and the targets, and the gradient of the input.
    pub batch: usize,
    /// Saved tensors, gradients and scratch of a unit of rows: what each thread at work takes.
    pub unit: usize,
    /// Threads that find work.
    pub threads: usize,
}

/// The memory of a batch of `rows` sequences of `steps` steps. Without `loss` nothing is counted for it.
///
/// The peak is reached when all units are done: what threads worked in is kept for the next call, while the gradients are
/// summed up into what is handed out.
pub fn training_memory<T: Pooled>(
    network: &Network,
    loss: Option<&LayerPlan>,
    rows: usize,
    steps: usize,
) -> Result<TrainingMemory, NetError> {
    network.output()?;
    if rows.checked_mul(steps.saturating_add(1)).is_none_or(|total| total > LARGEST_PLAN) {
        let text = format!("memory: {rows} rows x {steps} steps; expected at most {LARGEST_PLAN} together");
        return Err(NetError::Config(text));
    }
    let batch = Batch::new(rows, steps, Extent::default())?;
    let kernels = T::kernels(Isa::active().map_err(NetError::Config)?);
    let groups = batch.groups();
    let (mut copies, mut slots, mut unit) = (0, 0, 0);
    for layer in &network.layers {
        copies += weight_elements(&layer.plan, kernels);
        slots += slot_gradient_elements(&layer.plan);
    }
    for one in &batch.units {
        let geometry = &one.geometry;
        let piece = piece_elements(network, loss, geometry.rows, geometry.total(), false);
        // the unit's input is counted with the batch
        let own = geometry.total() * network.widths[0];
        let passes = network.layers.iter().map(|layer| &layer.plan).chain(loss);
        let scratch = passes
            .flat_map(|plan| [&plan.train, &plan.back])
            .map(|pass| scratch_elements(pass, geometry.rows, geometry.steps()))
            .max();
        unit = unit.max(piece.saturating_sub(own) + scratch.unwrap_or(0));
    }
    // the input as units read it, and its gradient as it is handed out; of ids the ids alone
    let input = network.widths[0] + network.input_gradient().unwrap_or(0);
    // targets as units read them, and what each step counts
    let targets = loss.map_or(0, |plan| plan.program.nodes[plan.program.inputs[1]].numel() + 1);
    let states: usize = network.states.iter().map(|width| 3 * width).sum();
    Ok(TrainingMemory {
        parameters: (copies + (groups * slots) + network.arena_len()) * size_of::<T>(),
        batch: rows * (steps * (input + targets) + states) * size_of::<T>(),
        unit: unit * size_of::<T>(),
        threads: groups.max(1),
    })
}

impl TrainingMemory {
    /// The peak with so many threads.
    pub fn bytes(&self, threads: usize) -> usize {
        self.parameters + self.batch + self.unit * threads.clamp(1, self.threads)
    }
}
