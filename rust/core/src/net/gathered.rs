//! What the units of a call leave, in the caller's shapes: each is put in its place as soon as it is done.

use std::sync::{Mutex, PoisonError};

use super::batch::{Batch, End, Unit};
use super::call::{Evaluated, Gradients};
use super::filling::Filling;
use super::graph::Network;
use super::passage::Passed;
use super::penalty::Terms;
use super::pool::{Pooled, lock};
use crate::time::{Scratch, SeqView};

/// The results of a call while its units run.
pub struct Gathered<'a, T> {
    pub network: &'a Network,
    pub batch: &'a Batch,
    /// The gradient of the input, if there is one.
    inputs: Filling<T>,
    sums: Mutex<Sums<T>>,
}

/// The results themselves.
pub struct Sums<T> {
    pub gradients: Gradients<T>,
    finals: Vec<Vec<T>>,
    /// By unit: they are summed in the order of the units.
    terms: Vec<Terms>,
}

impl<'a, T: Pooled> Gathered<'a, T> {
    /// `arena_len`, `terms` and `finals` as of `Sums::new`.
    pub fn new(
        network: &'a Network,
        batch: &'a Batch,
        arena_len: usize,
        terms: Vec<Terms>,
        finals: bool,
    ) -> Gathered<'a, T> {
        let inputs = Filling::new(batch, network.input_gradient().unwrap_or(0));
        let sums = Mutex::new(Sums::new(network, batch, arena_len, terms, finals));
        Gathered { network, batch, inputs, sums }
    }

    /// Puts in its place what a unit leaves beside the gradients of the parameters.
    ///
    /// # Safety
    /// Nobody else puts the same unit meanwhile.
    pub unsafe fn put(&self, unit: usize, passed: Passed<T>, scratch: &mut Scratch<T>) {
        let (network, batch, place) = (self.network, self.batch, &self.batch.units[unit]);
        if let Some(width) = network.input_gradient() {
            let d = &passed.gradients.d_input;
            assert_eq!(d.len(), place.geometry.total() * width);
            let d = SeqView::of(d, width);
            // SAFETY: it has the rows of its unit; the rest is the caller's promise.
            unsafe { self.inputs.put(batch, unit, d) };
        }
        let mut sums = lock(&self.sums);
        let Sums { gradients, finals, terms } = &mut *sums;
        let initial = &passed.gradients.d_initial;
        unpack_states(network, batch, place, initial, End::Initial, &mut gradients.initial);
        unpack_states(network, batch, place, &passed.finals, End::Final, finals);
        terms[unit] = passed.terms;
        drop(sums);
        passed.gradients.retired(scratch);
        scratch.spare.keep_list(passed.finals);
    }

    /// All that was put.
    ///
    /// # Safety
    /// All units were.
    pub unsafe fn finished(self) -> Sums<T> {
        let mut sums = self.sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the caller's promise.
        sums.gradients.inputs = unsafe { self.inputs.filled(self.batch) };
        sums
    }
}

impl<T: Pooled> Sums<T> {
    /// `terms` is memory for the terms; without `finals` units leave none.
    fn new(
        network: &Network,
        batch: &Batch,
        arena_len: usize,
        mut terms: Vec<Terms>,
        finals: bool,
    ) -> Sums<T> {
        let gradients = Gradients {
            params: vec![T::ZERO; arena_len],
            inputs: Vec::new(),
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
