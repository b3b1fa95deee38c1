//! The peak memory of one `value_and_grad` with full BPTT, from the shapes alone.

use crate::kernel::{Float, Isa};
use crate::memory::often_read;
use crate::plan::LayerPlan;
use crate::time::{scratch_elements, slot_gradient_elements, weight_elements};

use super::super::batch::{AxisExtent, Batch, Extent, group_rows};
use super::super::bptt::{LARGEST_PLAN, PieceSize, piece_elements};
use super::super::graph::{Axis, NetError, Network};
use super::super::group::entries_of;

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

/// The memory of a batch of `rows` sequences, whose number of steps on each axis is in `steps`. Without `loss`, the memory of
/// the loss is not counted.
///
/// The peak is reached when all groups are done: the scratch of the threads is kept for the next call while the gradients
/// are summed into the result.
pub fn training_memory<T: Float>(
    network: &Network,
    losses: &[(usize, &LayerPlan)],
    rows: usize,
    steps: &[usize],
) -> Result<TrainingMemory, NetError> {
    network.finished()?;
    let longest = steps.iter().copied().max().unwrap_or(0);
    if rows.checked_mul(longest.saturating_add(1)).is_none_or(|total| total > LARGEST_PLAN) {
        let text = format!("memory: {rows} rows x {longest} steps; expected at most {LARGEST_PLAN} together");
        return Err(NetError::Config(text));
    }
    let of_axis = |number: usize| steps.get(number).copied().unwrap_or(longest);
    let others =
        (1..network.axes.len()).map(|number| AxisExtent { steps: of_axis(number), ..AxisExtent::default() });
    let others: Vec<AxisExtent> = others.collect();
    let extent = Extent { others: &others, group_rows: group_rows::<T>(network), ..Extent::default() };
    let batch = Batch::new(rows, of_axis(0), extent)?;
    let kernels = T::kernels(Isa::active().map_err(NetError::Config)?);
    let sums = batch.partial_sums();
    let (mut copies, mut slots, mut group) = (0, 0, 0);
    for layer in &network.layers {
        copies += weight_elements(&layer.plan, kernels);
        slots += slot_gradient_elements(&layer.plan);
    }
    for (_, plan) in losses {
        copies += weight_elements(plan, kernels);
        if !plan.program.params.is_empty() {
            slots += slot_gradient_elements(plan);
        }
    }
    let losses = network.losses_of_nodes(losses)?;
    for one in &batch.groups {
        let axes = one.axes();
        let size = PieceSize { rows: axes.time.rows, total: axes.time.total(), others: axes.others };
        let piece = piece_elements(network, &losses, size, false);
        // the group's inputs are counted with the batch
        let inputs = network.inputs.iter().map(|port| &network.nodes[port.node]);
        let own: usize = inputs.map(|node| node.width * axes.of(node.axis).total()).sum();
        let of_layers = network.layers.iter().map(|layer| {
            let geometry = axes.of(layer.axis);
            (&layer.plan, geometry, entries_of(network, layer, axes, geometry))
        });
        let of_losses =
            losses.iter().map(|&(node, plan)| (plan, axes.of(network.nodes[node].axis), Vec::new()));
        let scratch = of_layers.chain(of_losses).map(|(plan, geometry, entries)| {
            let of = |pass| scratch_elements(pass, geometry.rows, geometry.steps(), &entries);
            of(&plan.train).max(of(&plan.back))
        });
        group = group.max(piece.saturating_sub(own) + often_read::<T>(scratch.max().unwrap_or(0)));
    }
    let per_row = |axis: Axis| match axis {
        Axis::Row => 1,
        Axis::Sequence(number) => of_axis(number),
    };
    // packed inputs, and their gradients in the caller's order; for ids, only the ids
    let inputs = network.inputs.iter().enumerate().map(|(number, port)| {
        let node = &network.nodes[port.node];
        per_row(node.axis) * (node.width + network.input_gradient(number).unwrap_or(0))
    });
    let inputs: usize = inputs.sum();
    // packed targets, and the weight of each step
    let targets = losses.iter().map(|&(node, plan)| {
        let width = plan.program.nodes[plan.program.inputs[1]].numel() + 1;
        per_row(network.nodes[node].axis) * width
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
