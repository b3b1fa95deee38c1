//! One unit back through the whole network.

use crate::kernel::Float;
use crate::time::{Backward, Geometry, Scratch, SeqView, SlotGradients};

use super::abreast::{Abreast, choose, ready_backwards, run_chosen};
use super::graph::{Network, SeqNode};
use super::unit::{Shared, UnitRun, add_rows};

/// What a unit's way back leaves beside the gradients of the parameters.
pub struct UnitGradients<T> {
    /// Gradient of the input, packed; empty for ids.
    pub d_input: Vec<T>,
    pub d_initial: Vec<Vec<T>>,
}

impl<T: Float> UnitGradients<T> {
    /// Gives the memory back.
    pub fn retired(self, scratch: &mut Scratch<T>) {
        scratch.spare.keep(self.d_input);
        scratch.spare.keep_list(self.d_initial);
    }
}

/// The gradients of all sequences of a unit, by node: where one reader left it, or the sum of what several did.
struct Arrivals<'a, T> {
    network: &'a Network,
    rows: usize,
    /// None where nothing has arrived.
    views: Vec<SeqView<T>>,
    /// What the views of sums lead into; empty for the others.
    sums: Vec<Vec<T>>,
}

impl<'a, T: Float> Arrivals<'a, T> {
    fn new(network: &'a Network, rows: usize, scratch: &mut Scratch<T>) -> Arrivals<'a, T> {
        let (mut views, mut sums) = (scratch.views(), scratch.spare.list());
        views.resize(network.nodes.len(), SeqView::NONE);
        sums.resize(network.nodes.len(), Vec::new());
        Arrivals { network, rows, views, sums }
    }

    fn retired(self, scratch: &mut Scratch<T>) {
        scratch.keep_views(self.views);
        scratch.spare.keep_list(self.sums);
    }

    /// Adds to the gradient of a sequence. `view` must stay readable until the unit is done.
    fn add(&mut self, node: usize, view: SeqView<T>, from: Option<&[usize]>, scratch: &mut Scratch<T>) {
        let (width, first) = (self.network.widths[node], self.views[node]);
        if first.is_none() && from.is_none() {
            self.views[node] = view;
            return;
        }
        let sum = &mut self.sums[node];
        if sum.is_empty() {
            *sum = scratch.no_sequence(self.rows, width);
            if !first.is_none() {
                add_rows(&first, None, sum, width, 0);
            }
        }
        add_rows(&view, from, sum, width, 0);
        self.views[node] = SeqView::of(sum, width);
    }

    /// The gradient of a sequence, and what must be kept while it is read; zeros where nothing arrived.
    fn take(&mut self, node: usize, scratch: &mut Scratch<T>) -> (SeqView<T>, Vec<T>) {
        let view = std::mem::replace(&mut self.views[node], SeqView::NONE);
        if view.is_none() {
            let zeros = scratch.no_sequence(self.rows, self.network.widths[node]);
            return (SeqView::of(&zeros, self.network.widths[node]), zeros);
        }
        (view, std::mem::take(&mut self.sums[node]))
    }
}

/// What the layers of a unit read on its way back.
struct Way<'a, T: Float> {
    shared: &'a Shared<'a, T>,
    geometry: &'a Geometry,
    run: &'a UnitRun<T>,
    d_penalty: &'a [T],
    /// The same in the order of layers that read from the end.
    mirrored: Vec<T>,
    /// Those layers; empty where no layer has a penalty.
    from_end: Vec<bool>,
    d_final: &'a [Vec<T>],
}

/// A layer about to run back, or one that has: what it reads, and the memory for what it leaves.
struct Coming<T> {
    node: usize,
    layer: usize,
    views: Vec<SeqView<T>>,
    d_views: Vec<SeqView<T>>,
    /// What the first of `d_views` may lead into.
    d: Vec<T>,
    slots: SlotGradients<T>,
    back: Backward<T>,
}

impl<T: Float> Way<'_, T> {
    /// Runs the layer of node `last` back; those that run at the same time come `ahead` of their turn.
    fn layers_to(
        &self,
        last: usize,
        ahead: &mut Vec<Coming<T>>,
        arrivals: &mut Arrivals<T>,
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> Coming<T> {
        let Way { shared, geometry, .. } = *self;
        let network = shared.network;
        let run = |task: &mut Coming<T>, scratch: &mut Scratch<T>| {
            let states = network.layers[task.layer].state_slots();
            let (plan, weights) = (&network.layers[task.layer].plan, &shared.weights[task.layer]);
            let (saved, d_final) = (&self.run.memory[task.layer], &self.d_final[states]);
            let Coming { views, d_views, slots, back, .. } = task;
            let (slots, kernels) = (Some(slots), shared.kernels);
            back.run(plan, weights, geometry, views, saved, d_views, d_final, slots, kernels, scratch);
        };
        let how = match scratch.threads_beside() {
            Some(parts) => {
                let mut ready = ready_backwards(network, last, &|node| !arrivals.views[node].is_none());
                ready[0].retain(|node| ahead.iter().all(|task| task.node != *node));
                choose(network, true, geometry, ready, parts).0
            }
            None => Abreast::Alone { divided: true }, // by whoever stands by, if anybody does
        };
        let make = |node: usize, before: &[Coming<T>], scratch: &mut Scratch<T>| {
            self.coming(node, before.last(), arrivals, slots, scratch)
        };
        let (mut this, mut others) = run_chosen(how, last, scratch, make, &run);
        for task in others.iter_mut().chain([&mut this]) {
            std::mem::swap(&mut slots[task.layer], &mut task.slots);
            scratch.spare.keep(std::mem::take(&mut task.d));
            scratch.keep_views(std::mem::take(&mut task.views));
            scratch.keep_views(std::mem::take(&mut task.d_views));
        }
        ahead.append(&mut others);
        this
    }

    /// The layer of a node whose gradient has arrived, or comes from the layer `above`, with which it runs in a wave.
    fn coming(
        &self,
        node: usize,
        above: Option<&Coming<T>>,
        arrivals: &mut Arrivals<T>,
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> Coming<T> {
        let network = self.shared.network;
        let SeqNode::Layer(layer) = network.nodes[node] else { unreachable!("node {node} is a layer") };
        let inner = &network.layers[layer];
        let (d_output, d) = match above.and_then(|above| above.handed(network, self.geometry, node)) {
            Some(d_output) => (d_output, Vec::new()), // what the layer above writes stays until the unit is done
            None => arrivals.take(node, scratch),
        };
        let d_steps = if self.from_end.get(layer) == Some(&true) { &self.mirrored } else { self.d_penalty };
        let penalty = inner.has_step_penalty().then(|| SeqView::of(d_steps, 1));
        let (mut d_views, mut views) = (scratch.views(), scratch.views());
        d_views.extend(std::iter::once(d_output).chain(penalty));
        views.extend(inner.inputs.iter().map(|&at| self.run.view(network, at, self.geometry)));
        let slots = std::mem::replace(&mut slots[layer], SlotGradients::none());
        let back = Backward::new(&inner.plan, self.geometry, scratch);
        Coming { node, layer, views, d_views, d, slots, back }
    }
}

impl<T: Float> Coming<T> {
    /// What the layer hands to the gradient of a node that nobody else reads.
    fn handed(&self, network: &Network, geometry: &Geometry, node: usize) -> Option<SeqView<T>> {
        let layer = &network.layers[self.layer];
        let output = layer.gradient_for(node)?;
        Some(self.back.memory.output(&layer.plan.back, output, geometry))
    }
}

/// Runs a unit back. `d_output` is the packed gradient of the output, none for zeros; `d_penalty` that of each step's
/// penalty, which is not read where no layer has one; `d_final` of each state slot.
#[allow(clippy::too_many_arguments)] // the whole context of a unit's way back
pub fn back_unit<T: Float>(
    shared: &Shared<T>,
    geometry: &Geometry,
    run: &UnitRun<T>,
    d_output: Option<SeqView<T>>,
    d_penalty: &[T],
    d_final: &[Vec<T>],
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> UnitGradients<T> {
    let network = shared.network;
    let rows = geometry.total();
    let mut arrivals = Arrivals::new(network, rows, scratch);
    let mut d_initial = scratch.spare.list();
    d_initial.resize(network.states.len(), Vec::new());
    // what views point into, until the unit is done
    let mut memories = scratch.list();
    let mut sums = scratch.spare.list();
    // packed row r of a layer that reads from the end is another step
    let mut mirrored: Vec<T> = Vec::new();
    if !d_penalty.is_empty() {
        mirrored = scratch.sequence(rows, 1);
        mirrored.extend(run.mirror.iter().map(|&row| d_penalty[row]));
    }
    let from_end = if d_penalty.is_empty() { Vec::new() } else { network.layers_from_end() };
    let way = Way { shared, geometry, run, d_penalty, mirrored, from_end, d_final };
    if let (Some(output), Some(d_output)) = (network.output, d_output) {
        arrivals.add(output, d_output, None, scratch);
    }
    let mut ahead: Vec<Coming<T>> = Vec::new();
    for (number, node) in network.nodes.iter().enumerate().rev() {
        // a layer without readers may still carry gradients from its final state
        if arrivals.views[number].is_none() && !matches!(node, SeqNode::Layer(_)) {
            continue;
        }
        match node {
            SeqNode::Input | SeqNode::Index { .. } => {}
            SeqNode::Layer(_) => {
                let found = ahead.iter().position(|task| task.node == number);
                let Coming { layer, mut back, .. } = match found {
                    Some(at) => ahead.swap_remove(at),
                    None => way.layers_to(number, &mut ahead, &mut arrivals, slots, scratch),
                };
                let inner = &network.layers[layer];
                for (slot, values) in back.d_initial.drain(..).enumerate() {
                    d_initial[inner.first_state + slot] = values;
                }
                scratch.spare.keep_list(back.d_initial);
                for (k, &input) in inner.inputs.iter().enumerate() {
                    if let Some(output) = inner.plan.input_gradients[k] {
                        let d = back.memory.output(&inner.plan.back, output, geometry);
                        arrivals.add(input, d, None, scratch);
                    }
                }
                memories.push(back.memory);
            }
            SeqNode::Reverse(from) => {
                let (d, kept) = arrivals.take(number, scratch);
                arrivals.add(*from, d, Some(&run.mirror), scratch);
                sums.push(kept);
            }
            SeqNode::Add(a, b) => {
                let (d, kept) = arrivals.take(number, scratch);
                arrivals.add(*a, d, None, scratch);
                arrivals.add(*b, d, None, scratch);
                sums.push(kept);
            }
            SeqNode::Concat(parts) => {
                let (d, kept) = arrivals.take(number, scratch);
                let mut col = 0;
                for &part in parts {
                    let width = network.widths[part];
                    // the columns of one part; nothing is read where there are no rows
                    arrivals.add(
                        part,
                        SeqView { ptr: d.ptr.wrapping_add(col), stride: d.stride, width },
                        None,
                        scratch,
                    );
                    col += width;
                }
                sums.push(kept);
            }
        }
    }
    let d_input = match network.input_gradient() {
        Some(width) => {
            let (d, mut kept) = arrivals.take(0, scratch);
            if kept.is_empty() {
                kept = scratch.no_sequence(rows, width);
                add_rows(&d, None, &mut kept, width, 0);
            }
            kept
        }
        None => Vec::new(),
    };
    arrivals.retired(scratch);
    scratch.spare.keep(way.mirrored);
    scratch.reclaim_list(memories);
    scratch.spare.keep_list(sums);
    UnitGradients { d_input, d_initial }
}
