//! Checkpointed BPTT of networks that read both ways: layer by layer, each over all of time in chunks.
//!
//! A layer that reads from the end needs all that is below it before its first step, so no chunk of time can go through the
//! whole network. Instead the outputs of all layers are kept, and what a layer saves within its step is not: on its way back
//! its chunks run again, from states that were stored at their borders. So every step runs forwards twice.
//!
//! The bits are those of full BPTT: a layer's chunks begin between its blocks of time, and gradients between layers are added in
//! the order in which `back_unit` adds them.

use std::ops::Range;

use crate::time::{Forward, Geometry, Scratch, SeqView, SlotGradients, backward, forward};

use super::graph::SeqNode;
use super::loss::Want;
use super::passage::{Passage, Passed};
use super::penalty::{STEP_PENALTY, Terms, step_gradient};
use super::pool::Pooled;
use super::unit_back::UnitGradients;

/// Runs a unit in chunks of `chunk` steps.
pub fn layerwise<T: Pooled>(
    passage: &Passage<T>,
    input: &mut Vec<T>,
    chunk: usize,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> Passed<T> {
    scratch.frugal(None);
    let network = passage.shared.network;
    let mut kept = vec![Vec::new(); network.nodes.len()];
    if let Some(first) = kept.first_mut() {
        *first = std::mem::take(input);
    }
    let mut walk = Walk { passage, mirror: passage.geometry.mirror(), chunk, kept, borders: Vec::new() };
    let mut terms = Terms::default();
    let mut finals = Vec::new();
    for (node, kind) in network.nodes.iter().enumerate() {
        if let SeqNode::Layer(layer) = kind {
            finals.extend(walk.there(node, *layer, &mut terms, scratch));
        }
    }
    let mut gradients: Vec<Option<Gradient<T>>> = network.nodes.iter().map(|_| None).collect();
    if let Some(output) = network.output {
        gradients[output] = walk.loss(output, &mut terms, scratch).map(Gradient::new);
    }
    let mut d_initial: Vec<Vec<T>> = vec![Vec::new(); network.states.len()];
    for (node, kind) in network.nodes.iter().enumerate().rev() {
        let (d, width) = (gradients[node].take(), network.widths[node]);
        match (kind, d) {
            (SeqNode::Layer(layer), d) => {
                let d = d.map_or_else(|| walk.zeros(width), |d| d.values);
                let inner = &network.layers[*layer];
                let (d_inputs, d_states) = walk.back(*layer, &d, &mut slots[*layer], scratch);
                drop(d);
                for (slot, values) in d_states.into_iter().enumerate() {
                    d_initial[inner.first_state + slot] = values;
                }
                for (&input, d) in inner.inputs.iter().zip(d_inputs) {
                    if let Some(d) = d {
                        Gradient::add(&mut gradients[input], d);
                    }
                }
            }
            (SeqNode::Input | SeqNode::Index { .. }, d) => gradients[node] = d,
            (_, None) => {}
            (SeqNode::Reverse(from), Some(d)) => {
                let mirrored = taken(&d.values, width, walk.mirror.iter().copied());
                Gradient::add_sum(&mut gradients[*from], mirrored);
            }
            (SeqNode::Add(a, b), Some(d)) => {
                Gradient::add(&mut gradients[*a], d.values.clone());
                Gradient::add(&mut gradients[*b], d.values);
            }
            (SeqNode::Concat(parts), Some(d)) => {
                let mut column = 0;
                for &part in parts {
                    let columns = column..column + network.widths[part];
                    column = columns.end;
                    let mut values = Vec::with_capacity(passage.geometry.total() * columns.len());
                    let lines = d.values.chunks_exact(width.max(1));
                    lines.for_each(|line| values.extend_from_slice(&line[columns.clone()]));
                    Gradient::add(&mut gradients[part], values);
                }
            }
        }
    }
    scratch.generous();
    if let Some(first) = walk.kept.first_mut() {
        *input = std::mem::take(first);
    }
    let d_input = match (network.input_gradient(), gradients.first_mut().and_then(Option::take)) {
        (Some(_), Some(d)) => d.sum(),
        (Some(width), None) => walk.zeros(width),
        _ => Vec::new(),
    };
    Passed { terms, gradients: UnitGradients { d_input, d_initial }, finals }
}

/// A unit on its way, layer by layer.
struct Walk<'a, T: Pooled> {
    passage: &'a Passage<'a, T>,
    mirror: Vec<usize>,
    /// Steps of a chunk.
    chunk: usize,
    /// By node: the packed input, and the outputs of layers. Other sequences are made of these where they are read.
    kept: Vec<Vec<T>>,
    /// By layer and chunk: the states before it.
    borders: Vec<Vec<Vec<Vec<T>>>>,
}

/// A chunk of a layer that has run.
struct Ran<T> {
    geometry: Geometry,
    inputs: Vec<Vec<T>>,
    done: Forward<T>,
}

impl<T: Pooled> Walk<'_, T> {
    fn chunks(&self) -> usize {
        self.passage.geometry.steps().div_ceil(self.chunk)
    }

    fn zeros(&self, width: usize) -> Vec<T> {
        vec![T::ZERO; self.passage.geometry.total() * width]
    }

    /// The packed rows of a chunk.
    fn rows(&self, chunk: usize) -> Range<usize> {
        let geometry = self.passage.geometry;
        geometry.first_row(chunk * self.chunk)..geometry.first_row((chunk + 1) * self.chunk)
    }

    /// Some rows of a sequence, added up as `run_unit` does it.
    fn values(&self, node: usize, rows: &[usize]) -> Vec<T> {
        let network = self.passage.shared.network;
        let width = network.widths[node];
        let sum = |mut values: Vec<T>, of: &[T]| {
            values.iter_mut().zip(of).for_each(|(sum, x)| *sum += *x);
            values
        };
        let zeros = vec![T::ZERO; rows.len() * width];
        match &network.nodes[node] {
            SeqNode::Input | SeqNode::Index { .. } | SeqNode::Layer(_) => {
                taken(&self.kept[node], width, rows.iter().copied())
            }
            SeqNode::Reverse(from) => {
                let mirrored: Vec<usize> = rows.iter().map(|&row| self.mirror[row]).collect();
                sum(zeros, &self.values(*from, &mirrored))
            }
            SeqNode::Add(a, b) => sum(sum(zeros, &self.values(*a, rows)), &self.values(*b, rows)),
            SeqNode::Concat(parts) => {
                let mut values = zeros;
                let mut column = 0;
                for &part in parts {
                    let (of, wide) = (self.values(part, rows), network.widths[part]);
                    for (line, x) in values.chunks_exact_mut(width).zip(of.chunks_exact(wide)) {
                        line[column..column + wide].iter_mut().zip(x).for_each(|(sum, x)| *sum += *x);
                    }
                    column += wide;
                }
                values
            }
        }
    }

    /// A chunk of a layer, forwards from `states`.
    fn run(&self, layer: usize, chunk: usize, states: &[Vec<T>], scratch: &mut Scratch<T>) -> Ran<T> {
        let Passage { shared, geometry, .. } = self.passage;
        let inner = &shared.network.layers[layer];
        let geometry = geometry.piece(chunk * self.chunk, (chunk + 1) * self.chunk);
        let rows: Vec<usize> = self.rows(chunk).collect();
        let inputs: Vec<Vec<T>> = inner.inputs.iter().map(|&node| self.values(node, &rows)).collect();
        let views = self.views(layer, &inputs);
        let weights = &shared.weights[layer];
        let done = forward(&inner.plan, weights, &geometry, &views, states, true, shared.kernels, scratch);
        Ran { geometry, inputs, done }
    }

    fn views(&self, layer: usize, inputs: &[Vec<T>]) -> Vec<SeqView<T>> {
        let network = self.passage.shared.network;
        let nodes = network.layers[layer].inputs.iter().zip(inputs);
        nodes.map(|(&node, values)| SeqView::of(values, network.widths[node])).collect()
    }

    /// A layer forwards over all of time. Its final states.
    fn there(
        &mut self,
        node: usize,
        layer: usize,
        terms: &mut Terms,
        scratch: &mut Scratch<T>,
    ) -> Vec<Vec<T>> {
        let network = self.passage.shared.network;
        let (inner, width) = (&network.layers[layer], network.widths[node]);
        let slots = inner.state_slots();
        let mut states = self.passage.initial[slots].to_vec();
        let mut outputs = Vec::with_capacity(self.passage.geometry.total() * width);
        let mut borders = Vec::with_capacity(self.chunks());
        for chunk in 0..self.chunks() {
            let Ran { geometry, done, .. } = self.run(layer, chunk, &states, scratch);
            let rows = geometry.total();
            let view = done.memory.output(&inner.plan.train, 0, &geometry);
            // SAFETY: an output has `width` elements in each packed row of the chunk.
            let line =
                |row: usize| unsafe { std::slice::from_raw_parts(view.ptr.add(row * view.stride), width) };
            (0..rows).for_each(|row| outputs.extend_from_slice(line(row)));
            if inner.has_step_penalty() {
                let penalty = done.memory.output(&inner.plan.train, STEP_PENALTY, &geometry);
                terms.add_layer(network, layer, penalty, 0..rows, self.passage.loss.step_scale());
            }
            scratch.reclaim(done.memory);
            borders.push(std::mem::replace(&mut states, done.finals));
        }
        self.kept[node] = outputs;
        self.borders.push(borders);
        states
    }

    /// The loss of all steps, and the gradient of the output; none if the loss does not depend on it.
    fn loss(&self, output: usize, terms: &mut Terms, scratch: &mut Scratch<T>) -> Option<Vec<T>> {
        scratch.frugal(None); // what the layers left idle
        let Passage { loss, unit, geometry, shared, .. } = self.passage;
        let width = shared.network.widths[output];
        let mut d_output = Some(Vec::with_capacity(geometry.total() * width));
        for chunk in 0..self.chunks() {
            let piece = geometry.piece(chunk * self.chunk, (chunk + 1) * self.chunk);
            let rows: Vec<usize> = self.rows(chunk).collect();
            let values = self.values(output, &rows);
            let first = rows.first().copied().unwrap_or(0);
            let view = SeqView::of(&values, width);
            let taken = loss.take(*unit, first, &piece, view, Want::Gradient, &mut terms.loss, scratch);
            match (loss.output_gradient(&taken, &piece), &mut d_output) {
                (Some(d), Some(all)) => (0..rows.len()).for_each(|row| {
                    // SAFETY: the gradient has `width` elements in each packed row of the chunk.
                    all.extend_from_slice(unsafe {
                        std::slice::from_raw_parts(d.ptr.add(row * d.stride), width)
                    });
                }),
                _ => d_output = None,
            }
            if let Some(memory) = taken {
                scratch.reclaim(memory);
            }
        }
        d_output
    }

    /// A layer back over all of time: the gradients of its inputs, and of its initial states.
    #[allow(clippy::type_complexity)] // two results, named above
    fn back(
        &mut self,
        layer: usize,
        d: &[T],
        slots: &mut SlotGradients<T>,
        scratch: &mut Scratch<T>,
    ) -> (Vec<Option<Vec<T>>>, Vec<Vec<T>>) {
        scratch.frugal(None); // what the layer above left idle
        let Passage { shared, geometry, loss, .. } = self.passage;
        let (network, inner) = (shared.network, &shared.network.layers[layer]);
        let width = inner.plan.output_width(0);
        let of_input = inner.inputs.iter().zip(&inner.plan.input_gradients);
        let mut d_inputs: Vec<Option<Vec<T>>> =
            of_input.map(|(&node, position)| position.map(|_| self.zeros(network.widths[node]))).collect();
        let borders = std::mem::take(&mut self.borders[layer]);
        let states = &network.states[inner.first_state..][..inner.plan.program.states.len()];
        let mut d_states: Vec<Vec<T>> =
            states.iter().map(|width| vec![T::ZERO; geometry.rows * width]).collect();
        for (chunk, states) in borders.iter().enumerate().rev() {
            let Ran { geometry, inputs, done } = self.run(layer, chunk, states, scratch);
            let rows = self.rows(chunk);
            let d_steps = step_gradient(network, 0, geometry.total(), loss.step_scale(), scratch);
            let penalty = inner.has_step_penalty().then(|| SeqView::of(&d_steps, 1));
            let d_output = SeqView::of(&d[rows.start * width..], width);
            let d_views: Vec<SeqView<T>> = std::iter::once(d_output).chain(penalty).collect();
            let views = self.views(layer, &inputs);
            let (weights, kernels) = (&shared.weights[layer], shared.kernels);
            let back = backward(
                &inner.plan,
                weights,
                &geometry,
                &views,
                &done.memory,
                &d_views,
                &d_states,
                Some(slots),
                kernels,
                scratch,
            );
            for (d_input, position) in d_inputs.iter_mut().zip(&inner.plan.input_gradients) {
                if let (Some(all), Some(position)) = (d_input, position) {
                    let view = back.memory.output(&inner.plan.back, *position, &geometry);
                    let lines = all.chunks_exact_mut(view.width.max(1)).skip(rows.start).take(rows.len());
                    for (row, line) in lines.enumerate() {
                        // SAFETY: the gradient has `width` elements in each packed row of the chunk.
                        line.copy_from_slice(unsafe {
                            std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width)
                        });
                    }
                }
            }
            d_states = back.d_initial;
            scratch.reclaim(done.memory);
            scratch.reclaim(back.memory);
        }
        (d_inputs, d_states)
    }
}

/// Some rows of packed values.
fn taken<T: Copy>(values: &[T], width: usize, rows: impl Iterator<Item = usize>) -> Vec<T> {
    let mut lines = Vec::with_capacity(rows.size_hint().0 * width);
    rows.for_each(|row| lines.extend_from_slice(&values[row * width..(row + 1) * width]));
    lines
}

/// The gradient of a sequence. What arrives first lies as it came; a second makes it a sum, which begins with zeros: so have
/// zeros the sign that they have in `back_unit`.
struct Gradient<T> {
    values: Vec<T>,
    is_sum: bool,
}

impl<T: Pooled> Gradient<T> {
    fn new(values: Vec<T>) -> Gradient<T> {
        Gradient { values, is_sum: false }
    }

    fn sum(self) -> Vec<T> {
        let Gradient { mut values, is_sum } = self;
        if !is_sum {
            values.iter_mut().for_each(|x| *x += T::ZERO);
        }
        values
    }

    fn add(place: &mut Option<Gradient<T>>, d: Vec<T>) {
        match place.take() {
            None => *place = Some(Gradient::new(d)),
            Some(first) => *place = Some(Gradient { values: added(first.sum(), &d), is_sum: true }),
        }
    }

    /// The same for rows in another order, which are always added to something.
    fn add_sum(place: &mut Option<Gradient<T>>, d: Vec<T>) {
        let values = match place.take() {
            None => Gradient::new(d).sum(),
            Some(first) => added(first.sum(), &d),
        };
        *place = Some(Gradient { values, is_sum: true });
    }
}

fn added<T: Pooled>(mut sum: Vec<T>, d: &[T]) -> Vec<T> {
    sum.iter_mut().zip(d).for_each(|(sum, d)| *sum += *d);
    sum
}
