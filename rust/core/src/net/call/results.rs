//! The results of a call in the caller's shapes. Each row group writes its results as soon as it is done.

use std::sync::{Mutex, PoisonError};

use crate::kernel::Float;
use crate::memory::{resized, zeros};
use crate::time::Scratch;

use super::super::batch::{Batch, End, OutputArray, RowGroup};
use super::super::graph::{InputPort, Network};
use super::super::group::{GroupResult, Terms};
use super::super::locks::lock;

/// Gradients of a call, in the caller's shapes.
pub struct Gradients<T> {
    /// In the layout of the parameter arena.
    pub params: Vec<T>,
    /// By input: (N, T, F) or (N, F); empty for ids.
    pub inputs: Vec<Vec<T>>,
    /// (N, width) per state slot.
    pub initial: Vec<Vec<T>>,
}

/// The losses of a call, with their gradients and the final states.
pub struct Evaluated<T> {
    /// The sum of all losses, including the penalties.
    pub loss: f64,
    /// By output, without the penalties.
    pub losses: Vec<f64>,
    /// The sum of the penalties.
    pub penalty: f64,
    pub gradients: Gradients<T>,
    /// (N, width) per state slot.
    pub finals: Vec<Vec<T>>,
}

/// The results of a call while its groups run.
pub struct Results<'a, T> {
    network: &'a Network,
    batch: &'a Batch,
    /// By input: its gradient, of width 0 if it has none.
    inputs: Vec<OutputArray<T>>,
    sums: Mutex<Sums<T>>,
}

/// The results after all groups have run.
pub struct Sums<T> {
    pub gradients: Gradients<T>,
    finals: Vec<Vec<T>>,
    /// By group; they are summed in the order of the groups.
    terms: Vec<Terms>,
}

impl<'a, T: Float> Results<'a, T> {
    /// `terms` is reused memory; without `finals`, groups return no final states.
    pub fn new(
        network: &'a Network,
        batch: &'a Batch,
        arena_len: usize,
        terms: Vec<Terms>,
        finals: bool,
    ) -> Results<'a, T> {
        let array = |(number, port): (usize, &InputPort)| {
            let width = network.input_gradient(number).unwrap_or(0);
            OutputArray::new(batch, network.nodes[port.node].axis, width)
        };
        let inputs = network.inputs.iter().enumerate().map(array).collect();
        let sums = Mutex::new(Sums::new(network, batch, arena_len, terms, finals));
        Results { network, batch, inputs, sums }
    }

    /// Writes the results of a group, except the gradients of the parameters, to their positions.
    ///
    /// # Safety
    /// No other thread puts the same group at the same time.
    pub unsafe fn put(&self, group: usize, passed: GroupResult<T>, scratch: &mut Scratch<T>) {
        let (network, batch, place) = (self.network, self.batch, &self.batch.groups[group]);
        for (number, (array, d)) in self.inputs.iter().zip(&passed.gradients.d_inputs).enumerate() {
            let Some(width) = network.input_gradient(number) else { continue };
            assert_eq!(d.width, width);
            // SAFETY: the view has the rows of its group; the rest is the caller's guarantee.
            unsafe { array.put_sums(batch, group, *d) };
        }
        let mut sums = lock(&self.sums);
        let Sums { gradients, finals, terms } = &mut *sums;
        let initial = &passed.gradients.d_initial;
        unpack_states(network, batch, place, initial, End::Initial, &mut gradients.initial);
        unpack_states(network, batch, place, &passed.finals, End::Final, finals);
        terms[group] = passed.terms;
        drop(sums);
        passed.gradients.retired(scratch);
        scratch.vectors.keep_list(passed.finals);
    }

    /// The results of all groups.
    ///
    /// # Safety
    /// All groups were put.
    pub unsafe fn finished(self) -> Sums<T> {
        let mut sums = self.sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (number, array) in self.inputs.into_iter().enumerate() {
            sums.gradients.inputs.push(match self.network.input_gradient(number) {
                // SAFETY: the caller's guarantee.
                Some(_) => unsafe { array.summed(self.batch) },
                None => Vec::new(),
            });
        }
        sums
    }
}

impl<T: Float> Sums<T> {
    fn new(
        network: &Network,
        batch: &Batch,
        arena_len: usize,
        mut terms: Vec<Terms>,
        finals: bool,
    ) -> Sums<T> {
        let gradients = Gradients {
            params: zeros(arena_len),
            inputs: Vec::with_capacity(network.inputs.len()),
            initial: zero_states(network, batch),
        };
        terms.clear();
        resized(&mut terms, batch.groups.len(), Terms::default());
        let finals = if finals { zero_states(network, batch) } else { Vec::new() };
        Sums { gradients, finals, terms }
    }

    /// The results with the losses of `outputs` outputs and the penalty of the steps; also returns the memory of the terms.
    pub fn evaluated(self, outputs: usize) -> (Evaluated<T>, Vec<Terms>) {
        let sum = |output: usize| self.terms.iter().map(|terms| terms.loss_of(output)).sum();
        let losses: Vec<f64> = (0..outputs).map(sum).collect();
        let penalty = self.terms.iter().map(Terms::penalty).sum();
        let (loss, gradients, finals) = (losses.iter().sum(), self.gradients, self.finals);
        (Evaluated { loss, losses, penalty, gradients, finals }, self.terms)
    }
}

/// Zeros (N, width) for each state slot.
pub fn zero_states<T: Float>(network: &Network, batch: &Batch) -> Vec<Vec<T>> {
    network.states.iter().map(|width| zeros(batch.rows * width)).collect()
}

/// Writes the rows of a group to their positions.
pub fn unpack_states<T: Float>(
    network: &Network,
    batch: &Batch,
    group: &RowGroup,
    values: &[Vec<T>],
    end: End,
    states: &mut [Vec<T>],
) {
    for (slot, values) in values.iter().enumerate() {
        batch.unpack_state(
            (group, network.state_axes[slot]),
            values,
            network.states[slot],
            end,
            &mut states[slot],
        );
    }
}
