//! One unit through the whole network, and back.

use crate::kernel::{Float, Kernels};
use crate::time::{
    Geometry, LayerWeights, PassMemory, Scratch, SeqView, SlotGradients, Spare, backward, forward,
    states_after,
};

use super::graph::{Network, SeqNode};
use super::penalty::STEP_PENALTY;

/// What a unit's forward run leaves.
#[derive(Debug)]
pub struct UnitRun<T> {
    /// Values of sequences that are not the output of a layer; by node.
    owned: Vec<Vec<T>>,
    /// Memory of each layer.
    memory: Vec<PassMemory<T>>,
    /// Final states, by state slot.
    pub finals: Vec<Vec<T>>,
    mirror: Vec<usize>,
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
    for (number, node) in network.nodes.iter().enumerate() {
        let width = network.widths[number];
        match node {
            SeqNode::Input | SeqNode::Index { .. } => run.owned[number] = input.take().unwrap_or_default(),
            SeqNode::Layer(layer) => {
                let inner = &network.layers[*layer];
                let mut views = scratch.views();
                views.extend(inner.inputs.iter().map(|&at| run.view(network, at, geometry)));
                let states = inner.first_state..inner.first_state + inner.plan.program.states.len();
                let weights = &shared.weights[*layer];
                let mut done = forward(
                    inner.plan(training),
                    weights,
                    geometry,
                    &views,
                    &initial[states],
                    training,
                    shared.kernels,
                    scratch,
                );
                scratch.keep_views(views);
                run.memory.push(done.memory);
                run.finals.append(&mut done.finals);
                scratch.spare.keep_list(done.finals);
            }
            SeqNode::Reverse(from) => {
                let mut values = scratch.no_sequence(geometry.total(), width);
                add_rows(&run.view(network, *from, geometry), Some(&run.mirror), &mut values, width, 0);
                run.owned[number] = values;
            }
            SeqNode::Concat(parts) => {
                let mut values = scratch.no_sequence(geometry.total(), width);
                let mut col = 0;
                for &part in parts {
                    add_rows(&run.view(network, part, geometry), None, &mut values, width, col);
                    col += network.widths[part];
                }
                run.owned[number] = values;
            }
            SeqNode::Add(a, b) => {
                let mut values = scratch.no_sequence(geometry.total(), width);
                add_rows(&run.view(network, *a, geometry), None, &mut values, width, 0);
                add_rows(&run.view(network, *b, geometry), None, &mut values, width, 0);
                run.owned[number] = values;
            }
        }
    }
    run
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
    if let (Some(output), Some(d_output)) = (network.output, d_output) {
        arrivals.add(output, d_output, None, scratch);
    }
    for (number, node) in network.nodes.iter().enumerate().rev() {
        // a layer without readers may still carry gradients from its final state
        if arrivals.views[number].is_none() && !matches!(node, SeqNode::Layer(_)) {
            continue;
        }
        match node {
            SeqNode::Input | SeqNode::Index { .. } => {}
            SeqNode::Layer(layer) => {
                let inner = &network.layers[*layer];
                let (d, kept) = arrivals.take(number, scratch);
                let d_steps = if from_end.get(*layer) == Some(&true) { &mirrored } else { d_penalty };
                let penalty = inner.has_step_penalty().then(|| SeqView::of(d_steps, 1));
                let (mut d_views, mut views) = (scratch.views(), scratch.views());
                d_views.extend(std::iter::once(d).chain(penalty));
                views.extend(inner.inputs.iter().map(|&at| run.view(network, at, geometry)));
                let states = inner.first_state..inner.first_state + inner.plan.program.states.len();
                let mut back = backward(
                    &inner.plan,
                    &shared.weights[*layer],
                    geometry,
                    &views,
                    &run.memory[*layer],
                    &d_views,
                    &d_final[states.clone()],
                    Some(&mut slots[*layer]),
                    shared.kernels,
                    scratch,
                );
                scratch.spare.keep(kept);
                scratch.keep_views(views);
                scratch.keep_views(d_views);
                for (slot, values) in states.zip(back.d_initial.drain(..)) {
                    d_initial[slot] = values;
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
    let d_input = match network.nodes.first() {
        Some(SeqNode::Input) => {
            let (d, mut kept) = arrivals.take(0, scratch);
            if kept.is_empty() {
                kept = scratch.no_sequence(rows, network.widths[0]);
                add_rows(&d, None, &mut kept, network.widths[0], 0);
            }
            kept
        }
        _ => Vec::new(),
    };
    arrivals.retired(scratch);
    scratch.spare.keep(mirrored);
    scratch.reclaim_list(memories);
    scratch.spare.keep_list(sums);
    UnitGradients { d_input, d_initial }
}
