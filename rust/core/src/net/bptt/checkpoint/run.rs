//! Checkpointed BPTT of a row group: exact, in the memory that a schedule was made for.
//!
//! Time is cut into chunks. The way back goes over them from the last to the first; what it needs of a chunk was kept when the
//! chunk ran, or the chunk runs again from a state that was stored before it, or before chunks before it. `plan` says in
//! which order, `optimal` why so.
//!
//! The bits are those of full BPTT. A chunk begins between blocks of time, so the weight gradients are summed over the same
//! blocks in the same order; loss terms are summed when a chunk runs for the first time, so in the order of time.

use crate::kernel::Float;
use crate::time::{Scratch, SlotGradients};

use super::super::super::group::{GroupGradients, Passed, StoredPiece, Terms, Training};
use super::super::layerwise::layerwise;
use super::actions::Action;
use super::plan::GroupSchedule;

/// Runs a group by its schedule. `stored` is memory that is empty before and after.
pub fn checkpointed<T: Float>(
    training: &Training<T>,
    inputs: &mut [Vec<T>],
    schedule: &GroupSchedule,
    stored: &mut Stored<T>,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> Passed<T> {
    let geometry = training.axes.time;
    if schedule.chunk >= geometry.steps() && schedule.actions.is_some() {
        return training.full(inputs, slots, scratch);
    }
    let Some(actions) = &schedule.actions else {
        return layerwise(training, inputs, schedule.chunk, slots, scratch);
    };
    scratch.frugal(schedule.room.map(|(_, total)| (total, schedule.bytes)));
    if let Some((rows, total)) = schedule.room {
        scratch.in_pieces(rows, total);
    }
    let inputs = &*inputs;
    let run = |chunk: usize, states: &[Vec<T>], scratch: &mut Scratch<T>| {
        let span = chunk * schedule.chunk..((chunk + 1) * schedule.chunk).min(geometry.steps());
        training.forward(span, inputs, states, scratch)
    };
    let Stored { states, pieces } = stored;
    let mut terms = Terms::default();
    let mut seen = 0;
    let mut now = scratch.spare.copies(training.initial);
    let mut finals = None;
    let mut d_inputs = training.no_input_gradients(scratch);
    let mut d_states = training.no_gradient(scratch);
    for action in actions {
        match *action {
            Action::Advance(chunk) | Action::Keep(chunk) => {
                let mut piece = run(chunk, &now, scratch);
                if chunk == seen {
                    training.loss_of(&piece, &mut terms, scratch);
                    seen += 1;
                }
                let after = std::mem::take(&mut piece.run.finals);
                scratch.spare.keep_list(std::mem::replace(&mut now, after));
                if let Action::Keep(_) = action {
                    pieces.push((chunk, piece.stored()));
                } else {
                    let finals = training.retired(piece, scratch);
                    scratch.spare.keep_list(finals);
                }
            }
            Action::Back(chunk) => {
                let mut piece = match pieces.pop_if(|(number, _)| *number == chunk) {
                    Some((_, piece)) => training.restored(piece),
                    None => run(chunk, &now, scratch),
                };
                // the last chunk is the only one that has not been seen
                let mut again = Terms::default();
                let sum = if chunk == seen { &mut terms } else { &mut again };
                let d = training.back(&piece, 0, &d_states, sum, slots, scratch);
                training.add_input_gradients(&piece, &d.d_inputs, &mut d_inputs);
                scratch.spare.keep_list(d.d_inputs);
                scratch.spare.keep_list(std::mem::replace(&mut d_states, d.d_initial));
                // the first way back is that of the last chunk
                if finals.is_none() {
                    finals = Some(std::mem::take(&mut piece.run.finals));
                }
                let last = training.retired(piece, scratch);
                scratch.spare.keep_list(last);
            }
            Action::Store => states.push(scratch.spare.copies(&now)),
            Action::Load => {
                let from = states.last().map_or(training.initial, |stored| &stored[..]);
                now.iter_mut().zip(from).for_each(|(now, from)| now.clone_from(from));
            }
            Action::Drop => {
                let last = states.pop();
                last.into_iter().for_each(|stored| scratch.spare.keep_list(stored));
            }
        }
    }
    scratch.generous();
    let gradients = GroupGradients { d_inputs, d_initial: d_states };
    let finals = match finals {
        Some(finals) => {
            scratch.spare.keep_list(now);
            finals
        }
        None => now,
    };
    Passed { terms, gradients, finals }
}

/// What is kept between chunks; empty between groups.
#[derive(Debug)]
pub struct Stored<T> {
    /// States that were stored, by state slot.
    states: Vec<Vec<Vec<T>>>,
    /// Chunks that wait for their way back, with their numbers.
    pieces: Vec<(usize, StoredPiece<T>)>,
}

impl<T> Default for Stored<T> {
    fn default() -> Stored<T> {
        Stored { states: Vec::new(), pieces: Vec::new() }
    }
}
