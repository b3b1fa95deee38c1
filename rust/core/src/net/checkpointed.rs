//! Checkpointed BPTT of a unit: exact, in the memory that a schedule was made for.
//!
//! Time is cut into chunks. The way back goes over them from the last to the first; what it needs of a chunk was kept when the
//! chunk ran, or the chunk runs again from a state that was stored before it, or before chunks before it. `schedule` says in
//! which order, `optimal` why so.
//!
//! The bits are those of full BPTT. A chunk begins between blocks of time, so the weight gradients are summed over the same
//! blocks in the same order; loss terms are summed when a chunk runs for the first time, so in the order of time.

use crate::time::{Scratch, SlotGradients};

use super::itinerary::Action;
use super::layerwise::layerwise;
use super::passage::{Passage, Passed, Piece};
use super::penalty::Terms;
use super::pool::{Pooled, lock};
use super::schedule::UnitSchedule;
use super::unit_back::UnitGradients;

/// Runs a unit by its schedule.
pub fn checkpointed<T: Pooled>(
    passage: &Passage<T>,
    input: &mut Vec<T>,
    schedule: &UnitSchedule,
    slots: &mut [SlotGradients<T>],
    scratch: &mut Scratch<T>,
) -> Passed<T> {
    let geometry = passage.geometry;
    if schedule.chunk >= geometry.steps() && schedule.actions.is_some() {
        return passage.full(input, slots, scratch);
    }
    let Some(actions) = &schedule.actions else {
        return layerwise(passage, input, schedule.chunk, slots, scratch);
    };
    scratch.frugal(schedule.room.map(|(_, total)| (total, schedule.bytes)));
    if let Some((rows, total)) = schedule.room {
        scratch.in_pieces(rows, total);
    }
    let run = |chunk: usize, states: &[Vec<T>], scratch: &mut Scratch<T>| {
        let span = chunk * schedule.chunk..((chunk + 1) * schedule.chunk).min(geometry.steps());
        passage.there(span, input, states, scratch)
    };
    let pool = T::pool(&passage.shared.network.pools);
    let Stored { mut states, mut pieces } = lock(pool).stored.pop().unwrap_or_default();
    let mut terms = Terms::default();
    let mut seen = 0;
    let mut now = scratch.spare.copies(passage.initial);
    let mut finals = None;
    let mut d_input = passage.no_input_gradient(scratch);
    let mut d_states = passage.no_gradient(scratch);
    for action in actions {
        match *action {
            Action::Advance(chunk) | Action::Keep(chunk) => {
                let mut piece = run(chunk, &now, scratch);
                if chunk == seen {
                    passage.loss_of(&piece, &mut terms, scratch);
                    seen += 1;
                }
                let after = std::mem::take(&mut piece.run.finals);
                scratch.spare.keep_list(std::mem::replace(&mut now, after));
                if let Action::Keep(_) = action {
                    pieces.push((chunk, piece));
                } else {
                    let finals = piece.retired(scratch);
                    scratch.spare.keep_list(finals);
                }
            }
            Action::Back(chunk) => {
                let mut piece = match pieces.pop_if(|(number, _)| *number == chunk) {
                    Some((_, piece)) => piece,
                    None => run(chunk, &now, scratch),
                };
                // the last chunk is the only one that has not been seen
                let mut again = Terms::default();
                let sum = if chunk == seen { &mut terms } else { &mut again };
                let d = passage.back(&piece, 0, &d_states, sum, slots, scratch);
                passage.add_input_gradient(&piece, &d.d_input, &mut d_input);
                scratch.spare.keep(d.d_input);
                scratch.spare.keep_list(std::mem::replace(&mut d_states, d.d_initial));
                // the first way back is that of the last chunk
                if finals.is_none() {
                    finals = Some(std::mem::take(&mut piece.run.finals));
                }
                let last = piece.retired(scratch);
                scratch.spare.keep_list(last);
            }
            Action::Store => states.push(scratch.spare.copies(&now)),
            Action::Load => {
                let from = states.last().map_or(passage.initial, |stored| &stored[..]);
                now.iter_mut().zip(from).for_each(|(now, from)| now.clone_from(from));
            }
            Action::Drop => {
                let last = states.pop();
                last.into_iter().for_each(|stored| scratch.spare.keep_list(stored));
            }
        }
    }
    scratch.generous();
    lock(pool).stored.push(Stored { states, pieces });
    let gradients = UnitGradients { d_input, d_initial: d_states };
    let finals = match finals {
        Some(finals) => {
            scratch.spare.keep_list(now);
            finals
        }
        None => now,
    };
    Passed { terms, gradients, finals }
}

/// What is kept between chunks; empty between units.
#[derive(Debug)]
pub struct Stored<T> {
    /// States that were stored, by state slot.
    states: Vec<Vec<Vec<T>>>,
    /// Chunks that wait for their way back, with their numbers.
    pieces: Vec<(usize, Piece<'static, T>)>,
}

impl<T> Default for Stored<T> {
    fn default() -> Stored<T> {
        Stored { states: Vec::new(), pieces: Vec::new() }
    }
}
