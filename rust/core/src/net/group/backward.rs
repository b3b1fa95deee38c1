//! The backward pass of one row group through the whole network.

use std::borrow::Cow;

use crate::kernel::Float;
use crate::time::{
    Backward, IncomingGradients, LayerCall, PassMemory, Saved, Scratch, SeqView, SlotGradients,
};

use super::super::batch::Axes;
use super::super::graph::{Axis, Network, NodeKind};
use super::super::values::{NodeGradients, scatter_rows};
use super::bridges::{final_gradients, keep_states, starts_from_nodes};
use super::forward::GroupRun;
use super::layer_parallel::{Grouping, LayerTask, choose, ready_backwards, run_alone, run_together};
use super::memories::{Memories, memory_gradient};
use super::shared::Shared;
use super::step_scales::StepScales;

/// The gradients of a group, except those of the parameters.
pub struct GroupGradients<T> {
    /// By input: its packed gradient, in place; `SeqView::NONE` for ids.
    pub d_inputs: Vec<SeqView<T>>,
    /// By state slot.
    pub d_initial: Vec<Vec<T>>,
    /// The memory that `d_inputs` points into.
    passes: Vec<PassMemory<T>>,
    sums: Vec<Vec<T>>,
}

impl<T: Float> GroupGradients<T> {
    /// Gradients of inputs in vectors; one without elements for ids.
    pub fn of(
        network: &Network,
        d_inputs: Vec<Vec<T>>,
        d_initial: Vec<Vec<T>>,
        scratch: &mut Scratch<T>,
    ) -> GroupGradients<T> {
        let mut views = scratch.views();
        views.extend(d_inputs.iter().enumerate().map(|(number, d)| match network.input_gradient(number) {
            Some(width) => SeqView::of(d, width),
            None => SeqView::NONE,
        }));
        GroupGradients { d_inputs: views, d_initial, passes: scratch.list(), sums: d_inputs }
    }

    /// Keeps memory that gradients of inputs may point into.
    pub fn keep(&mut self, passes: &mut Vec<PassMemory<T>>, sums: &mut Vec<Vec<T>>) {
        self.passes.append(passes);
        self.sums.append(sums);
    }

    /// Returns the memory to the workspace.
    pub fn retired(self, scratch: &mut Scratch<T>) {
        scratch.keep_views(self.d_inputs);
        scratch.vectors.keep_list(self.d_initial);
        scratch.reclaim_list(self.passes);
        scratch.vectors.keep_list(self.sums);
    }
}

/// The gradients from which a backward pass starts.
pub struct BackwardStart<'a, T> {
    /// The packed gradient of each output of the network; `SeqView::NONE` for zeros. The memory stays valid until the group
    /// is done, and as long as its gradients of inputs are read.
    pub d_outputs: &'a [SeqView<T>],
    /// The gradient of each step's penalty on the first axis; not read if no layer has a penalty.
    pub d_penalty: &'a [T],
    /// The gradient of a step's penalty on the other axes.
    pub step_scales: &'a StepScales,
    /// The gradients of the final states, by state slot.
    pub d_final: &'a [Vec<T>],
}

/// What the backward passes of a group's layers read.
struct Group<'a, T: Float> {
    shared: &'a Shared<'a, T>,
    axes: Axes<'a>,
    run: &'a GroupRun<T>,
    d_penalty: &'a [T],
    step_scales: &'a StepScales,
    /// `d_penalty` in the order of layers that read from the end.
    mirrored: Vec<T>,
    /// For each layer, whether it reads from the end; empty if no layer has a penalty.
    from_end: Vec<bool>,
    d_final: &'a [Vec<T>],
}

/// The backward pass of a layer, before or after it runs: its inputs, and the memory of its results.
struct Task<'a, T: Float> {
    node: usize,
    layer: usize,
    call: LayerCall<'a, T>,
    saved: &'a PassMemory<T>,
    memories: Option<&'a Memories<T>>,
    d_final: Cow<'a, [Vec<T>]>,
    views: Vec<SeqView<T>>,
    d_views: Vec<SeqView<T>>,
    /// Memory that `d_views` may point into.
    kept: Vec<Vec<T>>,
    slots: SlotGradients<T>,
    back: Backward<T>,
}

impl<T: Float> LayerTask<T> for Task<'_, T> {
    fn run(&mut self, scratch: &mut Scratch<T>) {
        let Task { call, saved, memories, d_final, views, d_views, slots, back, .. } = self;
        let (entries, given) = match memories {
            Some(memories) => (&memories.entries[..], memories.views()),
            None => (&[][..], Vec::new()),
        };
        let saved = Saved { inputs: views, memories: &given, memory: saved };
        let arrived = IncomingGradients { outputs: d_views, finals: d_final, memories: &[] };
        LayerCall { entries, ..*call }.run_backward(back, saved, arrived, Some(slots), scratch);
    }
}

impl<T: Float> Task<'_, T> {
    /// The gradient that this layer produces for a node, if no other layer contributes to it.
    fn left_for(&self, network: &Network, node: usize) -> Option<SeqView<T>> {
        let layer = &network.layers[self.layer];
        let output = layer.gradient_for(node)?;
        Some(self.back.memory.output(&layer.plan.back, output, self.call.geometry))
    }
}

impl<'a, T: Float> Group<'a, T> {
    /// Runs the layer of node `last` backward. Layers that run at the same time, before their turn, are added to `ahead`.
    fn run_layers(
        &self,
        last: usize,
        ahead: &mut Vec<Task<'a, T>>,
        node_gradients: &mut NodeGradients<T>,
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> Task<'a, T> {
        let network = self.shared.network;
        let plan = scratch.helper_threads().map(|parts| {
            let mut ready = ready_backwards(network, last, &|node| node_gradients.has(node));
            ready[0].retain(|node| ahead.iter().all(|task| task.node != *node));
            choose(network, true, self.axes, ready, parts).0
        });
        let mut this = match plan {
            Some(Grouping::Layers { nodes, is_pipeline }) => {
                let mut tasks: Vec<Task<T>> = Vec::with_capacity(nodes.len());
                for node in nodes {
                    let task = self.task(node, tasks.last(), node_gradients, slots, scratch);
                    tasks.push(task);
                }
                run_together(&mut tasks, is_pipeline, scratch);
                let this = tasks.remove(0);
                for mut task in tasks {
                    self.finish(&mut task, slots, scratch);
                    ahead.push(task);
                }
                this
            }
            alone => {
                let mut task = self.task(last, None, node_gradients, slots, scratch);
                // without a plan: on the idle threads, if there are any
                run_alone(&mut task, alone != Some(Grouping::Alone { divided: false }), scratch);
                task
            }
        };
        self.finish(&mut this, slots, scratch);
        this
    }

    /// Returns the memory of the layer's inputs.
    fn finish(&self, task: &mut Task<T>, slots: &mut [SlotGradients<T>], scratch: &mut Scratch<T>) {
        std::mem::swap(&mut slots[task.layer], &mut task.slots);
        scratch.vectors.keep_list(std::mem::take(&mut task.kept));
        keep_states(std::mem::take(&mut task.d_final), scratch);
        scratch.keep_views(std::mem::take(&mut task.views));
        scratch.keep_views(std::mem::take(&mut task.d_views));
    }

    /// The task of a layer whose gradient is complete, or comes from the layer `above`, which runs in the same pipeline.
    fn task(
        &self,
        node: usize,
        above: Option<&Task<T>>,
        node_gradients: &mut NodeGradients<T>,
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> Task<'a, T> {
        let network = self.shared.network;
        let Some(layer) = network.layer_at(node) else { unreachable!("node {node} is a layer") };
        let inner = &network.layers[layer];
        let call = LayerCall { plan: &inner.plan, ..self.shared.call(layer, self.axes, true) };
        let (mut d_views, mut views) = (scratch.views(), scratch.views());
        let mut kept = scratch.vectors.list();
        for (output, at) in inner.outputs.iter().enumerate() {
            let handed = above.filter(|_| *at == Some(node)).and_then(|above| above.left_for(network, node));
            d_views.push(match (handed, at) {
                (Some(d), _) => d, // the output of the layer above stays valid until the group is done
                (None, Some(at)) => {
                    let (d, memory) = node_gradients.take(*at, scratch);
                    kept.push(memory);
                    d
                }
                (None, None) if inner.step_penalty == Some(output) && inner.axis == Axis::FIRST => {
                    let mirrored = self.from_end.get(layer) == Some(&true);
                    SeqView::of(if mirrored { &self.mirrored } else { self.d_penalty }, 1)
                }
                (None, None) => {
                    let width = inner.plan.output_width(output);
                    let mut d = scratch.zero_sequence(call.geometry.total(), width);
                    if inner.step_penalty == Some(output) {
                        d.fill(T::from_f64(self.step_scales.of(inner.axis)));
                    }
                    let view = SeqView::of(&d, width);
                    kept.push(d);
                    view
                }
            });
        }
        views.extend(inner.inputs.iter().map(|&at| self.run.view(network, at, self.axes)));
        let given = &self.d_final[inner.state_slots()];
        let d_final = final_gradients(inner, given, node_gradients, self.axes, &mut kept, scratch);
        let run = self.run;
        let memories = run.memories.get(layer).and_then(Option::as_deref);
        let entries = memories.map_or(&[][..], |memories| &memories.entries);
        Task {
            node,
            layer,
            call,
            saved: &run.memory[layer],
            memories,
            d_final,
            views,
            d_views,
            kept,
            slots: std::mem::replace(&mut slots[layer], SlotGradients::none()),
            back: Backward::new(&inner.plan, call.geometry, entries, scratch),
        }
    }
}

/// Runs the backward pass of a group.
pub fn back_group<T: Float>(
    shared: &Shared<T>,
    axes: Axes,
    run: &GroupRun<T>,
    from: BackwardStart<T>,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> GroupGradients<T> {
    let network = shared.network;
    let BackwardStart { d_outputs, d_penalty, step_scales, d_final } = from;
    let mut node_gradients = NodeGradients::new(network, run.maps(axes), scratch);
    let mut d_initial = scratch.vectors.list();
    d_initial.resize(network.states.len(), Vec::new());
    // memory that views point into, until the group is done
    let mut passes = scratch.list();
    let mut sums = scratch.vectors.list();
    // packed row r of a layer that reads from the end is another step
    let mut mirrored: Vec<T> = Vec::new();
    if !d_penalty.is_empty() {
        mirrored = scratch.sequence(axes.time.total(), 1);
        mirrored.extend(run.mirror().iter().map(|&row| d_penalty[row]));
    }
    let from_end = if d_penalty.is_empty() { Vec::new() } else { network.layers_from_end() };
    let group = Group { shared, axes, run, d_penalty, step_scales, mirrored, from_end, d_final };
    for (port, d) in network.outputs.iter().zip(d_outputs).filter(|(_, d)| !d.is_none()) {
        node_gradients.add(port.node, *d, scratch);
    }
    let mut ahead: Vec<Task<T>> = Vec::new();
    for (number, node) in network.nodes.iter().enumerate().rev() {
        match &node.kind {
            NodeKind::Layer { layer, output: 0 } if !node.differentiated => {
                let rows = axes.of(node.axis).rows;
                for slot in network.layers[*layer].state_slots() {
                    d_initial[slot] = scratch.vectors.zeros(rows * network.states[slot]);
                }
            }
            // a layer whose output is not read may still have a gradient from its final state
            NodeKind::Layer { output: 0, .. } => {
                let found = ahead.iter().position(|task| task.node == number);
                let Task { layer, mut back, call, memories, .. } = match found {
                    Some(at) => ahead.swap_remove(at),
                    None => group.run_layers(number, &mut ahead, &mut node_gradients, slots, scratch),
                };
                let inner = &network.layers[layer];
                let starts = starts_from_nodes(network, layer, axes);
                for (slot, values) in back.d_initial.drain(..).enumerate() {
                    let from = inner.initial[slot].filter(|_| starts);
                    if let Some(from) = from.filter(|&from| network.nodes[from].differentiated) {
                        let width = network.width(from);
                        let mut d = SeqView::of(&values, width);
                        if let Some(order) = axes.order(inner.axis) {
                            let mut by_row = scratch.vectors.zeros(values.len());
                            scatter_rows(&d, order, &mut by_row);
                            d = SeqView::of(&by_row, width);
                            sums.push(by_row);
                        }
                        // `d_initial` and `sums` are readable until the group is done
                        node_gradients.add(from, d, scratch);
                    }
                    d_initial[inner.first_state + slot] = values;
                }
                scratch.vectors.keep_list(back.d_initial);
                for (k, &input) in inner.inputs.iter().enumerate() {
                    if let Some(output) = inner.plan.input_gradients[k] {
                        let d = back.memory.output(&inner.plan.back, output, call.geometry);
                        node_gradients.add(input, d, scratch);
                    }
                }
                for (k, &node) in inner.memories.iter().enumerate() {
                    let buffer =
                        inner.plan.memory_gradients[k].filter(|_| network.nodes[node].differentiated);
                    if let (Some(buffer), Some(memories)) = (buffer, memories) {
                        let found = back.memory.memory_gradient(&inner.plan.back, buffer);
                        let d = memory_gradient(network, inner, k, found, memories, axes, scratch);
                        // `sums` is readable until the group is done
                        node_gradients.add(node, SeqView::of(&d, network.width(node)), scratch);
                        sums.push(d);
                    }
                }
                passes.push(back.memory);
            }
            NodeKind::Derived { moves, .. } if node.differentiated && node_gradients.has(number) => {
                let (d, kept) = node_gradients.take(number, scratch);
                for one in moves.iter().filter(|one| network.nodes[one.from].differentiated) {
                    let source = run.view(network, one.from, axes);
                    node_gradients.add_moved(*one, d, source, scratch);
                }
                sums.push(kept);
            }
            _ => {}
        }
    }
    let mut d_inputs = scratch.views();
    for (number, port) in network.inputs.iter().enumerate() {
        d_inputs.push(match network.input_gradient(number) {
            Some(_) => {
                let (d, kept) = node_gradients.take(port.node, scratch);
                sums.push(kept);
                d
            }
            None => SeqView::NONE,
        });
    }
    node_gradients.retired(scratch);
    scratch.vectors.keep(group.mirrored);
    GroupGradients { d_inputs, d_initial, passes, sums }
}
