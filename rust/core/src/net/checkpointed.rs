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
use super::pool::Pooled;
use super::schedule::UnitSchedule;
use super::unit::UnitGradients;

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
    scratch.frugal(true);
    let run = |chunk: usize, states: &[Vec<T>], scratch: &mut Scratch<T>| {
        let span = chunk * schedule.chunk..((chunk + 1) * schedule.chunk).min(geometry.steps());
        passage.there(span, input, states, scratch)
    };
    let mut terms = Terms::default();
    let mut seen = 0;
    let mut now = passage.initial.to_vec();
    let mut stored: Vec<Vec<Vec<T>>> = Vec::new();
    let mut kept: Vec<(usize, Piece<'static, T>)> = Vec::new();
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
                now = std::mem::take(&mut piece.run.finals);
                if let Action::Keep(_) = action {
                    kept.push((chunk, piece));
                } else {
                    piece.retired(scratch);
                }
            }
            Action::Back(chunk) => {
                let mut piece = match kept.pop_if(|(number, _)| *number == chunk) {
                    Some((_, piece)) => piece,
                    None => run(chunk, &now, scratch),
                };
                // the last chunk is the only one that has not been seen
                let mut again = Terms::default();
                let sum = if chunk == seen { &mut terms } else { &mut again };
                let d = passage.back(&piece, 0, &d_states, sum, slots, scratch);
                passage.add_input_gradient(&piece, &d.d_input, &mut d_input);
                d_states = d.d_initial;
                // the first way back is that of the last chunk
                finals.get_or_insert(std::mem::take(&mut piece.run.finals));
                piece.retired(scratch);
            }
            Action::Store => stored.push(now.clone()),
            Action::Load => now = stored.last().map_or_else(|| passage.initial.to_vec(), Vec::clone),
            Action::Drop => drop(stored.pop()),
        }
    }
    scratch.frugal(false);
    let gradients = UnitGradients { d_input, d_initial: d_states };
    Passed { terms, gradients, finals: finals.unwrap_or(now) }
}
