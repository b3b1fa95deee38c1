//! The memory of a window or segment in its forward and backward pass.

use crate::plan::{Class, LayerPlan, Pass};
use crate::time::PassMemory;

use super::super::batch::{Axes, AxisRows};
use super::super::graph::kinds::Rows;
use super::super::graph::{Axis, Layer, Network, Node, NodeKind};

/// The plan of each loss, with the node that the loss reads.
pub type Losses<'a> = &'a [(usize, &'a LayerPlan)];

/// The number of sequences of a piece of time, and of their steps in all.
#[derive(Debug, Clone, Copy)]
pub struct PieceSize<'a> {
    pub rows: usize,
    /// On the first axis.
    pub total: usize,
    /// The sequences on the other axes; empty if they have as many steps as on the first.
    pub others: &'a [AxisRows],
}

impl PieceSize<'_> {
    /// The packed rows along an axis.
    fn of(&self, axis: Axis) -> usize {
        match axis {
            Axis::Row => self.rows,
            Axis::Sequence(0) => self.total,
            Axis::Sequence(number) => {
                self.others.get(number - 1).map_or(self.total, |rows| rows.geometry.total())
            }
        }
    }
}

/// Packed rows of a node.
fn rows_of(network: &Network, node: usize, size: PieceSize) -> usize {
    size.of(network.nodes[node].axis)
}

/// Elements that a pass of a layer stores for `rows` sequences with `steps` steps in all. `of` returns the packed rows along an
/// axis.
fn layer_elements(
    network: &Network,
    layer: &Layer,
    pass: &Pass,
    (rows, steps): (usize, usize),
    of: impl Fn(Axis) -> usize,
) -> usize {
    let program = &layer.plan.program;
    // the entries of all rows
    let count = |axis: usize| {
        let first = (0..layer.memories.len()).find(|&k| program.axis_of_memory(k) == axis);
        first.map_or(0, |k| of(network.nodes[layer.memories[k]].axis))
    };
    // the entries of the rows of all steps, as if all rows had as many
    let total = |axis: usize| (steps as u128 * count(axis) as u128).div_ceil(rows.max(1) as u128) as usize;
    let buffers = pass.buffers.iter().filter_map(|buffer| buffer.entries.map(|axis| (buffer, axis)));
    let elements = buffers.map(|(buffer, axis)| match buffer.class {
        Class::Full => total(axis) * buffer.width,
        Class::MemoryGradient(_) => count(axis) * buffer.width,
        _ => 0,
    });
    let histories = pass.states.iter().zip(&pass.state_entries).map(|((class, width), axis)| match axis {
        Some(axis) if matches!(class, Class::History(_)) => (total(*axis) + count(*axis)) * width,
        _ => 0,
    });
    elements.chain(histories).sum::<usize>() + PassMemory::<f64>::elements(pass, rows, steps)
}

/// The same for a piece of time.
fn elements_of(network: &Network, layer: &Layer, pass: &Pass, size: PieceSize) -> usize {
    layer_elements(network, layer, pass, (size.rows, size.of(layer.axis)), |axis| size.of(axis))
}

/// Elements that a pass of a loss stores.
fn loss_elements(pass: &Pass, axis: Axis, size: PieceSize) -> usize {
    PassMemory::<f64>::elements(pass, size.rows, size.of(axis))
}

/// The entries of a layer's memories, which are copied row by row.
fn copied_elements(network: &Network, layer: &Layer, of: impl Fn(Axis) -> usize) -> usize {
    let nodes = layer.memories.iter().map(|&node| &network.nodes[node]);
    nodes.map(|node| node.width * of(node.axis)).sum()
}

/// Elements stored between the forward and the backward pass of a piece of time.
pub fn saved_elements(network: &Network, size: PieceSize) -> usize {
    let nodes = network.nodes.iter().enumerate();
    nodes
        .map(|(number, node)| match node.kind {
            NodeKind::Layer { layer, output: 0 } => {
                let of = &network.layers[layer];
                elements_of(network, of, &of.plan.train, size)
                    + copied_elements(network, of, |axis| size.of(axis))
            }
            NodeKind::Layer { .. } => 0,
            // states of the first axis are read in place
            NodeKind::Final { layer, .. } if !network.layers[layer].is_reordered() => 0,
            _ => rows_of(network, number, size) * node.width,
        })
        .sum()
}

/// The peak of live elements in the forward pass, losses and backward pass of a piece of time: copies of the inputs, saved
/// tensors, gradients between layers.
///
/// Follows `run_group`, `Prepared::take` and `back_group` allocation by allocation. Memory that does not grow with the piece
/// is not counted: weights, their gradients, and the scratch of a thread for blocks of time. `retained`: freed memory stays
/// idle for the next piece, so it counts as live.
pub fn piece_elements(network: &Network, losses: Losses, size: PieceSize, retained: bool) -> usize {
    let saved = saved_elements(network, size);
    let of_node = |node: usize| rows_of(network, node, size) * network.width(node);
    let mut meter =
        Meter { live: 0, most: 0, retained, arrived: vec![GradientPlace::None; network.nodes.len()] };
    meter.hold(saved);
    for &(node, plan) in losses {
        let axis = network.nodes[node].axis;
        let there = loss_elements(&plan.train, axis, size);
        if network.nodes[node].differentiated {
            meter.hold(there + loss_elements(&plan.back, axis, size));
            meter.release(there);
            meter.arrive(node, of_node(node), false);
        } else {
            meter.hold(there);
            meter.release(there);
        }
    }
    if network.layers.iter().any(|layer| layer.has_step_penalty()) {
        meter.hold(size.total);
    }
    for (number, node) in network.nodes.iter().enumerate().rev() {
        match &node.kind {
            _ if !node.differentiated => {}
            NodeKind::Layer { layer, output: 0 } => {
                let inner = &network.layers[*layer];
                for &output in inner.outputs.iter().flatten() {
                    if meter.arrived[output] == GradientPlace::None {
                        meter.hold(of_node(output));
                        meter.arrived[output] = GradientPlace::Sum;
                    }
                }
                meter.hold(elements_of(network, inner, &inner.plan.back, size));
                for &output in inner.outputs.iter().flatten() {
                    if meter.arrived[output] == GradientPlace::Sum {
                        meter.release(of_node(output));
                    }
                }
                for &node in inner.finals.iter().flatten() {
                    if meter.arrived[node] != GradientPlace::None {
                        meter.hold(of_node(node));
                        meter.release(of_node(node));
                    }
                }
                for &node in inner.initial.iter().flatten() {
                    meter.arrive(node, of_node(node), inner.is_reordered());
                }
                for (&memory, gradient) in inner.memories.iter().zip(&inner.plan.memory_gradients) {
                    if gradient.is_some() && network.nodes[memory].differentiated {
                        // packed along its axis, in memory that stays until the group is done
                        meter.hold(of_node(memory));
                        meter.arrive(memory, of_node(memory), false);
                    }
                }
                for (&input, gradient) in inner.inputs.iter().zip(&inner.plan.input_gradients) {
                    if gradient.is_some() {
                        meter.arrive(input, of_node(input), false);
                    }
                }
            }
            NodeKind::Derived { moves, .. } if meter.arrived[number] != GradientPlace::None => {
                for one in moves.iter().filter(|one| network.nodes[one.from].differentiated) {
                    let all = one.rows == Rows::Same && one.width == network.width(one.from);
                    meter.arrive(one.from, of_node(one.from), !all);
                }
            }
            _ => {}
        }
    }
    for (number, port) in network.inputs.iter().enumerate() {
        if network.input_gradient(number).is_some() && meter.arrived[port.node] == GradientPlace::None {
            meter.hold(of_node(port.node)); // zeros
        }
    }
    meter.most
}

/// The peak of live elements if a network runs layer by layer in segments of `steps` steps: outputs of layers, values per row,
/// states at segment boundaries, gradients of whole sequences, one segment of one layer. Follows `layerwise`.
pub fn layerwise_elements(network: &Network, losses: Losses, axes: Axes, steps: usize) -> usize {
    let rows = axes.time.rows;
    let total = |axis: Axis| axes.of(axis).total();
    // rows only end, so no segment has more rows than the first
    let segment = |axis: Axis| axes.of(axis).first_row(steps);
    let elements = |pass, axis: Axis| PassMemory::<f64>::elements(pass, rows, segment(axis));
    let kept = |node: &&Node| match node.kind {
        NodeKind::Layer { .. } => true,
        NodeKind::Input(_) => false,
        NodeKind::Derived { .. } | NodeKind::Final { .. } => node.axis == Axis::Row,
    };
    let kept: usize = network.nodes.iter().filter(kept).map(|node| node.width * total(node.axis)).sum();
    let states = network.states.iter().zip(&network.state_axes);
    let borders = |axis: Axis| axes.of(axis).steps().div_ceil(steps).max(1) + 1;
    let states: usize = states.map(|(width, axis)| width * rows * borders(*axis)).sum();
    let on_entries = network.layers.iter().map(|layer| {
        let pass = &layer.plan.train;
        let ends = |axis| layer_elements(network, layer, pass, (rows, 0), total) * borders(axis);
        if pass.row_states() < pass.states.len() { ends(layer.axis) } else { 0 }
    });
    let mut live = kept + states + on_entries.sum::<usize>();
    let mut arrived = vec![0; network.nodes.len()]; // elements of the gradient of each node
    let mut most = live;
    for &(output, loss) in losses {
        let (width, axis) = (network.width(output), network.nodes[output].axis);
        if arrived[output] == 0 {
            arrived[output] = total(axis) * width;
            live += arrived[output];
        }
        let working = segment(axis) * width + elements(&loss.train, axis) + elements(&loss.back, axis);
        most = most.max(live + working);
    }
    for (number, node) in network.nodes.iter().enumerate().rev() {
        let parts = network.parts(number);
        let sizes = || parts.iter().map(|&to| total(network.nodes[to].axis) * network.width(to));
        let made: usize = sizes().sum();
        let working = match node.kind {
            NodeKind::Input(_) => continue,
            NodeKind::Layer { layer, output: 0 } => {
                let (inner, axis) = (&network.layers[layer], node.axis);
                let size = (rows, segment(axis));
                let of = |pass| layer_elements(network, inner, pass, size, total);
                // zeros stand for a missing gradient; inputs are copied, twice if they are concatenated
                let zeros = if arrived[number] == 0 { total(axis) * node.width } else { 0 };
                let gathered: usize =
                    inner.inputs.iter().map(|&to| 2 * segment(axis) * network.width(to)).sum();
                // the entries, and the sums of their gradients before and after a segment
                let entries = 3 * copied_elements(network, inner, total);
                let passes = of(&inner.plan.train) + of(&inner.plan.back);
                zeros + gathered + entries + passes + segment(axis)
            }
            NodeKind::Layer { .. } | NodeKind::Final { .. } => continue,
            NodeKind::Derived { .. } => 0,
        };
        most = most.max(live + made + working);
        live -= std::mem::take(&mut arrived[number]);
        for (to, size) in parts.iter().zip(sizes()) {
            // the gradient of an input has the caller's length; a second contribution is added to the first
            if arrived[*to] == 0 && !matches!(network.nodes[*to].kind, NodeKind::Input(_)) {
                arrived[*to] = size;
                live += size;
            }
        }
    }
    most
}

/// Where the gradient of a node is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GradientPlace {
    None,
    /// It is read in place.
    View,
    /// It has its own memory.
    Sum,
}

/// The elements that are live, and their peak.
struct Meter {
    live: usize,
    most: usize,
    retained: bool,
    /// By node.
    arrived: Vec<GradientPlace>,
}

impl Meter {
    fn hold(&mut self, elements: usize) {
        self.live += elements;
        self.most = self.most.max(self.live);
    }

    fn release(&mut self, elements: usize) {
        if !self.retained {
            self.live -= elements;
        }
    }

    /// Records a gradient of a node, in the node's own order of rows or in another (`reordered`).
    fn arrive(&mut self, node: usize, elements: usize, reordered: bool) {
        match self.arrived[node] {
            GradientPlace::None if !reordered => self.arrived[node] = GradientPlace::View,
            GradientPlace::Sum => {}
            GradientPlace::None | GradientPlace::View => {
                self.hold(elements);
                self.arrived[node] = GradientPlace::Sum;
            }
        }
    }
}
