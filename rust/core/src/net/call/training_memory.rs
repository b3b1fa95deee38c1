//! The peak memory of one `value_and_grad` with full BPTT, from the shapes alone.

use crate::kernel::{Float, Isa};
use crate::plan::LayerPlan;
use crate::time::{scratch_elements, slot_gradient_elements, weight_elements};

use super::super::batch::{Batch, Extent};
use super::super::bptt::{LARGEST_PLAN, PieceSize, piece_elements};
use super::super::graph::{NetError, Network};

/// Bytes of a training step, by purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrainingMemory {
    /// Copies of the parameters for the passes, their gradients in the partial sums, and the returned gradients.
    pub parameters: usize,
    /// Copies of the input and the targets, and the gradient of the input.
    pub batch: usize,
    /// Saved tensors, gradients and scratch of a row group: the memory of each thread that works.
    pub group: usize,
    /// Threads that have work.
    pub threads: usize,
}

/// The memory of a batch of `rows` sequences of `steps` steps. Without `loss`, the memory of the loss is not counted.
///
/// The peak is reached when all groups are done: the scratch of the threads is kept for the next call while the gradients
/// are summed into the result.
pub fn training_memory<T: Float>(
    network: &Network,
    losses: &[(usize, &LayerPlan)],
    rows: usize,
    steps: usize,
) -> Result<TrainingMemory, NetError> {
    network.finished()?;
    if rows.checked_mul(steps.saturating_add(1)).is_none_or(|total| total > LARGEST_PLAN) {
        let text = format!("memory: {rows} rows x {steps} steps; expected at most {LARGEST_PLAN} together");
        return Err(NetError::Config(text));
    }
    let batch = Batch::new(rows, steps, Extent::default())?;
    let kernels = T::kernels(Isa::active().map_err(NetError::Config)?);
    let sums = batch.partial_sums();
    let (mut copies, mut slots, mut group) = (0, 0, 0);
    for layer in &network.layers {
        copies += weight_elements(&layer.plan, kernels);
        slots += slot_gradient_elements(&layer.plan);
    }
    let losses = network.losses_of_nodes(losses)?;
    let of_inputs = |rows: usize, total: usize| -> usize {
        let nodes = network.inputs.iter().map(|port| &network.nodes[port.node]);
        nodes.map(|node| node.width * if node.axis.is_sequence() { total } else { rows }).sum()
    };
    for one in &batch.groups {
        let geometry = &one.geometry;
        let size = PieceSize { rows: geometry.rows, total: geometry.total(), others: &[] };
        let piece = piece_elements(network, &losses, size, false);
        // the group's inputs are counted with the batch
        let own = of_inputs(geometry.rows, geometry.total());
        let passes =
            network.layers.iter().map(|layer| &layer.plan).chain(losses.iter().map(|&(_, plan)| plan));
        let scratch = passes
            .flat_map(|plan| [&plan.train, &plan.back])
            .map(|pass| scratch_elements(pass, geometry.rows, geometry.steps()))
            .max();
        group = group.max(piece.saturating_sub(own) + scratch.unwrap_or(0));
    }
    // packed inputs, and their gradients in the caller's order; for ids, only the ids
    let gradients = network.inputs.iter().enumerate().map(|(number, port)| {
        let per = if network.nodes[port.node].axis.is_sequence() { steps } else { 1 };
        per * network.input_gradient(number).unwrap_or(0)
    });
    let inputs = of_inputs(1, steps) + gradients.sum::<usize>();
    // packed targets, and the weight of each step
    let targets = losses.iter().map(|&(node, plan)| {
        let per = if network.nodes[node].axis.is_sequence() { steps } else { 1 };
        per * (plan.program.nodes[plan.program.inputs[1]].numel() + 1)
    });
    let targets: usize = targets.sum();
    let states: usize = network.states.iter().map(|width| 3 * width).sum();
    Ok(TrainingMemory {
        parameters: (copies + (sums * slots) + network.arena_len()) * size_of::<T>(),
        batch: rows * (inputs + targets + states) * size_of::<T>(),
        group: group * size_of::<T>(),
        threads: sums.max(1),
    })
}

impl TrainingMemory {
    /// The peak with `threads` threads.
    pub fn bytes(&self, threads: usize) -> usize {
        self.parameters + self.batch + self.group * threads.clamp(1, self.threads)
    }
}
