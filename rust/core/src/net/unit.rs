//! One unit forwards through the whole network.

use crate::kernel::{Float, Kernels};
use crate::time::{Forward, Geometry, LayerWeights, PassMemory, Scratch, SeqView, Spare, states_after};

use super::abreast::{Abreast, choose, ready_forwards, run_chosen};
use super::graph::{Network, SeqNode};
use super::penalty::STEP_PENALTY;

/// What a unit's forward run leaves.
#[derive(Debug)]
pub struct UnitRun<T> {
    /// Values of sequences that are not the output of a layer; by node.
    owned: Vec<Vec<T>>,
    /// Memory of each layer.
    pub(super) memory: Vec<PassMemory<T>>,
    /// Final states, by state slot.
    pub finals: Vec<Vec<T>>,
    pub(super) mirror: Vec<usize>,
    training: bool,
}

/// Everything of a call that all units share.
pub struct Shared<'a, T: Float> {
    pub network: &'a Network,
    pub weights: &'a [LayerWeights<T>],
    pub kernels: &'a Kernels<T>,
}

impl<T: Float> UnitRun<T> {
    /// Of nothing, without memory.
    pub fn empty() -> UnitRun<T> {
        let (owned, memory, finals, mirror) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        UnitRun { owned, memory, finals, mirror, training: false }
    }

    /// Gives the memory back; the input and the final states remain.
    pub fn retired(mut self, scratch: &mut Scratch<T>) -> (Vec<T>, Vec<Vec<T>>) {
        scratch.reclaim_list(self.memory);
        // a network's first sequence is its input
        let input = self.owned.first_mut().map(std::mem::take).unwrap_or_default();
        scratch.spare.keep_list(self.owned);
        scratch.rows.push(self.mirror);
        (input, self.finals)
    }

    /// The states after `steps` steps, by state slot; rows that ended before hold theirs.
    pub fn states_after(
        &self,
        network: &Network,
        geometry: &Geometry,
        steps: usize,
        spare: &mut Spare<T>,
    ) -> Vec<Vec<T>> {
        debug_assert!(self.training);
        let mut states = spare.list();
        for (layer, memory) in network.layers.iter().zip(&self.memory) {
            states_after(&layer.plan, memory, geometry, steps, spare, &mut states);
        }
        states
    }

    /// The penalty of each step of a layer that has one.
    pub fn step_penalty(&self, network: &Network, layer: usize, geometry: &Geometry) -> SeqView<T> {
        debug_assert!(self.training);
        self.memory[layer].output(&network.layers[layer].plan.train, STEP_PENALTY, geometry)
    }

    /// For each packed row the one at the mirrored time; empty where no layer reads from the end.
    pub fn mirror(&self) -> &[usize] {
        &self.mirror
    }

    /// The value of a sequence.
    pub fn view(&self, network: &Network, node: usize, geometry: &Geometry) -> SeqView<T> {
        match network.nodes[node] {
            SeqNode::Layer(layer) => {
                let plan = network.layers[layer].plan(self.training);
                let pass = if self.training { &plan.train } else { &plan.infer };
                self.memory[layer].output(pass, 0, geometry)
            }
            _ => SeqView::of(&self.owned[node], network.widths[node]),
        }
    }
}

/// Runs a unit forwards. `input` is packed; `initial` has the rows of each state slot.
pub fn run_unit<T: Float>(
    shared: &Shared<T>,
    geometry: &Geometry,
    input: Vec<T>,
    initial: &[Vec<T>],
    training: bool,
    scratch: &mut Scratch<T>,
) -> UnitRun<T> {
    let network = shared.network;
    let reverses = network.nodes.iter().any(|node| matches!(node, SeqNode::Reverse(_)));
    let mut run = UnitRun {
        owned: scratch.spare.list(),
        memory: scratch.list(),
        finals: scratch.spare.list(),
        mirror: scratch.rows.pop().unwrap_or_default(),
        training,
    };
    run.mirror.clear();
    if reverses {
        geometry.mirror_into(&mut run.mirror);
    }
    run.owned.resize(network.nodes.len(), Vec::new());
    let mut input = Some(input);
    let mut ahead: Vec<(usize, Forward<T>)> = Vec::new();
    for (number, node) in network.nodes.iter().enumerate() {
        match node {
            SeqNode::Input | SeqNode::Index { .. } => run.owned[number] = input.take().unwrap_or_default(),
            SeqNode::Layer(_) => {
                let found = ahead.iter().position(|(node, _)| *node == number);
                let mut done = match found {
                    Some(at) => ahead.swap_remove(at).1,
                    None => run.layers_from(number, &mut ahead, shared, geometry, initial, scratch),
                };
                run.memory.push(done.memory);
                run.finals.append(&mut done.finals);
                scratch.spare.keep_list(done.finals);
            }
            _ => run.derive(network, number, geometry, scratch),
        }
    }
    run
}

/// A layer about to run forwards: what it reads, and the memory for what it leaves.
struct Going<'a, T> {
    node: usize,
    layer: usize,
    views: Vec<SeqView<T>>,
    initial: &'a [Vec<T>],
    run: Forward<T>,
}

impl<T: Float> UnitRun<T> {
    /// Runs the layer of node `first`; those that run at the same time come `ahead` of their turn.
    fn layers_from(
        &mut self,
        first: usize,
        ahead: &mut Vec<(usize, Forward<T>)>,
        shared: &Shared<T>,
        geometry: &Geometry,
        initial: &[Vec<T>],
        scratch: &mut Scratch<T>,
    ) -> Forward<T> {
        let (network, training) = (shared.network, self.training);
        let run = |task: &mut Going<T>, scratch: &mut Scratch<T>| {
            let (plan, weights) = (network.layers[task.layer].plan(training), &shared.weights[task.layer]);
            let Going { views, initial, run, .. } = task;
            run.run(plan, weights, geometry, views, initial, training, shared.kernels, scratch);
        };
        let how = match scratch.threads_beside() {
            Some(parts) => {
                let mut ready = ready_forwards(network, first, &mut |node| {
                    self.derive(network, node, geometry, scratch);
                });
                ready[0].retain(|node| ahead.iter().all(|(other, _)| node != other));
                choose(network, training, geometry, ready, parts).0
            }
            None => Abreast::Alone { divided: true }, // by whoever stands by, if anybody does
        };
        let make = |node: usize, before: &[Going<_>], scratch: &mut Scratch<T>| {
            self.going(node, before, shared, geometry, initial, scratch)
        };
        let (this, others) = run_chosen(how, first, scratch, make, &run);
        for task in others {
            scratch.keep_views(task.views);
            ahead.push((task.node, task.run));
        }
        scratch.keep_views(this.views);
        this.run
    }

    /// The layer of a node, behind others of a wave that have their memory already.
    fn going<'i>(
        &self,
        node: usize,
        before: &[Going<T>],
        shared: &Shared<T>,
        geometry: &Geometry,
        initial: &'i [Vec<T>],
        scratch: &mut Scratch<T>,
    ) -> Going<'i, T> {
        let network = shared.network;
        let SeqNode::Layer(layer) = network.nodes[node] else { unreachable!("node {node} is a layer") };
        let inner = &network.layers[layer];
        let mut views = scratch.views();
        views.extend(inner.inputs.iter().map(|&at| match before.iter().find(|task| task.node == at) {
            Some(task) => {
                task.run.memory.output(network.layers[task.layer].forward(self.training), 0, geometry)
            }
            None => self.view(network, at, geometry),
        }));
        let initial = &initial[inner.state_slots()];
        let run = Forward::new(inner.forward(self.training), geometry, initial, scratch);
        Going { node, layer, views, initial, run }
    }

    /// Makes the values of a node that is made of others and no layer, if they are not there.
    fn derive(&mut self, network: &Network, number: usize, geometry: &Geometry, scratch: &mut Scratch<T>) {
        let (node, width) = (&network.nodes[number], network.widths[number]);
        if !self.owned[number].is_empty() {
            return;
        }
        let mut values = scratch.no_sequence(geometry.total(), width);
        match node {
            SeqNode::Reverse(from) => {
                let from = self.view(network, *from, geometry);
                add_rows(&from, Some(&self.mirror), &mut values, width, 0);
            }
            SeqNode::Concat(parts) => {
                let mut col = 0;
                for &part in parts {
                    add_rows(&self.view(network, part, geometry), None, &mut values, width, col);
                    col += network.widths[part];
                }
            }
            SeqNode::Add(a, b) => {
                add_rows(&self.view(network, *a, geometry), None, &mut values, width, 0);
                add_rows(&self.view(network, *b, geometry), None, &mut values, width, 0);
            }
            SeqNode::Input | SeqNode::Index { .. } | SeqNode::Layer(_) => {}
        }
        self.owned[number] = values;
    }
}

/// Adds the rows of a view to columns of packed rows; row `r` comes from row `from[r]` where that is given.
pub(super) fn add_rows<T: Float>(
    view: &SeqView<T>,
    from: Option<&[usize]>,
    values: &mut [T],
    width: usize,
    col: usize,
) {
    if width == 0 {
        return;
    }
    for (row, line) in values.chunks_exact_mut(width).enumerate() {
        let source = from.map_or(row, |from| from[row]);
        // SAFETY: a view has as many rows as the unit has packed rows, which is also the length of `values`.
        let source = unsafe { std::slice::from_raw_parts(view.ptr.add(source * view.stride), view.width) };
        line[col..col + view.width].iter_mut().zip(source).for_each(|(sum, x)| *sum += *x);
    }
}
