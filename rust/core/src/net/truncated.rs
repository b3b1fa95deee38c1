//! Truncated BPTT of a unit: windows of time, each forwards, to its loss and back before the next.
//!
//! With `every` = k1 and `back` = k2 the loss terms of the steps j*k1 .. (j+1)*k1 go back through the steps from
//! max(0, (j+1)*k1 - k2) on and no further: the state at the beginning of that window counts as given. With k2 >= T, the
//! steps of the batch, all go back to step 0. Windows lie on a grid of k1 even where a row ends within one, so that what a
//! row gets does not depend on the others. Where windows overlap, the steps before j*k1 are run again. Memory is that of
//! one window.
//!
//! Layers that read from the end see each window as a sequence of its own: they begin at its end (or where a row ends in it)
//! with the initial state, and carry none to another window.
//! Source: Williams & Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent network
//! trajectories": BPTT(h; h') with h = k2, h' = k1.

use crate::time::{Scratch, SlotGradients};

use super::passage::{Passage, Passed};
use super::penalty::Terms;
use super::pool::Pooled;
use super::unit::UnitGradients;

/// Runs a unit with all its windows. `steps` are those of the batch, padding included.
pub fn truncated<T: Pooled>(
    passage: &Passage<T>,
    input: &mut Vec<T>,
    (every, back): (usize, usize),
    steps: usize,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> Passed<T> {
    if back >= steps {
        // every loss term reaches the first step: that is full BPTT
        return passage.full(input, slots, scratch);
    }
    let count = passage.geometry.steps().div_ceil(every);
    let window = |number: usize| {
        let end = (number + 1).saturating_mul(every);
        end.saturating_sub(back)..end.min(steps)
    };
    let network = passage.shared.network;
    let from_end = network.states_from_end();
    let none = passage.no_gradient(scratch);
    let mut states = passage.initial.to_vec();
    let mut finals = passage.initial.to_vec();
    let mut terms = Terms::default();
    let mut d_input = passage.no_input_gradient(scratch);
    let mut d_initial = passage.no_gradient(scratch);
    for number in 0..count {
        let span = window(number);
        let piece = passage.there(span.clone(), input, &states, scratch);
        let skipped = number * every - span.start;
        let d = passage.back(&piece, skipped, &none, &mut terms, slots, scratch);
        passage.add_input_gradient(&piece, &d.d_input, &mut d_input);
        for ((sum, d), from_end) in d_initial.iter_mut().zip(&d.d_initial).zip(&from_end) {
            if span.start == 0 || *from_end {
                sum.iter_mut().zip(d).for_each(|(sum, d)| *sum += *d);
            }
        }
        if number + 1 < count {
            states = piece.run.states_after(network, &piece.geometry, window(number + 1).start - span.start);
            for (slot, _) in from_end.iter().enumerate().filter(|(_, from_end)| **from_end) {
                states[slot].clone_from(&passage.initial[slot]);
            }
        }
        // rows whose loss terms were in windows before have left their states then
        let alive = piece.geometry.alive(skipped);
        let last = piece.retired(scratch);
        for (slot, last) in last.iter().enumerate() {
            let elements = alive * network.states[slot];
            finals[slot][..elements].copy_from_slice(&last[..elements]);
        }
        scratch.spare.keep_list(last);
        d.retired(scratch);
    }
    scratch.spare.keep_list(none);
    Passed { terms, gradients: UnitGradients { d_input, d_initial }, finals }
}
