//! What the units of a call leave, in the caller's shapes: each is put in its place as soon as it is done.

use std::sync::Mutex;

use super::batch::{Batch, End, Unit};
use super::call::{Evaluated, Gradients};
use super::graph::Network;
use super::passage::Passed;
use super::penalty::Terms;
use super::pool::{Pooled, lock};
use crate::time::Scratch;

/// The results of a call while its units run.
pub struct Gathered<'a, T> {
    pub network: &'a Network,
    pub batch: &'a Batch,
    pub sums: Mutex<Sums<T>>,
}

/// The results themselves.
pub struct Sums<T> {
    pub gradients: Gradients<T>,
    finals: Vec<Vec<T>>,
    /// By unit: they are summed in the order of the units.
    terms: Vec<Terms>,
}

impl<T: Pooled> Gathered<'_, T> {
    /// Puts in its place what a unit leaves beside the gradients of the parameters. No two units have a place in common.
    pub fn put(&self, unit: usize, passed: Passed<T>, scratch: &mut Scratch<T>) {
        let (network, batch, place) = (self.network, self.batch, &self.batch.units[unit]);
        let mut sums = lock(&self.sums);
        let Sums { gradients, finals, terms } = &mut *sums;
        if let Some(width) = network.input_gradient() {
            batch.unpack(place, &passed.gradients.d_input, width, width, &mut gradients.inputs);
        }
        let initial = &passed.gradients.d_initial;
        unpack_states(network, batch, place, initial, End::Initial, &mut gradients.initial);
        unpack_states(network, batch, place, &passed.finals, End::Final, finals);
        terms[unit] = passed.terms;
        drop(sums);
        passed.gradients.retired(scratch);
        scratch.spare.keep_list(passed.finals);
    }
}

impl<T: Pooled> Sums<T> {
    /// `terms` is memory for the terms; without `finals` units leave none.
    pub fn new(
        network: &Network,
        batch: &Batch,
        arena_len: usize,
        mut terms: Vec<Terms>,
        finals: bool,
    ) -> Sums<T> {
        let inputs = network.input_gradient().map_or(0, |width| batch.rows * batch.steps * width);
        let gradients = Gradients {
            params: vec![T::ZERO; arena_len],
            inputs: vec![T::ZERO; inputs],
            initial: zero_states(network, batch),
        };
        terms.clear();
        terms.resize(batch.units.len(), Terms::default());
        let finals = if finals { zero_states(network, batch) } else { Vec::new() };
        Sums { gradients, finals, terms }
    }

    /// With the loss and the penalty of the steps; and the memory of the terms.
    pub fn evaluated(self) -> (Evaluated<T>, Vec<Terms>) {
        let loss = self.terms.iter().map(|terms| terms.loss).sum();
        let penalty = self.terms.iter().map(Terms::penalty).sum();
        (Evaluated { loss, penalty, gradients: self.gradients, finals: self.finals }, self.terms)
    }
}

/// Zeros (N, width) for each state slot.
pub fn zero_states<T: Pooled>(network: &Network, batch: &Batch) -> Vec<Vec<T>> {
    network.states.iter().map(|width| vec![T::ZERO; batch.rows * width]).collect()
}

/// Writes the rows of a unit to their places.
pub fn unpack_states<T: Pooled>(
    network: &Network,
    batch: &Batch,
    unit: &Unit,
    values: &[Vec<T>],
    end: End,
    states: &mut [Vec<T>],
) {
    for (slot, values) in values.iter().enumerate() {
        batch.unpack_state(unit, values, network.states[slot], end, &mut states[slot]);
    }
}
