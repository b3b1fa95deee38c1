//! Penalties: what regularizers add to a loss.
//!
//! A layer's training program may have a second output, one number: the penalty of a step. Every valid step counts alike,
//! divided by their number where the loss is a mean. A layer may also have a program on its parameters, whose one number
//! counts once. Both belong to the loss of training alone; inference has no such outputs.

use crate::kernel::Kernels;
use crate::plan::LayerPlan;
use crate::random::Noise;
use crate::step::Program;
use crate::time::{Geometry, LayerWeights, Scratch, SeqView, backward, forward};

use super::graph::{NetError, Network};
use super::pool::Pooled;
use super::unit::UnitRun;

/// The output of a training program that is a penalty.
pub const STEP_PENALTY: usize = 1;

/// Refuses a program whose outputs are not a layer's: a value, and at most a penalty.
pub(super) fn check_outputs(program: &Program) -> Result<(), NetError> {
    let outputs = &program.outputs;
    if outputs.get(STEP_PENALTY).is_some_and(|(_, id)| program.nodes[*id].numel() != 1) || outputs.len() > 2 {
        return Err(NetError::Config(format!(
            "{}: outputs beside the first; expected one number at most, a penalty",
            program.name
        )));
    }
    Ok(())
}

/// The plan of a penalty on parameters, which are the inputs of its program.
pub(super) fn plan_of_weights(program: &Program, layer: &Program) -> Result<LayerPlan, NetError> {
    let sized = |program: &Program, ids: &[usize]| -> Vec<(String, usize)> {
        ids.iter().map(|&id| (program.label(id).to_string(), program.nodes[id].numel())).collect()
    };
    let fits = sized(program, &program.inputs) == sized(layer, &layer.params)
        && program.states.is_empty()
        && program.params.is_empty()
        && program.outputs.len() == 1
        && program.nodes[program.outputs[0].1].numel() == 1;
    if !fits {
        return Err(NetError::Config(format!(
            "{}: expected a penalty (parameters of {}) -> number",
            program.name, layer.name
        )));
    }
    Ok(LayerPlan::new(program)?)
}

/// The penalties on parameters of one call, with the parameters as they were when it was made.
pub struct WeightPenalties<T> {
    /// By penalised layer: its number, and its parameters.
    layers: Vec<(usize, Vec<Vec<T>>)>,
}

impl<T: Pooled> WeightPenalties<T> {
    /// None in calls without `training`.
    pub fn new(network: &Network, arena: &[T], training: bool) -> WeightPenalties<T> {
        let layers = (network.layers.iter().enumerate())
            .filter(|(_, layer)| training && layer.penalty.is_some())
            .map(|(number, layer)| {
                (number, layer.params.iter().map(|&(at, numel)| arena[at..at + numel].to_vec()).collect())
            })
            .collect();
        WeightPenalties { layers }
    }

    /// Their sum.
    pub fn value(&self, network: &Network, kernels: &Kernels<T>) -> f64 {
        self.take(network, kernels, 0.0, &mut [])
    }

    /// Their sum; `scale` times its gradient is added to `gradients`, laid out as the arena, unless `scale` is 0.
    pub fn take(&self, network: &Network, kernels: &Kernels<T>, scale: f64, gradients: &mut [T]) -> f64 {
        let mut sum = 0.0;
        for (number, params) in &self.layers {
            let geometry = Geometry::new(vec![1]);
            let layer = &network.layers[*number];
            let Some(plan) = &layer.penalty else { continue };
            let mut scratch = Scratch::new();
            let weights = LayerWeights::new(plan, &[], kernels, true, Noise::new(0, 0));
            let views: Vec<SeqView<T>> = params.iter().map(|param| SeqView::of(param, param.len())).collect();
            let run = forward(plan, &weights, &geometry, &views, &[], true, kernels, &mut scratch);
            let value = run.memory.output(&plan.train, 0, &geometry);
            // SAFETY: the program ran on one row and has one number as its output.
            sum += unsafe { value.ptr.read() }.to_f64();
            if scale == 0.0 {
                continue;
            }
            let d = [T::from_f64(scale)];
            let d = [SeqView::of(&d, 1)];
            let saved = &run.memory;
            let back =
                backward(plan, &weights, &geometry, &views, saved, &d, &[], None, kernels, &mut scratch);
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

/// What a unit adds to a loss. Each sum is in the order of time, so that pieces of time give the bits of the whole.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Of the loss itself.
    pub loss: f64,
    /// Of the steps' penalties, by penalised layer.
    penalties: Vec<f64>,
}

impl Terms {
    /// All penalties.
    pub fn penalty(&self) -> f64 {
        self.penalties.iter().sum()
    }

    /// Adds `scale` times the penalties of the steps from packed row `first` of the network's input on.
    pub fn add_penalties<T: Pooled>(
        &mut self,
        network: &Network,
        run: &UnitRun<T>,
        geometry: &Geometry,
        first: usize,
        scale: f64,
    ) {
        if !network.layers.iter().any(|layer| layer.has_step_penalty()) {
            return;
        }
        let from_end = network.layers_from_end();
        for layer in (0..network.layers.len()).filter(|&layer| network.layers[layer].has_step_penalty()) {
            let view = run.step_penalty(network, layer, geometry);
            let counts =
                |row: &usize| if from_end[layer] { run.mirror()[*row] >= first } else { *row >= first };
            self.add_layer(network, layer, view, (0..geometry.total()).filter(counts), scale);
        }
    }

    /// Adds `scale` times the penalties of one layer, those of some packed rows.
    pub fn add_layer<T: Pooled>(
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

/// The gradient of the steps' penalties: 0 for the first packed rows, `scale` for the others. Empty where there are none.
pub fn step_gradient<T: Pooled>(
    network: &Network,
    first: usize,
    total: usize,
    scale: f64,
    scratch: &mut Scratch<T>,
) -> Vec<T> {
    if !network.layers.iter().any(|layer| layer.has_step_penalty()) {
        return Vec::new();
    }
    let mut d = scratch.no_sequence(total, 1);
    d[first..].fill(T::from_f64(scale));
    d
}
