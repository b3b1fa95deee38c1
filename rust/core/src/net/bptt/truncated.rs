//! Truncated BPTT of a row group: each window of time runs forward, to its loss, and backward before the next window starts.
//!
//! With `every` = k1 and `back` = k2, the loss terms of the steps j*k1 .. (j+1)*k1 are propagated back to step max(0,
//! (j+1)*k1 - k2) and no further: the state at the start of that window counts as given. With k2 >= T, the number of steps
//! of the batch, all are propagated back to step 0. Windows lie on a grid of k1 even if a row ends within a window, so that
//! the result of a row does not depend on the other rows. Where windows overlap, the steps before j*k1 run again. The memory
//! is that of one window.
//!
//! Values per row, such as static features, are the same in every window: they are computed again in each, their gradient is the
//! sum over the windows, and a loss of theirs is counted in the first. A state that starts from a value per row does so in the
//! windows that start at step 0.
//!
//! Layers that read from the end treat each window as a separate sequence: they start at the end of the window (or where a
//! row ends in it) with the initial state, and carry no state to another window.
//!
//! In a network with memories, the windows are on the axes of the layers that read one. All other axes are whole: the gradient of a
//! memory is the sum over the windows, and goes back through all of the layers that made it. As k1 = k2 there, no step is in two
//! windows, so the network runs layer by layer, and the gradient of a state ends where a window starts.
//!
//! Source: Williams & Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent network
//! trajectories": BPTT(h; h') with h = k2, h' = k1.

use std::ops::Range;

use crate::kernel::Float;
use crate::time::{Scratch, SlotGradients};

use super::super::graph::{Axis, NetError};
use super::super::group::{GroupGradients, GroupResult, Terms, Training};
use super::layerwise::{Segments, layerwise};

/// How time is divided into windows.
#[derive(Clone, Copy)]
pub struct Windows<'a> {
    /// k1 and k2.
    pub every: usize,
    pub back: usize,
    /// The steps of the batch on the axes with windows, including padding.
    pub steps: usize,
    /// See `windowed_axes`; empty for a network without memories.
    pub axes: &'a [Axis],
    /// By state slot: whether its layer reads the input from the end.
    pub from_end: &'a [bool],
}

impl Windows<'_> {
    /// Returns an error if windows overlap on an axis of layers with memories.
    pub fn check(&self) -> Result<(), NetError> {
        let Windows { every, back, steps, .. } = *self;
        if self.axes.is_empty() || every == back || back >= steps {
            return Ok(());
        }
        Err(NetError::Config(format!(
            "through_time: TruncatedBPTT({every}, {back}) has windows that overlap, which a network with memories does not run; use \
             k1 = k2, such as TruncatedBPTT({back}, {back}), or k2 of at least the {steps} steps of the batch"
        )))
    }

    /// The steps of a window, including the warm-up.
    fn span(&self, number: usize) -> Range<usize> {
        let end = (number + 1).saturating_mul(self.every);
        end.saturating_sub(self.back)..end.min(self.steps)
    }
}

/// Runs a group in all its windows.
pub fn truncated<T: Float>(
    training: &Training<T>,
    inputs: &mut [Vec<T>],
    windows: Windows,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> GroupResult<T> {
    let (network, whole) = (training.shared.network, training.axes.time);
    if windows.back >= windows.steps || whole.steps() == 0 {
        // every loss term reaches the first step: this is full BPTT
        return training.full(inputs, slots, scratch);
    }
    if !windows.axes.is_empty() {
        let segments = Segments { steps: windows.every, windows: windows.axes };
        return layerwise(training, inputs, segments, slots, scratch);
    }
    let count = whole.steps().div_ceil(windows.every);
    let rows_of = |span: Range<usize>| whole.first_row(span.end) - whole.first_row(span.start);
    // the first windows may be shorter, and so may the last
    scratch.allocate_at_least(
        whole.rows,
        (0..count).map(|number| rows_of(windows.span(number))).max().unwrap_or(0),
    );
    let none = training.no_gradient(scratch);
    let mut states = scratch.vectors.copies(training.initial);
    let mut finals = scratch.vectors.copies(training.initial);
    let mut terms = Terms::default();
    let mut d_inputs = training.no_input_gradients(scratch);
    let mut d_initial = training.no_gradient(scratch);
    for number in 0..count {
        let span = windows.span(number);
        let next = (number + 1 < count).then(|| windows.span(number + 1).start - span.start);
        scratch.watch = next;
        let piece = training.forward(span.clone(), inputs, &states, scratch);
        scratch.watch = None;
        let skipped = number * windows.every - span.start;
        let d = training.back(&piece, skipped, &none, &mut terms, slots, scratch);
        training.add_input_gradients(&piece, &d.d_inputs, &mut d_inputs);
        for ((sum, d), from_end) in d_initial.iter_mut().zip(&d.d_initial).zip(windows.from_end) {
            if span.start == 0 || *from_end {
                sum.iter_mut().zip(d).for_each(|(sum, d)| *sum += *d);
            }
        }
        if let Some(steps) = next {
            let after = piece.run.states_after(network, piece.axes(), steps, &mut scratch.vectors);
            scratch.vectors.keep_list(std::mem::replace(&mut states, after));
            for (slot, _) in windows.from_end.iter().enumerate().filter(|(_, from_end)| **from_end) {
                states[slot].clone_from(&training.initial[slot]);
            }
        }
        // rows whose loss terms all belong to earlier windows have produced their states already
        let alive = piece.time.alive(skipped);
        let last = training.retired(piece, scratch);
        for (slot, last) in last.iter().enumerate() {
            let elements = alive * network.states[slot];
            finals[slot][..elements].copy_from_slice(&last[..elements]);
        }
        scratch.vectors.keep_list(last);
        d.retired(scratch);
    }
    scratch.vectors.keep_list(none);
    scratch.vectors.keep_list(states);
    scratch.allocate_at_least(0, 0);
    let gradients = GroupGradients::of(network, d_inputs, d_initial, scratch);
    GroupResult { terms, gradients, finals }
}
