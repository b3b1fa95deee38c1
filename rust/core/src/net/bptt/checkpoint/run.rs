//! Checkpointed BPTT of a row group: exact, within the memory of a schedule.
//!
//! Time is divided into segments. The backward pass runs over the segments from the last to the first. The values that it
//! needs were either kept when the segment ran, or the segment runs again from a state that was stored before it or before
//! an earlier segment. `plan` decides the order; `optimal` explains why it is the cheapest.
//!
//! The results are bit-identical to full BPTT. A segment starts at a block boundary, so the weight gradients are summed over
//! the same blocks in the same order. Loss terms are summed when a segment runs for the first time, so in the order of time.

use crate::kernel::Float;
use crate::time::{Scratch, SlotGradients};

use super::super::super::group::{GroupGradients, GroupResult, StoredPiece, Terms, Training};
use super::super::layerwise::{Segments, layerwise};
use super::actions::Action;
use super::plan::GroupSchedule;

/// Runs a group by its schedule. `stored` is reused memory: it is empty before and after.
pub fn checkpointed<T: Float>(
    training: &Training<T>,
    inputs: &mut [Vec<T>],
    schedule: &GroupSchedule,
    stored: &mut SegmentStore<T>,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> GroupResult<T> {
    let geometry = training.axes.time;
    if schedule.segment >= geometry.steps() && schedule.actions.is_some() {
        return training.full(inputs, slots, scratch);
    }
    let Some(actions) = &schedule.actions else {
        let segments = Segments { steps: schedule.segment, windows: &[] };
        return layerwise(training, inputs, segments, slots, scratch);
    };
    scratch.exact_fit(schedule.room.map(|(_, total)| (total, schedule.bytes)));
    if let Some((rows, total)) = schedule.room {
        scratch.allocate_at_least(rows, total);
    }
    let inputs = &*inputs;
    let run = |segment: usize, states: &[Vec<T>], scratch: &mut Scratch<T>| {
        let span = segment * schedule.segment..((segment + 1) * schedule.segment).min(geometry.steps());
        training.forward(span, inputs, states, scratch)
    };
    let SegmentStore { states, pieces } = stored;
    let mut terms = Terms::default();
    let mut seen = 0;
    let mut now = scratch.vectors.copies(training.initial);
    let mut finals = None;
    let mut d_inputs = training.no_input_gradients(scratch);
    let mut d_states = training.no_gradient(scratch);
    for action in actions {
        match *action {
            Action::Advance(segment) | Action::Keep(segment) => {
                let mut piece = run(segment, &now, scratch);
                if segment == seen {
                    training.loss_of(&piece, &mut terms, scratch);
                    seen += 1;
                }
                let after = std::mem::take(&mut piece.run.finals);
                scratch.vectors.keep_list(std::mem::replace(&mut now, after));
                if let Action::Keep(_) = action {
                    pieces.push((segment, piece.stored()));
                } else {
                    let finals = training.retired(piece, scratch);
                    scratch.vectors.keep_list(finals);
                }
            }
            Action::Back(segment) => {
                let mut piece = match pieces.pop_if(|(number, _)| *number == segment) {
                    Some((_, piece)) => training.restored(piece),
                    None => run(segment, &now, scratch),
                };
                // the last segment is the only one whose losses are not summed yet
                let mut again = Terms::default();
                let sum = if segment == seen { &mut terms } else { &mut again };
                let mut d = training.back(&piece, 0, &d_states, sum, slots, scratch);
                training.add_input_gradients(&piece, &d.d_inputs, &mut d_inputs);
                std::mem::swap(&mut d_states, &mut d.d_initial);
                d.retired(scratch);
                // the first backward pass is the one of the last segment
                if finals.is_none() {
                    finals = Some(std::mem::take(&mut piece.run.finals));
                }
                let last = training.retired(piece, scratch);
                scratch.vectors.keep_list(last);
            }
            Action::Store => states.push(scratch.vectors.copies(&now)),
            Action::Load => {
                let from = states.last().map_or(training.initial, |stored| &stored[..]);
                now.iter_mut().zip(from).for_each(|(now, from)| now.clone_from(from));
            }
            Action::Drop => {
                let last = states.pop();
                last.into_iter().for_each(|stored| scratch.vectors.keep_list(stored));
            }
        }
    }
    scratch.best_fit();
    let gradients = GroupGradients::of(training.shared.network, d_inputs, d_states, scratch);
    let finals = match finals {
        Some(finals) => {
            scratch.vectors.keep_list(now);
            finals
        }
        None => now,
    };
    GroupResult { terms, gradients, finals }
}

/// The states that are stored between segments; empty between groups.
#[derive(Debug)]
pub struct SegmentStore<T> {
    /// SegmentStore states, by state slot.
    states: Vec<Vec<Vec<T>>>,
    /// Segments that wait for their backward pass, with their numbers.
    pieces: Vec<(usize, StoredPiece<T>)>,
}

impl<T> Default for SegmentStore<T> {
    fn default() -> SegmentStore<T> {
        SegmentStore { states: Vec::new(), pieces: Vec::new() }
    }
}
