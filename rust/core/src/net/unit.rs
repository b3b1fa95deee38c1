//! One unit through the whole network, and back.

use crate::kernel::{Float, Kernels};
use crate::time::{Geometry, LayerWeights, PassMemory, Scratch, SeqView, SlotGradients, backward, forward};

use super::graph::{Network, SeqNode};

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

    /// The value of a sequence.
    pub fn view(&self, network: &Network, node: usize, geometry: &Geometry) -> SeqView<T> {
        match network.nodes[node] {
            SeqNode::Layer(layer) => {
                let plan = &network.layers[layer].plan;
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
                    &inner.plan,
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
fn add_rows<T: Float>(view: &SeqView<T>, from: Option<&[usize]>, values: &mut [T], width: usize, col: usize) {
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

/// Runs a unit back. `d_output` is the packed gradient of the output, none for zeros; `d_final` of each state slot.
pub fn back_unit<T: Float>(
    shared: &Shared<T>,
    geometry: &Geometry,
    run: &UnitRun<T>,
    d_output: Option<SeqView<T>>,
    d_final: &[Vec<T>],
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> UnitGradients<T> {
    let network = shared.network;
    let total = geometry.total();
    let mut d: Vec<Option<Vec<T>>> = vec![None; network.nodes.len()];
    let mut d_initial: Vec<Vec<T>> = vec![Vec::new(); network.states.len()];
    let add = |d: &mut Vec<Option<Vec<T>>>, node: usize, view: SeqView<T>, from: Option<&[usize]>| {
        let width = network.widths[node];
        let values = d[node].get_or_insert_with(|| vec![T::ZERO; total * width]);
        add_rows(&view, from, values, width, 0);
    };
    if let (Some(output), Some(d_output)) = (network.output, d_output) {
        add(&mut d, output, d_output, None);
    }
    for (number, node) in network.nodes.iter().enumerate().rev() {
        let width = network.widths[number];
        if let SeqNode::Layer(layer) = node {
            // a layer without readers may still carry gradients from its final state
            let inner = &network.layers[*layer];
            let zeros = |width: usize| vec![T::ZERO; total * width];
            let outputs = &inner.plan.program.outputs;
            let mut d_outputs: Vec<Vec<T>> =
                (1..outputs.len()).map(|k| zeros(inner.plan.output_width(k))).collect();
            d_outputs.insert(0, d[number].take().unwrap_or_else(|| zeros(width)));
            let d_views: Vec<SeqView<T>> = d_outputs
                .iter()
                .enumerate()
                .map(|(k, d)| SeqView::of(d, inner.plan.output_width(k)))
                .collect();
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
            for (slot, values) in states.zip(back.d_initial) {
                d_initial[slot] = values;
            }
            for (k, &input) in inner.inputs.iter().enumerate() {
                if let Some(output) = inner.plan.input_gradients[k] {
                    add(&mut d, input, back.memory.output(&inner.plan.back, output, geometry), None);
                }
            }
            continue;
        }
        let Some(values) = d[number].take() else { continue };
        let whole = SeqView::of(&values, width);
        match node {
            SeqNode::Input => d[number] = Some(values),
            SeqNode::Reverse(from) => add(&mut d, *from, whole, Some(&run.mirror)),
            SeqNode::Add(a, b) => {
                add(&mut d, *a, whole, None);
                add(&mut d, *b, whole, None);
            }
            SeqNode::Concat(parts) => {
                let mut col = 0;
                for &part in parts {
                    let data = &values[col.min(values.len())..];
                    let view = SeqView { ptr: data.as_ptr(), stride: width, width: network.widths[part] };
                    add(&mut d, part, view, None);
                    col += network.widths[part];
                }
            }
            SeqNode::Index { .. } | SeqNode::Layer(_) => {}
        }
    }
    let d_input = match network.nodes.first() {
        Some(SeqNode::Input) => d[0].take().unwrap_or_else(|| vec![T::ZERO; total * network.widths[0]]),
        _ => Vec::new(),
    };
    UnitGradients { d_input, d_initial }
}
