//! One unit through the whole network, and back.

use crate::kernel::{Float, Kernels};
use crate::time::{
    Geometry, LayerWeights, PassMemory, Scratch, SeqView, SlotGradients, backward, forward, states_after,
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
    /// Gives the memory back; the final states remain.
    pub fn retired(self, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
        self.memory.into_iter().for_each(|memory| scratch.reclaim(memory));
        self.finals
    }

    /// The states after `steps` steps, by state slot; rows that ended before hold theirs.
    pub fn states_after(&self, network: &Network, geometry: &Geometry, steps: usize) -> Vec<Vec<T>> {
        debug_assert!(self.training);
        let layers = network.layers.iter().zip(&self.memory);
        layers.flat_map(|(layer, memory)| states_after(&layer.plan, memory, geometry, steps)).collect()
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
        owned: vec![Vec::new(); network.nodes.len()],
        memory: Vec::new(),
        finals: Vec::new(),
        mirror: if reverses { geometry.mirror() } else { Vec::new() },
        training,
    };
    let mut input = Some(input);
    for (number, node) in network.nodes.iter().enumerate() {
        let width = network.widths[number];
        match node {
            SeqNode::Input | SeqNode::Index { .. } => run.owned[number] = input.take().unwrap_or_default(),
            SeqNode::Layer(layer) => {
                let inner = &network.layers[*layer];
                let views: Vec<SeqView<T>> =
                    inner.inputs.iter().map(|&at| run.view(network, at, geometry)).collect();
                let states = inner.first_state..inner.first_state + inner.plan.program.states.len();
                let initial: Vec<&[T]> = initial[states].iter().map(Vec::as_slice).collect();
                let weights = &shared.weights[*layer];
                let done = forward(
                    inner.plan(training),
                    weights,
                    geometry,
                    &views,
                    &initial,
                    training,
                    shared.kernels,
                    scratch,
                );
                run.memory.push(done.memory);
                run.finals.extend(done.finals);
            }
            SeqNode::Reverse(from) => {
                let mut values = vec![T::ZERO; geometry.total() * width];
                add_rows(&run.view(network, *from, geometry), Some(&run.mirror), &mut values, width, 0);
                run.owned[number] = values;
            }
            SeqNode::Concat(parts) => {
                let mut values = vec![T::ZERO; geometry.total() * width];
                let mut col = 0;
                for &part in parts {
                    add_rows(&run.view(network, part, geometry), None, &mut values, width, col);
                    col += network.widths[part];
                }
                run.owned[number] = values;
            }
            SeqNode::Add(a, b) => {
                let mut values = vec![T::ZERO; geometry.total() * width];
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

/// The gradient of a sequence: where one reader left it, or the sum of what several did.
enum Arrived<T> {
    View(SeqView<T>),
    Sum(Vec<T>),
}

/// The gradients of all sequences of a unit, by node.
struct Arrivals<'a, T> {
    network: &'a Network,
    rows: usize,
    nodes: Vec<Option<Arrived<T>>>,
}

impl<T: Float> Arrivals<'_, T> {
    /// Adds to the gradient of a sequence. `view` must stay readable until the unit is done.
    fn add(&mut self, node: usize, view: SeqView<T>, from: Option<&[usize]>) {
        let width = self.network.widths[node];
        let mut sum = match (self.nodes[node].take(), from) {
            (None, None) => return self.nodes[node] = Some(Arrived::View(view)),
            (Some(Arrived::Sum(sum)), _) => sum,
            (None, _) => vec![T::ZERO; self.rows * width],
            (Some(Arrived::View(first)), _) => {
                let mut sum = vec![T::ZERO; self.rows * width];
                add_rows(&first, None, &mut sum, width, 0);
                sum
            }
        };
        add_rows(&view, from, &mut sum, width, 0);
        self.nodes[node] = Some(Arrived::Sum(sum));
    }

    /// The gradient of a sequence, and what must be kept while it is read; zeros where nothing arrived.
    fn take(&mut self, node: usize) -> (SeqView<T>, Vec<T>) {
        let width = self.network.widths[node];
        match self.nodes[node].take() {
            Some(Arrived::View(view)) => (view, Vec::new()),
            Some(Arrived::Sum(sum)) => (SeqView::of(&sum, width), sum),
            None => {
                let zeros = vec![T::ZERO; self.rows * width];
                (SeqView::of(&zeros, width), zeros)
            }
        }
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
    let mut arrivals = Arrivals { network, rows, nodes: network.nodes.iter().map(|_| None).collect() };
    let mut d_initial: Vec<Vec<T>> = vec![Vec::new(); network.states.len()];
    // what views point into, until the unit is done
    let mut memories = Vec::new();
    let mut sums = Vec::new();
    // packed row r of a layer that reads from the end is another step
    let mirrored: Vec<T> = match d_penalty {
        [] => Vec::new(),
        d => run.mirror.iter().map(|&row| d[row]).collect(),
    };
    let from_end = if d_penalty.is_empty() { Vec::new() } else { network.layers_from_end() };
    if let (Some(output), Some(d_output)) = (network.output, d_output) {
        arrivals.add(output, d_output, None);
    }
    for (number, node) in network.nodes.iter().enumerate().rev() {
        // a layer without readers may still carry gradients from its final state
        if arrivals.nodes[number].is_none() && !matches!(node, SeqNode::Layer(_)) {
            continue;
        }
        match node {
            SeqNode::Input | SeqNode::Index { .. } => {}
            SeqNode::Layer(layer) => {
                let inner = &network.layers[*layer];
                let (d, kept) = arrivals.take(number);
                let d_steps = if from_end.get(*layer) == Some(&true) { &mirrored } else { d_penalty };
                let penalty = inner.has_step_penalty().then(|| SeqView::of(d_steps, 1));
                let d_views: Vec<SeqView<T>> = std::iter::once(d).chain(penalty).collect();
                let views: Vec<SeqView<T>> =
                    inner.inputs.iter().map(|&at| run.view(network, at, geometry)).collect();
                let states = inner.first_state..inner.first_state + inner.plan.program.states.len();
                let finals: Vec<&[T]> = d_final[states.clone()].iter().map(Vec::as_slice).collect();
                let back = backward(
                    &inner.plan,
                    &shared.weights[*layer],
                    geometry,
                    &views,
                    &run.memory[*layer],
                    &d_views,
                    &finals,
                    &mut slots[*layer],
                    shared.kernels,
                    scratch,
                );
                drop(kept);
                for (slot, values) in states.zip(back.d_initial) {
                    d_initial[slot] = values;
                }
                for (k, &input) in inner.inputs.iter().enumerate() {
                    if let Some(output) = inner.plan.input_gradients[k] {
                        arrivals.add(input, back.memory.output(&inner.plan.back, output, geometry), None);
                    }
                }
                memories.push(back.memory);
            }
            SeqNode::Reverse(from) => {
                let (d, kept) = arrivals.take(number);
                arrivals.add(*from, d, Some(&run.mirror));
                sums.push(kept);
            }
            SeqNode::Add(a, b) => {
                let (d, kept) = arrivals.take(number);
                arrivals.add(*a, d, None);
                arrivals.add(*b, d, None);
                sums.push(kept);
            }
            SeqNode::Concat(parts) => {
                let (d, kept) = arrivals.take(number);
                let mut col = 0;
                for &part in parts {
                    let width = network.widths[part];
                    // the columns of one part; nothing is read where there are no rows
                    arrivals.add(
                        part,
                        SeqView { ptr: d.ptr.wrapping_add(col), stride: d.stride, width },
                        None,
                    );
                    col += width;
                }
                sums.push(kept);
            }
        }
    }
    let d_input = match network.nodes.first() {
        Some(SeqNode::Input) => {
            let (d, mut kept) = arrivals.take(0);
            if kept.is_empty() {
                kept = vec![T::ZERO; rows * network.widths[0]];
                add_rows(&d, None, &mut kept, network.widths[0], 0);
            }
            kept
        }
        _ => Vec::new(),
    };
    memories.into_iter().for_each(|memory| scratch.reclaim(memory));
    UnitGradients { d_input, d_initial }
}
