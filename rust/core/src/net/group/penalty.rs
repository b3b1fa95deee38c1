//! Penalties: the terms that regularizers add to a loss.
//!
//! Every valid step adds its penalty with equal weight, divided by the number of valid steps if the loss is a mean. A
//! penalty on parameters is added once. Both belong to the training loss only; inference has no penalties.

use crate::kernel::{Float, Kernels};
use crate::memory::copied;
use crate::random::Noise;
use crate::time::{Geometry, IncomingGradients, LayerCall, LayerWeights, Saved, Scratch, SeqView};

use super::super::batch::Axes;
use super::super::graph::Network;
use super::forward::GroupRun;
use super::step_scales::StepScales;

/// The penalties on parameters of one call, with a copy of the parameters of that time.
pub struct WeightPenalties<T> {
    /// By layer with a penalty: its index, and its parameters.
    layers: Vec<(usize, Vec<Vec<T>>)>,
}

impl<T: Float> WeightPenalties<T> {
    /// Empty in calls without `training`.
    pub fn new(network: &Network, arena: &[T], training: bool) -> WeightPenalties<T> {
        let layers = (network.layers.iter().enumerate())
            .filter(|(_, layer)| training && layer.penalty.is_some())
            .map(|(number, layer)| {
                (number, layer.params.iter().map(|&(at, numel)| copied(&arena[at..at + numel])).collect())
            })
            .collect();
        WeightPenalties { layers }
    }

    /// The sum of the penalties.
    pub fn value(&self, network: &Network, kernels: &Kernels<T>) -> f64 {
        self.take(network, kernels, 0.0, &mut [])
    }

    /// The sum of the penalties. Adds `scale` times its gradient to `gradients`, which has the layout of the arena, unless
    /// `scale` is 0.
    pub fn take(&self, network: &Network, kernels: &Kernels<T>, scale: f64, gradients: &mut [T]) -> f64 {
        let mut sum = 0.0;
        for (number, params) in &self.layers {
            let geometry = Geometry::new(vec![1]);
            let layer = &network.layers[*number];
            let Some(plan) = &layer.penalty else { continue };
            let mut scratch = Scratch::new();
            let weights = LayerWeights::new(plan, &[], kernels, true, Noise::new(0, 0));
            let views: Vec<SeqView<T>> = params.iter().map(|param| SeqView::of(param, param.len())).collect();
            let call =
                LayerCall { plan, weights: weights.weights(), geometry: &geometry, entries: &[], kernels };
            let run = call.forward(&views, &[], true, &mut scratch);
            let value = run.memory.output(&plan.train, 0, &geometry);
            // SAFETY: the program ran on one row and has one number as its output.
            sum += unsafe { value.ptr.read() }.to_f64();
            if scale == 0.0 || !plan.has_backward() {
                continue;
            }
            let d = [T::from_f64(scale)];
            let d = [SeqView::of(&d, 1)];
            let saved = Saved { inputs: &views, memories: &[], memory: &run.memory };
            let back = call.backward(
                saved,
                IncomingGradients { outputs: &d, finals: &[], memories: &[] },
                None,
                &mut scratch,
            );
            for (position, &(at, numel)) in layer.params.iter().enumerate() {
                if let Some(output) = plan.input_gradients[position] {
                    let view = back.memory.output(&plan.back, output, &geometry);
                    // SAFETY: one row of `numel` elements, the size of the parameter, in `back.memory`.
                    let values = unsafe { std::slice::from_raw_parts(view.ptr, numel) };
                    gradients[at..at + numel].iter_mut().zip(values).for_each(|(sum, d)| *sum += *d);
                }
            }
        }
        sum
    }
}

/// The loss terms of a group. Each sum is in the order of time, so that sums over pieces of time are bit-identical to the
/// whole.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The loss of the first output, then the losses of the others: most networks have one output and need no list.
    first: f64,
    others: Vec<f64>,
    /// The penalties of the steps, by layer with a penalty.
    penalties: Vec<f64>,
}

impl Terms {
    /// The sum of all penalties.
    pub fn penalty(&self) -> f64 {
        self.penalties.iter().sum()
    }

    /// The loss of an output, to add to.
    pub fn loss(&mut self, output: usize) -> &mut f64 {
        if output == 0 {
            return &mut self.first;
        }
        if self.others.len() < output {
            self.others.resize(output, 0.0);
        }
        &mut self.others[output - 1]
    }

    /// The loss of an output.
    pub fn loss_of(&self, output: usize) -> f64 {
        match output {
            0 => self.first,
            _ => self.others.get(output - 1).copied().unwrap_or(0.0),
        }
    }

    /// Adds the scaled penalties of the steps, starting from packed row `first` of the network's input.
    pub fn add_penalties<T: Float>(
        &mut self,
        network: &Network,
        run: &GroupRun<T>,
        axes: Axes,
        first: usize,
        scales: &StepScales,
    ) {
        if !network.layers.iter().any(|layer| layer.has_step_penalty()) {
            return;
        }
        for (layer, &from_end) in network.layers_from_end().iter().enumerate() {
            let Some(view) = run.step_penalty(network, layer, axes) else { continue };
            let axis = network.layers[layer].axis;
            // only the first axis is divided into pieces of time
            let counts = |row: &usize| match first {
                0 => true,
                _ if from_end => run.mirror()[*row] >= first,
                _ => *row >= first,
            };
            self.add_layer(network, layer, view, (0..axes.of(axis).total()).filter(counts), scales.of(axis));
        }
    }

    /// Adds `scale` times the penalties of one layer for some packed rows.
    pub fn add_layer<T: Float>(
        &mut self,
        network: &Network,
        layer: usize,
        view: SeqView<T>,
        rows: impl Iterator<Item = usize>,
        scale: f64,
    ) {
        let place = network.layers[..layer].iter().filter(|layer| layer.has_step_penalty()).count();
        if self.penalties.len() <= place {
            self.penalties.resize(place + 1, 0.0);
        }
        for row in rows {
            // SAFETY: the penalty has one number per packed row.
            self.penalties[place] += scale * unsafe { view.ptr.add(row * view.stride).read() }.to_f64();
        }
    }
}

/// The gradient of the step penalties of the first axis: 0 for the first `first` packed rows, their factor for the others.
/// Empty if there are no penalties.
pub fn step_gradient<T: Float>(
    network: &Network,
    first: usize,
    total: usize,
    scales: &StepScales,
    scratch: &mut Scratch<T>,
) -> Vec<T> {
    if !network.layers.iter().any(|layer| layer.has_step_penalty()) {
        return Vec::new();
    }
    let mut d = scratch.zero_sequence(total, 1);
    d[first..].fill(T::from_f64(scales.of_first()));
    d
}
