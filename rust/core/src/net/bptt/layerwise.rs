//! Checkpointed BPTT of networks whose time no segment can pass through: layer by layer, each over all of its axis in segments.
//!
//! A layer that reads from the end needs all of its input before its first step, and so does a value per row that is made of a
//! sequence; sequences on several axes have no steps in common. Instead, the outputs of all layers and the values per row are
//! kept, but the values that a layer saves within its steps are not: in the backward pass of a layer, its segments run again
//! from states that were stored at the segment boundaries. So every step runs forward twice.
//!
//! The results are bit-identical to full BPTT: the segments of a layer start at its block boundaries, and gradients between
//! layers are added in the same order as in `back_group`.
//!
//! Truncated BPTT of networks with memories runs in the same way, with windows for segments.

use std::ops::Range;
use std::sync::Arc;

use crate::kernel::Float;
use crate::memory::{made, resized, with_room, zeros};
use crate::time::{
    Entries, Forward, Geometry, InPlace, IncomingGradients, LayerCall, Saved, Scratch, SeqView, SlotGradients,
};

use super::super::graph::kinds::{Move, Rows};
use super::super::graph::{Axis, NodeKind};
use super::super::group::{
    GroupGradients, GroupResult, Memories, Shared, Terms, Training, Want, entries_of, final_gradients,
    initial_of, memory_gradient,
};
use super::super::values::{
    NodeGradients, RowMaps, append_rows, copy_rows, derive, scatter_rows, source_rows,
};

/// How the steps of a layer are divided.
#[derive(Debug, Clone, Copy)]
pub struct Segments<'a> {
    /// The steps of a segment.
    pub steps: usize,
    /// The axes on which a segment is a window of truncated BPTT: the gradient of a state ends where it starts. All other axes are
    /// then one segment. If there is none, segments are on every axis, and the gradient is that of full BPTT.
    pub windows: &'a [Axis],
}

/// Runs a group in segments.
pub fn layerwise<T: Float>(
    training: &Training<T>,
    inputs: &mut [Vec<T>],
    segments: Segments,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> GroupResult<T> {
    scratch.exact_fit(None);
    let network = training.shared.network;
    let mut kept = vec![Vec::new(); network.nodes.len()];
    for (values, port) in inputs.iter_mut().zip(&network.inputs) {
        kept[port.node] = std::mem::take(values);
    }
    let axes = training.axes;
    let mirror = axes.time.mirror();
    let maps = RowMaps { axes, mirror: &mirror };
    let mut run = LayerwiseRun { training, maps, segments, kept, borders: Vec::new(), finals: Vec::new() };
    let mut terms = Terms::default();
    for (number, node) in network.nodes.iter().enumerate() {
        match network.layer_at(number) {
            Some(layer) => run.forward(layer, &mut terms, scratch),
            None if node.axis == Axis::Row => run.keep(number),
            None => {}
        }
    }
    let mut of_outputs: Vec<(usize, Vec<T>)> = Vec::new();
    for number in 0..training.losses.len() {
        let slots = &mut slots[network.layers.len() + number];
        if let Some(d) = run.loss(number, &mut terms, slots, scratch) {
            of_outputs.push((training.losses[number].output(), d));
        }
    }
    // in the order of the outputs, as in `back_group`
    of_outputs.sort_by_key(|(output, _)| *output);
    let mut gradients = NodeGradients::owning(network, maps, scratch);
    for (output, d) in of_outputs {
        gradients.add_values(network.outputs[output].node, d, scratch);
    }
    let mut d_initial: Vec<Vec<T>> = vec![Vec::new(); network.states.len()];
    for (number, node) in network.nodes.iter().enumerate().rev() {
        match &node.kind {
            // the gradient of a final state goes to its layer
            NodeKind::Input(_) | NodeKind::Layer { output: 1.., .. } | NodeKind::Final { .. } => {}
            NodeKind::Layer { layer, .. } if !node.differentiated => {
                for slot in network.layers[*layer].state_slots() {
                    d_initial[slot] = zeros(axes.time.rows * network.states[slot]);
                }
            }
            NodeKind::Layer { layer, .. } => {
                let inner = &network.layers[*layer];
                let widths = (0..inner.outputs.len()).map(|output| inner.plan.output_width(output));
                let arrived = widths.zip(&inner.outputs).map(|(width, node)| {
                    node.map_or_else(|| run.zeros(inner.axis, width), |node| gradients.take(node, scratch).1)
                });
                let arrived: Vec<Vec<T>> = arrived.collect();
                let states = network.states[inner.state_slots()].iter();
                let no_gradients: Vec<Vec<T>> = states.map(|width| zeros(axes.time.rows * width)).collect();
                let mut kept = Vec::new();
                let d_finals =
                    final_gradients(inner, &no_gradients, &mut gradients, axes, &mut kept, scratch);
                let d_finals = d_finals.into_owned();
                let back = run.back(*layer, &arrived, d_finals, &mut slots[*layer], scratch);
                drop((arrived, kept));
                for (slot, values) in back.d_states.into_iter().enumerate() {
                    if let Some(from) = inner.initial[slot].filter(|&from| network.nodes[from].differentiated)
                    {
                        let view = SeqView::of(&values, network.width(from));
                        match axes.order(inner.axis) {
                            None => gradients.add(from, view, scratch),
                            Some(order) => {
                                let mut by_row = zeros(values.len());
                                scatter_rows(&view, order, &mut by_row);
                                gradients.add_values(from, by_row, scratch);
                            }
                        }
                    }
                    d_initial[inner.first_state + slot] = values;
                }
                let memories = inner.memories.iter().zip(back.d_memories);
                for (&node, d) in inner.inputs.iter().zip(back.d_inputs).chain(memories) {
                    if let Some(d) = d {
                        gradients.add_values(node, d, scratch);
                    }
                }
            }
            NodeKind::Derived { moves, .. } if node.differentiated && gradients.has(number) => {
                let (d, memory) = gradients.take(number, scratch);
                for one in moves.iter().filter(|one| network.nodes[one.from].differentiated) {
                    // only the move of a maximum reads the values of its source
                    let values = if one.rows == Rows::Max { run.whole(one.from) } else { Vec::new() };
                    let source = match one.rows {
                        Rows::Max => SeqView::of(&values, network.width(one.from)),
                        _ => SeqView::NONE,
                    };
                    gradients.add_moved(*one, d, source, scratch);
                }
                drop(memory);
            }
            NodeKind::Derived { .. } => {}
        }
    }
    scratch.best_fit();
    let mut d_inputs = Vec::with_capacity(inputs.len());
    for (number, (values, port)) in inputs.iter_mut().zip(&network.inputs).enumerate() {
        *values = std::mem::take(&mut run.kept[port.node]);
        d_inputs.push(match network.input_gradient(number) {
            Some(_) => gradients.taken(port.node, scratch),
            None => Vec::new(),
        });
    }
    let gradients = GroupGradients::of(network, d_inputs, d_initial, scratch);
    GroupResult { terms, gradients, finals: run.finals }
}

/// The layer-by-layer run of one group.
struct LayerwiseRun<'a, T: Float> {
    training: &'a Training<'a, T>,
    maps: RowMaps<'a>,
    segments: Segments<'a>,
    /// By node: the packed inputs, the outputs of layers, and the values per row. The values of other nodes are computed where
    /// they are read.
    kept: Vec<Vec<T>>,
    /// By layer and segment: the states before it.
    borders: Vec<Vec<Vec<Vec<T>>>>,
    /// Final states, by state slot.
    finals: Vec<Vec<T>>,
}

/// A segment of a layer after its forward pass.
struct Segment<T> {
    geometry: Geometry,
    entries: Vec<Entries>,
    inputs: Vec<Vec<T>>,
    done: Forward<T>,
}

/// The gradients of a layer: by input and by memory, None without a gradient; by state of a row.
struct LayerGradients<T> {
    d_inputs: Vec<Option<Vec<T>>>,
    d_memories: Vec<Option<Vec<T>>>,
    d_states: Vec<Vec<T>>,
}

impl<T: Float> LayerwiseRun<'_, T> {
    /// The steps of a segment of an axis.
    fn steps(&self, axis: Axis) -> usize {
        match self.segments.windows.is_empty() || self.segments.windows.contains(&axis) {
            true => self.segments.steps,
            false => self.training.axes.of(axis).steps().max(1),
        }
    }

    fn segments(&self, axis: Axis) -> usize {
        self.training.axes.of(axis).steps().div_ceil(self.steps(axis))
    }

    fn zeros(&self, axis: Axis, width: usize) -> Vec<T> {
        zeros(self.training.axes.of(axis).total() * width)
    }

    /// The packed rows of a segment.
    fn rows(&self, axis: Axis, segment: usize) -> Range<usize> {
        let (geometry, steps) = (self.training.axes.of(axis), self.steps(axis));
        geometry.first_row(segment * steps)..geometry.first_row((segment + 1) * steps)
    }

    /// The steps of a segment.
    fn piece(&self, axis: Axis, segment: usize) -> Geometry {
        let steps = self.steps(axis);
        self.training.axes.of(axis).piece(segment * steps, (segment + 1) * steps)
    }

    /// All rows of a node.
    fn whole(&self, node: usize) -> Vec<T> {
        let total = self.training.axes.of(self.training.shared.network.nodes[node].axis).total();
        self.values(node, &(0..total).collect::<Vec<usize>>())
    }

    /// Computes a value per row that is not the output of a layer, and keeps it.
    fn keep(&mut self, number: usize) {
        let Training { shared, axes, .. } = self.training;
        let network = shared.network;
        let width = network.width(number);
        let mut values = self.zeros(Axis::Row, width);
        match &network.nodes[number].kind {
            NodeKind::Derived { moves, .. } => {
                for one in moves {
                    let source = self.whole(one.from);
                    let view = SeqView::of(&source, network.width(one.from));
                    derive(&[*one], |_| view, self.maps, &mut values, width);
                }
            }
            NodeKind::Final { layer, state } => {
                let of = &network.layers[*layer];
                let states = &self.finals[of.first_state + state];
                match axes.order(of.axis) {
                    None => values.clone_from(states),
                    Some(order) => scatter_rows(&SeqView::of(states, width), order, &mut values),
                }
            }
            _ => return,
        }
        self.kept[number] = values;
    }

    /// Some rows of a node, summed in the same order as in `run_group`.
    fn values(&self, node: usize, rows: &[usize]) -> Vec<T> {
        let network = self.training.shared.network;
        let width = network.width(node);
        let moves = match &network.nodes[node].kind {
            NodeKind::Derived { moves, .. } if network.nodes[node].axis != Axis::Row => moves,
            _ => return taken(&self.kept[node], width, rows.iter().copied()),
        };
        let mut values = zeros(rows.len() * width);
        for one in moves {
            let source = self.values(one.from, &source_rows(*one, self.maps, rows));
            let source = SeqView::of(&source, network.width(one.from));
            let here = Move { rows: Rows::Same, ..*one }; // of the rows that were gathered
            derive(&[here], |_| source, self.maps, &mut values, width);
        }
        values
    }

    fn call<'b>(&'b self, layer: usize, geometry: &'b Geometry, entries: &'b [Entries]) -> LayerCall<'b, T> {
        let shared = self.training.shared;
        let (plan, weights) = (&shared.network.layers[layer].plan, shared.weights[layer].weights());
        LayerCall { plan, weights, geometry, entries, kernels: shared.kernels }
    }

    /// The memories of a layer: the entries of all rows; None if it has none.
    fn memories(&self, layer: usize) -> Option<Arc<Memories<T>>> {
        let Training { shared: Shared { network, .. }, axes, .. } = self.training;
        let inner = &network.layers[layer];
        // of nodes that are not kept
        let whole: Vec<(usize, Vec<T>)> =
            inner.memories.iter().map(|&node| (node, self.whole(node))).collect();
        let view = |node: usize| {
            let values = whole.iter().find(|(other, _)| *other == node).map_or(&[][..], |(_, values)| values);
            SeqView::of(values, network.width(node))
        };
        Memories::of(network, inner, *axes, view)
    }

    /// Runs a segment of a layer forward from `states`: those of the row, then those on entries.
    fn run(
        &self,
        layer: usize,
        segment: usize,
        states: &[Vec<T>],
        memories: &[SeqView<T>],
        scratch: &mut Scratch<T>,
    ) -> Segment<T> {
        let Training { shared: Shared { network, .. }, axes, .. } = self.training;
        let inner = &network.layers[layer];
        let geometry = self.piece(inner.axis, segment);
        let entries = entries_of(network, inner, *axes, &geometry);
        let rows = made(self.rows(inner.axis, segment));
        let inputs: Vec<Vec<T>> = inner.inputs.iter().map(|&node| self.values(node, &rows)).collect();
        let mut done = Forward::new(&inner.plan.train, &geometry, &entries, states, scratch);
        let views = self.views(layer, &inputs);
        let call = self.call(layer, &geometry, &entries);
        call.run_forward(&mut done, &views, memories, states, true, &InPlace, scratch);
        Segment { geometry, entries, inputs, done }
    }

    /// Zeros for the states on entries of a layer.
    fn entry_states(&self, layer: usize, memories: Option<&Memories<T>>) -> impl Iterator<Item = Vec<T>> {
        let train = &self.training.shared.network.layers[layer].plan.train;
        let states = train.states.iter().zip(&train.state_entries);
        let counts: Vec<usize> = states
            .filter_map(|((_, width), axis)| Some(memories?.entries[(*axis)?].count() * width))
            .collect();
        counts.into_iter().map(zeros)
    }

    fn views(&self, layer: usize, inputs: &[Vec<T>]) -> Vec<SeqView<T>> {
        let network = self.training.shared.network;
        let nodes = network.layers[layer].inputs.iter().zip(inputs);
        nodes.map(|(&node, values)| SeqView::of(values, network.width(node))).collect()
    }

    /// Runs a layer forward over all of its axis.
    fn forward(&mut self, layer: usize, terms: &mut Terms, scratch: &mut Scratch<T>) {
        let Training { shared, axes, initial, step_scales, .. } = self.training;
        let network = shared.network;
        let inner = &network.layers[layer];
        let given = &initial[inner.state_slots()];
        let view = |node: usize| SeqView::of(&self.kept[node], network.width(node));
        let mut states = initial_of(inner, given, view, *axes, scratch).into_owned();
        let memories = self.memories(layer);
        let of_memories = memories.as_ref().map(|memories| memories.views()).unwrap_or_default();
        states.extend(self.entry_states(layer, memories.as_deref()));
        let total = axes.of(inner.axis).total();
        let mut outputs: Vec<(usize, usize, Vec<T>)> = Vec::new();
        for (output, node) in inner.outputs.iter().enumerate() {
            let Some(node) = *node else { continue };
            outputs.push((output, node, with_room(total * network.width(node))));
        }
        let mut borders = with_room(self.segments(inner.axis));
        for segment in 0..self.segments(inner.axis) {
            let Segment { geometry, done, .. } = self.run(layer, segment, &states, &of_memories, scratch);
            let rows = geometry.total();
            for (output, _, values) in &mut outputs {
                let view = done.memory.output(&inner.plan.train, *output, &geometry);
                append_rows(&view, rows, values);
            }
            if let Some(output) = inner.step_penalty {
                let penalty = done.memory.output(&inner.plan.train, output, &geometry);
                terms.add_layer(network, layer, penalty, 0..rows, step_scales.of(inner.axis));
            }
            scratch.reclaim(done.memory);
            borders.push(std::mem::replace(&mut states, done.finals));
        }
        for (_, node, values) in outputs {
            self.kept[node] = values;
        }
        self.borders.push(borders);
        states.truncate(inner.state_slots().len());
        self.finals.append(&mut states);
    }

    /// Computes a loss over all steps, and the gradient of its output; None if the loss does not depend on the output.
    fn loss(
        &self,
        number: usize,
        terms: &mut Terms,
        slots: &mut SlotGradients<T>,
        scratch: &mut Scratch<T>,
    ) -> Option<Vec<T>> {
        scratch.exact_fit(None); // frees the idle memory of the layers
        let Training { group, axes, shared, losses, .. } = self.training;
        let (loss, axis) = (&losses[number], losses[number].axis());
        let width = shared.network.width(loss.node());
        let differentiated = shared.network.nodes[loss.node()].differentiated;
        let want = if differentiated || loss.has_params() { Want::Gradient } else { Want::Sum };
        let mut d_output = differentiated.then(|| with_room(axes.of(axis).total() * width));
        for segment in 0..self.segments(axis) {
            let piece = self.piece(axis, segment);
            let rows = made(self.rows(axis, segment));
            let values = self.values(loss.node(), &rows);
            let first = rows.first().copied().unwrap_or(0);
            let view = SeqView::of(&values, width);
            let sums = (terms.loss(loss.output()), &mut *slots);
            let taken = loss.take((*group, first), &piece, view, want, sums, scratch);
            match (loss.output_gradient(&taken, &piece), &mut d_output) {
                (Some(d), Some(all)) => append_rows(&d, rows.len(), all),
                _ => d_output = None,
            }
            if let Some(memory) = taken {
                scratch.reclaim(memory);
            }
        }
        d_output
    }

    /// Runs a layer backward over all of its axis, from the gradients of its outputs and of its final states.
    fn back(
        &mut self,
        layer: usize,
        d_outputs: &[Vec<T>],
        mut d_states: Vec<Vec<T>>,
        slots: &mut SlotGradients<T>,
        scratch: &mut Scratch<T>,
    ) -> LayerGradients<T> {
        scratch.exact_fit(None); // frees the idle memory of the layer above
        let Training { shared, step_scales, axes, .. } = self.training;
        let (network, inner) = (shared.network, &shared.network.layers[layer]);
        let memories = self.memories(layer);
        let of_memories = memories.as_ref().map(|memories| memories.views()).unwrap_or_default();
        d_states.extend(self.entry_states(layer, memories.as_deref()));
        let mut sums: Vec<Vec<T>> = Vec::new();
        let of_input = inner.inputs.iter().zip(&inner.plan.input_gradients);
        let mut d_inputs: Vec<Option<Vec<T>>> = of_input
            .map(|(&node, position)| position.map(|_| self.zeros(inner.axis, network.width(node))))
            .collect();
        let borders = std::mem::take(&mut self.borders[layer]);
        for (segment, states) in borders.iter().enumerate().rev() {
            let Segment { geometry, entries, inputs, done } =
                self.run(layer, segment, states, &of_memories, scratch);
            let rows = self.rows(inner.axis, segment);
            let d_steps = match inner.step_penalty {
                Some(_) => {
                    let mut scales = Vec::new();
                    resized(&mut scales, geometry.total(), T::from_f64(step_scales.of(inner.axis)));
                    scales
                }
                None => Vec::new(),
            };
            let outputs = d_outputs.iter().enumerate().map(|(output, d)| match inner.step_penalty {
                Some(penalty) if penalty == output => SeqView::of(&d_steps, 1),
                _ => {
                    let width = inner.plan.output_width(output);
                    SeqView::of(&d[rows.start * width..], width)
                }
            });
            let outputs: Vec<SeqView<T>> = outputs.collect();
            let views = self.views(layer, &inputs);
            let saved = Saved { inputs: &views, memories: &of_memories, memory: &done.memory };
            let arrived = IncomingGradients { outputs: &outputs, finals: &d_states, memories: &sums };
            let call = self.call(layer, &geometry, &entries);
            let back = call.backward(saved, arrived, Some(slots), scratch);
            // the next segment continues these sums, so the order of terms is that of one pass over all steps
            let of_memory = inner.plan.memory_gradients.iter().enumerate();
            sums = of_memory
                .map(|(k, buffer)| match (buffer, &memories) {
                    (Some(buffer), Some(memories)) => {
                        let count = memories.entries[inner.plan.program.axis_of_memory(k)].count();
                        let view = back.memory.memory_gradient(&inner.plan.back, *buffer);
                        copy_rows(&view, count)
                    }
                    _ => Vec::new(),
                })
                .collect();
            for (d_input, position) in d_inputs.iter_mut().zip(&inner.plan.input_gradients) {
                if let (Some(all), Some(position)) = (d_input, position) {
                    let view = back.memory.output(&inner.plan.back, *position, &geometry);
                    let lines = all.chunks_exact_mut(view.width.max(1)).skip(rows.start).take(rows.len());
                    for (row, line) in lines.enumerate() {
                        // SAFETY: the gradient has `width` elements in each packed row of the segment.
                        line.copy_from_slice(unsafe {
                            std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width)
                        });
                    }
                }
            }
            d_states = back.d_initial;
            if segment > 0 && self.segments.windows.contains(&inner.axis) {
                d_states.iter_mut().for_each(|d| d.fill(T::ZERO));
            }
            scratch.reclaim(done.memory);
            scratch.reclaim(back.memory);
        }
        let sums = inner.memories.iter().zip(&sums).enumerate();
        let d_memories = sums
            .map(|(k, (&node, sum))| {
                let memories =
                    memories.as_ref().filter(|_| !sum.is_empty() && network.nodes[node].differentiated)?;
                let sum = SeqView::of(sum, network.width(node));
                Some(memory_gradient(network, inner, k, sum, memories, *axes, scratch))
            })
            .collect();
        d_states.truncate(inner.state_slots().len());
        LayerGradients { d_inputs, d_memories, d_states }
    }
}

/// Copies some rows of packed values.
fn taken<T: Copy>(values: &[T], width: usize, rows: impl Iterator<Item = usize>) -> Vec<T> {
    let mut lines = with_room(rows.size_hint().0 * width);
    rows.for_each(|row| lines.extend_from_slice(&values[row * width..(row + 1) * width]));
    lines
}
