//! The memory of a window or segment in its forward and backward pass.

use crate::plan::{Class, LayerPlan, Pass};
use crate::time::PassMemory;

use super::super::batch::{Axes, AxisRows};
use super::super::graph::kinds::Rows;
use super::super::graph::{Axis, Network, Node, NodeKind};

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

/// Elements that a pass stores. A memory counts as long as the sequences are.
fn elements(pass: &Pass, axis: Axis, size: PieceSize) -> usize {
    let steps = size.of(axis);
    of_entries(pass, size.rows, steps, size.total) + PassMemory::<f64>::elements(pass, size.rows, steps)
}

/// Elements of a pass on the entries of memories: `steps` rows at all their steps, with `total` entries in all rows.
fn of_entries(pass: &Pass, rows: usize, steps: usize, total: usize) -> usize {
    let buffers = pass.buffers.iter().filter(|buffer| buffer.entries.is_some());
    let elements = buffers.map(|buffer| match buffer.class {
        Class::Full => steps * total.div_ceil(rows.max(1)) * buffer.width,
        Class::MemoryGradient(_) => total * buffer.width,
        _ => 0,
    });
    let histories = pass.states.iter().zip(&pass.state_entries).map(|((class, width), entries)| {
        let is_stored = entries.is_some() && matches!(class, Class::History(_));
        if is_stored { (steps * total.div_ceil(rows.max(1)) + total) * width } else { 0 }
    });
    elements.chain(histories).sum()
}

/// Elements stored between the forward and the backward pass of a piece of time.
pub fn saved_elements(network: &Network, size: PieceSize) -> usize {
    let nodes = network.nodes.iter().enumerate();
    nodes
        .map(|(number, node)| match node.kind {
            NodeKind::Layer { layer, output: 0 } => {
                let of = &network.layers[layer];
                // memories are copied, row by row
                let copies: usize = of
                    .memories
                    .iter()
                    .map(|&memory| network.width(memory) * rows_of(network, memory, size))
                    .sum();
                elements(&of.plan.train, node.axis, size) + copies
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
        let there = elements(&plan.train, axis, size);
        if network.nodes[node].differentiated {
            meter.hold(there + elements(&plan.back, axis, size));
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
                meter.hold(elements(&inner.plan.back, inner.axis, size));
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
                        meter.arrive(memory, of_node(memory), true);
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
        if network.input_gradient(number).is_some() && meter.arrived[port.node] != GradientPlace::Sum {
            meter.hold(of_node(port.node));
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
    let states: usize =
        states.map(|(width, axis)| width * rows * (axes.of(*axis).steps().div_ceil(steps).max(1) + 1)).sum();
    let mut live = kept + states;
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
                let (plan, axis) = (&network.layers[layer].plan, node.axis);
                // zeros stand for a missing gradient; inputs are copied, twice if they are concatenated
                let zeros = if arrived[number] == 0 { total(axis) * node.width } else { 0 };
                let gathered: usize = parts.iter().map(|&to| 2 * segment(axis) * network.width(to)).sum();
                zeros + gathered + elements(&plan.train, axis) + elements(&plan.back, axis) + segment(axis)
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
