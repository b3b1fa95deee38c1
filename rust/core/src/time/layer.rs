//! One layer over one unit: forwards, and back.

use crate::kernel::{Float, Kernels};
use crate::plan::{Class, LayerPlan, Pass};

use super::Geometry;
use super::memory::{PassMemory, Scratch, SeqView};
use super::runner::{Outside, Runner};
use super::spare::Spare;
use super::weights::{LayerWeights, SlotGradients};

/// What a forward run leaves: its memory, and the last value of each state for each row of the unit.
pub struct Forward<T> {
    pub memory: PassMemory<T>,
    pub finals: Vec<Vec<T>>,
}

/// What the way back leaves: the memory that holds the input gradients, and the gradient of each initial state.
pub struct Backward<T> {
    pub memory: PassMemory<T>,
    pub d_initial: Vec<Vec<T>>,
}

impl<T: Float> Forward<T> {
    /// Memory for a run of a pass that begins with `initial`, `rows * width` numbers per state.
    pub fn new(pass: &Pass, geometry: &Geometry, initial: &[Vec<T>], scratch: &mut Scratch<T>) -> Forward<T> {
        let mut memory: PassMemory<T> = PassMemory::new(pass, geometry, scratch);
        for (state, (class, width)) in pass.states.iter().enumerate() {
            if let Class::History(_) = class {
                let first = memory.history(state);
                // SAFETY: a history begins with `rows` initial values of `width` elements; `initial` has as many.
                unsafe { first.copy_from_nonoverlapping(initial[state].as_ptr(), geometry.rows * width) };
            }
        }
        Forward { memory, finals: room_for_states(pass, geometry, scratch) }
    }

    /// Runs the pass in the memory that was made for it. `inputs` are packed by time. Any thread may do it.
    #[allow(clippy::too_many_arguments)] // the whole context of a unit; a struct of borrows would say no more
    pub fn run(
        &mut self,
        plan: &LayerPlan,
        weights: &LayerWeights<T>,
        geometry: &Geometry,
        inputs: &[SeqView<T>],
        initial: &[Vec<T>],
        training: bool,
        kernels: &Kernels<T>,
        scratch: &mut Scratch<T>,
    ) {
        let Forward { memory, finals } = self;
        let pass = if training { &plan.train } else { &plan.infer };
        let outside = Outside { inputs, d_outputs: &[], saved: None };
        {
            let packs = if training { &weights.train } else { &weights.infer };
            let mut runner =
                Runner::new(pass, weights, packs, geometry, &outside, memory, initial, kernels, scratch);
            runner.run(None);
            finals.iter_mut().enumerate().for_each(|(state, values)| runner.carried(state, values));
        }
        for (state, (&(class, width), values)) in pass.states.iter().zip(finals).enumerate() {
            if let Class::History(_) = class {
                values_after(memory, state, width, geometry, geometry.steps(), values);
            }
        }
    }
}

/// Runs a layer over a unit, in memory out of `scratch`.
#[allow(clippy::too_many_arguments)] // as `Forward::run`
pub fn forward<T: Float>(
    plan: &LayerPlan,
    weights: &LayerWeights<T>,
    geometry: &Geometry,
    inputs: &[SeqView<T>],
    initial: &[Vec<T>],
    training: bool,
    kernels: &Kernels<T>,
    scratch: &mut Scratch<T>,
) -> Forward<T> {
    let pass = if training { &plan.train } else { &plan.infer };
    let mut run = Forward::new(pass, geometry, initial, scratch);
    run.run(plan, weights, geometry, inputs, initial, training, kernels, scratch);
    run
}

impl<T: Float> Backward<T> {
    /// Memory for the way back of a layer.
    pub fn new(plan: &LayerPlan, geometry: &Geometry, scratch: &mut Scratch<T>) -> Backward<T> {
        let memory = PassMemory::new(&plan.back, geometry, scratch);
        Backward { memory, d_initial: room_for_states(&plan.back, geometry, scratch) }
    }

    /// Runs the gradient equations of a layer over a unit, from its last step to its first, adding to `slots` where
    /// the gradients of parameters are wanted. Any thread may do it.
    #[allow(clippy::too_many_arguments)] // as `Forward::run`
    pub fn run(
        &mut self,
        plan: &LayerPlan,
        weights: &LayerWeights<T>,
        geometry: &Geometry,
        inputs: &[SeqView<T>],
        saved: &PassMemory<T>,
        d_outputs: &[SeqView<T>],
        d_final: &[Vec<T>],
        slots: Option<&mut SlotGradients<T>>,
        kernels: &Kernels<T>,
        scratch: &mut Scratch<T>,
    ) {
        let Backward { memory, d_initial } = self;
        let pass: &Pass = &plan.back;
        let outside = Outside { inputs, d_outputs, saved: Some((saved, &plan.train)) };
        let packs = &weights.back;
        let mut runner =
            Runner::new(pass, weights, packs, geometry, &outside, memory, d_final, kernels, scratch);
        runner.run(slots);
        d_initial.iter_mut().enumerate().for_each(|(state, values)| runner.carried(state, values));
    }
}

/// Runs the gradient equations of a layer over a unit, in memory out of `scratch`.
#[allow(clippy::too_many_arguments)] // as `Forward::run`
pub fn backward<T: Float>(
    plan: &LayerPlan,
    weights: &LayerWeights<T>,
    geometry: &Geometry,
    inputs: &[SeqView<T>],
    saved: &PassMemory<T>,
    d_outputs: &[SeqView<T>],
    d_final: &[Vec<T>],
    slots: Option<&mut SlotGradients<T>>,
    kernels: &Kernels<T>,
    scratch: &mut Scratch<T>,
) -> Backward<T> {
    let mut back = Backward::new(plan, geometry, scratch);
    back.run(plan, weights, geometry, inputs, saved, d_outputs, d_final, slots, kernels, scratch);
    back
}

/// Appends the states after `steps` steps of a run with training; rows that ended before hold theirs.
pub fn states_after<T: Float>(
    plan: &LayerPlan,
    memory: &PassMemory<T>,
    geometry: &Geometry,
    steps: usize,
    spare: &mut Spare<T>,
    states: &mut Vec<Vec<T>>,
) {
    for (state, &(_, width)) in plan.train.states.iter().enumerate() {
        let mut values = spare.vector(geometry.rows * width);
        values_after(memory, state, width, geometry, steps, &mut values);
        states.push(values);
    }
}

/// An empty vector for the rows of each state.
fn room_for_states<T: Float>(pass: &Pass, geometry: &Geometry, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
    let mut states = scratch.spare.list();
    states.extend(pass.states.iter().map(|(_, width)| scratch.spare.vector(geometry.rows * width)));
    states
}

/// Appends the value of a state for each row after `steps` steps, out of its history.
fn values_after<T: Float>(
    memory: &PassMemory<T>,
    state: usize,
    width: usize,
    geometry: &Geometry,
    steps: usize,
    values: &mut Vec<T>,
) {
    let history = memory.history_slice(state, (geometry.rows + geometry.total()) * width);
    for (row, &length) in geometry.lengths.iter().enumerate() {
        let last = length.min(steps);
        let at = if last == 0 { row } else { geometry.rows + geometry.offset[last - 1] + row };
        values.extend_from_slice(&history[at * width..(at + 1) * width]);
    }
}
