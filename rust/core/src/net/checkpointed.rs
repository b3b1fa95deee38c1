//! Checkpointed BPTT of a unit: exact, in the memory of one segment of time and the states between segments.
//!
//! One level: forwards once, keeping the states at the borders of equal segments; then, from the last segment to the
//! first, the segment forwards again (the last one is still there) and back. So every step but those of the last segment
//! runs forwards twice, and backwards once. `schedule` chooses the segments.
//!
//! The bits are those of full BPTT. A border lies between blocks of time, so the weight gradients are
//! summed over the same blocks in the same order; loss terms are summed on the first way there, in the order of time.
//! Source: Chen et al. 2016, "Training deep nets with sublinear memory cost" (segments of equal length).

use crate::time::{Scratch, SlotGradients};

use super::passage::{Passage, Passed};
use super::penalty::Terms;
use super::pool::Pooled;
use super::unit::UnitGradients;

/// Runs a unit in segments of `length` steps.
pub fn checkpointed<T: Pooled>(
    passage: &Passage<T>,
    input: Vec<T>,
    length: usize,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> Passed<T> {
    let count = passage.geometry.steps().div_ceil(length);
    if count <= 1 {
        return passage.full(input, slots, scratch);
    }
    let there = |number: usize, states: &[Vec<T>], largest: &mut usize, scratch: &mut Scratch<T>| {
        let span = number * length..((number + 1) * length).min(passage.geometry.steps());
        let rows = passage.geometry.first_row(span.end) - passage.geometry.first_row(span.start);
        if rows > *largest {
            scratch.forget();
            *largest = rows;
        }
        passage.there(span.clone(), passage.input_of(&input, span), states, scratch)
    };
    let mut terms = Terms::default();
    let mut borders: Vec<Vec<Vec<T>>> = Vec::with_capacity(count - 1);
    let states_at = |number: usize, borders: &[Vec<Vec<T>>]| match number {
        0 => passage.initial.to_vec(),
        _ => borders[number - 1].clone(),
    };
    let mut largest = 0;
    for number in 0..count - 1 {
        let piece = there(number, &states_at(number, &borders), &mut largest, scratch);
        passage.loss_of(&piece, &mut terms, scratch);
        borders.push(piece.run.retired(scratch));
    }
    let mut finals = Vec::new();
    let mut d_input = passage.no_input_gradient();
    let mut d_states = passage.no_gradient();
    largest = 0; // the way back holds other memory beside that of the way there
    for number in (0..count).rev() {
        let piece = there(number, &states_at(number, &borders), &mut largest, scratch);
        borders.truncate(number.saturating_sub(1));
        // the terms of the others were summed on the way there
        let mut again = Terms::default();
        let sum = if number + 1 == count { &mut terms } else { &mut again };
        let d = passage.back(&piece, 0, &d_states, sum, slots, scratch);
        passage.add_input_gradient(&piece, &d.d_input, &mut d_input);
        d_states = d.d_initial;
        let last = piece.run.retired(scratch);
        if number + 1 == count {
            finals = last;
        }
    }
    Passed { terms, gradients: UnitGradients { d_input, d_initial: d_states }, finals }
}
