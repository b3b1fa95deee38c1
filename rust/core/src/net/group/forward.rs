//! The forward pass of one row group through the whole network.

use std::borrow::Cow;
use std::sync::Arc;

use crate::kernel::Float;
use crate::time::{Forward, LayerCall, PassMemory, Scratch, SeqView, VecPool, states_after};

use super::super::batch::Axes;
use super::super::graph::{Network, NodeKind};
use super::super::values::{RowMaps, derive, scatter_rows};
use super::bridges::{initial_of, keep_states, starts_from_nodes};
use super::copies::{Arrays, Copies};
use super::layer_parallel::{Grouping, LayerTask, choose, ready_forwards, run_alone, run_together};
use super::memories::Memories;
use super::shared::Shared;

/// The values of a group after its forward pass.
#[derive(Debug)]
pub struct GroupRun<T> {
    /// By node: values of nodes that are not the output of a layer.
    owned: Vec<Vec<T>>,
    /// The memory of each layer.
    pub(super) memory: Vec<PassMemory<T>>,
    /// Final states, by state slot.
    pub finals: Vec<Vec<T>>,
    /// By layer: its memories, for the backward pass.
    pub(super) memories: Vec<Option<Arc<Memories<T>>>>,
    mirror: Vec<usize>,
    training: bool,
}

impl<T: Float> GroupRun<T> {
    /// A run without values and without memory.
    pub fn empty() -> GroupRun<T> {
        let (owned, memory, finals, mirror) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        GroupRun { owned, memory, finals, memories: Vec::new(), mirror, training: false }
    }

    /// Returns the memory to the workspace and the inputs to `inputs`; returns the final states.
    pub fn retired(
        mut self,
        network: &Network,
        inputs: &mut [Vec<T>],
        scratch: &mut Scratch<T>,
    ) -> Vec<Vec<T>> {
        scratch.reclaim_list(self.memory);
        for (input, port) in inputs.iter_mut().zip(&network.inputs) {
            if let Some(values) = self.owned.get_mut(port.node) {
                *input = std::mem::take(values);
            }
        }
        scratch.vectors.keep_list(self.owned);
        scratch.rows.push(self.mirror);
        self.finals
    }

    /// The states after `steps` steps, by state slot; a row that ended earlier keeps its final state.
    pub fn states_after(
        &self,
        network: &Network,
        axes: Axes,
        steps: usize,
        vectors: &mut VecPool<T>,
    ) -> Vec<Vec<T>> {
        debug_assert!(self.training);
        let mut states = vectors.list();
        for (layer, memory) in network.layers.iter().zip(&self.memory) {
            states_after(&layer.plan, memory, axes.of(layer.axis), steps, vectors, &mut states);
        }
        states
    }

    /// The penalty of each step of a layer; None if the layer has no penalty.
    pub fn step_penalty(&self, network: &Network, layer: usize, axes: Axes) -> Option<SeqView<T>> {
        debug_assert!(self.training);
        let of = &network.layers[layer];
        of.step_penalty.map(|output| self.memory[layer].output(&of.plan.train, output, axes.of(of.axis)))
    }

    /// For each packed row, the packed row at the mirrored time; empty if no layer reads from the end.
    pub fn mirror(&self) -> &[usize] {
        &self.mirror
    }

    /// The context of moves between nodes.
    pub fn maps<'a>(&'a self, axes: Axes<'a>) -> RowMaps<'a> {
        RowMaps { axes, mirror: &self.mirror }
    }

    /// The value of a node.
    pub fn view(&self, network: &Network, node: usize, axes: Axes) -> SeqView<T> {
        let of = &network.nodes[node];
        match of.kind {
            NodeKind::Layer { layer, output } => {
                let pass = network.layers[layer].forward(self.training);
                self.memory[layer].output(pass, output, axes.of(of.axis))
            }
            NodeKind::Final { layer, state } if self.owned[node].is_empty() => {
                SeqView::of(&self.finals[network.layers[layer].first_state + state], of.width)
            }
            _ => SeqView { ptr: self.owned[node].as_ptr(), stride: of.width, width: of.width },
        }
    }

    /// The same for an input of a layer, which the layer may write: an input of the network that it copies itself is an empty
    /// vector, with room for the packed rows.
    fn input_view(&mut self, network: &Network, node: usize, axes: Axes) -> SeqView<T> {
        let width = network.nodes[node].width;
        match network.nodes[node].kind {
            NodeKind::Input(_) => {
                SeqView { ptr: self.owned[node].as_mut_ptr().cast_const(), stride: width, width }
            }
            _ => self.view(network, node, axes),
        }
    }

    /// Computes the values of a node that moves elements of others, unless they exist.
    fn derive(&mut self, network: &Network, number: usize, axes: Axes, scratch: &mut Scratch<T>) {
        let node = &network.nodes[number];
        if !self.owned[number].is_empty() {
            return;
        }
        let mut values;
        match &node.kind {
            NodeKind::Derived { moves, .. } => {
                values = scratch.zero_sequence(axes.of(node.axis).total(), node.width);
                derive(
                    moves,
                    |from| self.view(network, from, axes),
                    self.maps(axes),
                    &mut values,
                    node.width,
                );
            }
            // states are in the order of their axis; read in place if that is the order of the rows
            NodeKind::Final { layer, .. } => {
                let Some(order) = axes.order(network.layers[*layer].axis) else { return };
                values = scratch.zero_sequence(axes.row.total(), node.width);
                scatter_rows(&self.view(network, number, axes), order, &mut values);
            }
            _ => return,
        }
        self.owned[number] = values;
    }
}

/// Runs the forward pass of a group. `inputs` are packed, and moved into the run until `GroupRun::retired` returns them;
/// `initial` has the rows of each state slot. With `arrays`, layers copy some inputs and outputs themselves; such an input is
/// empty, with room for its packed rows.
pub fn run_group<T: Float>(
    shared: &Shared<T>,
    axes: Axes,
    inputs: &mut [Vec<T>],
    initial: &[Vec<T>],
    arrays: Option<Arrays<T>>,
    training: bool,
    scratch: &mut Scratch<T>,
) -> GroupRun<T> {
    let network = shared.network;
    let mut run = GroupRun {
        owned: scratch.vectors.list(),
        memory: scratch.list(),
        finals: scratch.vectors.list(),
        memories: Vec::new(),
        mirror: scratch.rows.pop().unwrap_or_default(),
        training,
    };
    run.mirror.clear();
    if network.has_reversed() {
        axes.time.mirror_into(&mut run.mirror);
    }
    run.owned.resize(network.nodes.len(), Vec::new());
    for (values, port) in inputs.iter_mut().zip(&network.inputs) {
        debug_assert!(
            arrays.as_ref().is_none_or(|arrays| !arrays.by_block.has::<T>(port.node))
                || values.capacity()
                    >= axes.of(network.nodes[port.node].axis).total() * network.width(port.node)
        );
        run.owned[port.node] = std::mem::take(values);
    }
    let group = Group { shared, axes, initial, arrays };
    let mut ahead: Vec<(usize, Done<T>)> = Vec::new();
    for node in 0..network.nodes.len() {
        if network.layer_at(node).is_none() {
            run.derive(network, node, axes, scratch);
            continue;
        }
        let done = match ahead.iter().position(|(other, _)| *other == node) {
            Some(at) => ahead.swap_remove(at).1,
            None => group.run_layers(&mut run, node, &mut ahead, scratch),
        };
        if let Some(memories) = done.memories {
            run.memories.resize(run.memory.len(), None); // of the layers before, which have none
            run.memories.push(Some(memories));
        }
        let mut done = done.forward;
        run.memory.push(done.memory);
        run.finals.append(&mut done.finals);
        scratch.vectors.keep_list(done.finals);
    }
    run
}

/// A layer after its forward pass.
struct Done<T> {
    forward: Forward<T>,
    memories: Option<Arc<Memories<T>>>,
}

/// What the layers of a group read.
struct Group<'a, T: Float> {
    shared: &'a Shared<'a, T>,
    axes: Axes<'a>,
    initial: &'a [Vec<T>],
    arrays: Option<Arrays<'a, T>>,
}

/// The forward pass of a layer, before or after it runs: its inputs, and the memory of its results.
struct Task<'a, T: Float> {
    node: usize,
    layer: usize,
    call: LayerCall<'a, T>,
    views: Vec<SeqView<T>>,
    memories: Option<Arc<Memories<T>>>,
    initial: Cow<'a, [Vec<T>]>,
    training: bool,
    copies: Copies<'a, T>,
    run: Forward<T>,
}

impl<T: Float> LayerTask<T> for Task<'_, T> {
    fn run(&mut self, scratch: &mut Scratch<T>) {
        let Task { call, views, memories, initial, training, copies, run, .. } = self;
        match memories {
            Some(memories) => {
                let call = LayerCall { entries: &memories.entries, ..*call };
                call.run_forward(run, views, &memories.views(), initial, *training, copies, scratch);
            }
            None => call.run_forward(run, views, &[], initial, *training, copies, scratch),
        }
    }
}

impl<'a, T: Float> Group<'a, T> {
    /// Runs the layer of node `first`. Layers that run at the same time, before their turn, are added to `ahead`.
    fn run_layers(
        &self,
        run: &mut GroupRun<T>,
        first: usize,
        ahead: &mut Vec<(usize, Done<T>)>,
        scratch: &mut Scratch<T>,
    ) -> Done<T> {
        let (network, training) = (self.shared.network, run.training);
        let plan = scratch.helper_threads().map(|parts| {
            let mut ready = ready_forwards(network, first, &mut |node| {
                run.derive(network, node, self.axes, scratch);
            });
            ready[0].retain(|node| ahead.iter().all(|(other, _)| node != other));
            choose(network, training, self.axes, ready, parts).0
        });
        match plan {
            Some(Grouping::Layers { nodes, is_pipeline }) => {
                let mut tasks: Vec<Task<T>> = Vec::with_capacity(nodes.len());
                for node in nodes {
                    let task = self.task(run, node, &tasks, scratch);
                    tasks.push(task);
                }
                run_together(&mut tasks, is_pipeline, scratch);
                let mut done = tasks.into_iter().map(|task| {
                    scratch.keep_views(task.views);
                    keep_states(task.initial, scratch);
                    (task.node, Done { forward: task.run, memories: task.memories })
                });
                let this = done.next().map(|(_, run)| run);
                ahead.extend(done);
                this.unwrap_or_else(|| unreachable!("the next layer is the first of its tasks"))
            }
            alone => {
                let mut task = self.task(run, first, &[], scratch);
                // without a plan: on the idle threads, if there are any
                run_alone(&mut task, alone != Some(Grouping::Alone { divided: false }), scratch);
                scratch.keep_views(task.views);
                keep_states(task.initial, scratch);
                Done { forward: task.run, memories: task.memories }
            }
        }
    }

    /// The task of the layer of a node. `before` are the layers before it in a pipeline; their memory is allocated already.
    fn task(
        &self,
        run: &mut GroupRun<T>,
        node: usize,
        before: &[Task<T>],
        scratch: &mut Scratch<T>,
    ) -> Task<'a, T> {
        let network = self.shared.network;
        let Some(layer) = network.layer_at(node) else { unreachable!("node {node} is a layer") };
        let inner = &network.layers[layer];
        let mut views = scratch.views();
        views.extend(inner.inputs.iter().map(|&at| match before.iter().find(|task| task.node == at) {
            Some(task) => {
                let of = &network.layers[task.layer];
                task.run.memory.output(of.forward(run.training), 0, self.axes.of(of.axis))
            }
            None => run.input_view(network, at, self.axes),
        }));
        let run = &*run;
        let call = self.shared.call(layer, self.axes, run.training);
        let given = &self.initial[inner.state_slots()];
        let initial = match starts_from_nodes(network, layer, self.axes) {
            true => initial_of(inner, given, |at| run.view(network, at, self.axes), self.axes, scratch),
            false => Cow::Borrowed(given),
        };
        let memories = Memories::of(network, inner, self.axes, |at| run.view(network, at, self.axes));
        let entries = memories.as_ref().map_or(&[][..], |memories| &memories.entries);
        let pass = inner.forward(run.training);
        let memory = Forward::new(pass, call.geometry, entries, &initial, scratch);
        let copies = Copies { layer, pass, arrays: self.arrays };
        Task { node, layer, call, views, memories, initial, training: run.training, copies, run: memory }
    }
}
