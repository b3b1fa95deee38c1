//! The forward and backward pass over segments of time, as a list of actions.

use crate::memory::{make_room, push};
use crate::team;

use super::optimal::{Choice, Strategy};

/// One action on the current state. Segments are identified by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Run a segment from the current state, which moves to the end of the segment.
    Advance(usize),
    /// The same, and keep the segment's values for its backward pass.
    Keep(usize),
    /// Run the backward pass of a segment. A segment that was not kept runs forward from the current state first.
    Back(usize),
    /// Store the current state.
    Store,
    /// Load the state that was stored last, or the initial one.
    Load,
    /// Drop the state that was stored last.
    Drop,
}

enum Task {
    Do(Action),
    Solve { first: usize, end: usize, room: usize, stored: bool },
}

/// All actions for `segments` segments with `room` units of memory; None if the memory does not suffice.
pub fn itinerary(strategy: &dyn Strategy, segments: usize, room: usize) -> Option<Vec<Action>> {
    let mut actions = Vec::new();
    // a stack of tasks instead of recursion: with stored states only, the depth is the number of segments
    let mut tasks = vec![Task::Solve { first: 0, end: segments, room, stored: true }];
    while let Some(task) = tasks.pop() {
        team::pause();
        let (first, end, room, stored) = match task {
            Task::Do(action) => {
                push(&mut actions, action);
                continue;
            }
            Task::Solve { first, end, .. } if end - first <= 1 => {
                actions.extend((first..end).map(Action::Back));
                continue;
            }
            Task::Solve { first, end, room, stored } => (first, end, room, stored),
        };
        let n = end - first;
        let choice = if stored { strategy.stored(n, room) } else { strategy.current(n, room) };
        match choice {
            Choice::Nothing => return None,
            Choice::Keep => {
                actions.push(Action::Keep(first));
                tasks.push(Task::Do(Action::Back(first)));
                let room = room - strategy.kept();
                tasks.push(Task::Solve { first: first + 1, end, room, stored: false });
            }
            Choice::Store => {
                actions.push(Action::Store);
                tasks.push(Task::Do(Action::Drop));
                tasks.push(Task::Solve { first, end, room: room - 1, stored: true });
            }
            Choice::Split(k) => {
                make_room(&mut actions, k);
                actions.extend((first..first + k).map(Action::Advance));
                tasks.push(Task::Solve { first, end: first + k, room, stored: true });
                tasks.push(Task::Do(Action::Load));
                tasks.push(Task::Solve { first: first + k, end, room, stored: false });
            }
        }
    }
    Some(actions)
}

#[cfg(test)]
mod tests {
    use super::super::binomial::{Binomial, runs};
    use super::super::optimal::Table;
    use super::*;

    /// Follows the actions; returns the number of forward runs, and the peak of memory in units.
    fn followed(actions: &[Action], segments: usize, kept_takes: usize) -> (usize, usize) {
        let (mut now, mut stored, mut kept, mut left) = (0, vec![0], Vec::new(), segments);
        let (mut runs, mut most) = (0, 0);
        for action in actions {
            match *action {
                Action::Advance(segment) | Action::Keep(segment) => {
                    assert_eq!(now, segment, "a segment runs from the state before it");
                    (now, runs) = (segment + 1, runs + 1);
                    if *action == Action::Keep(segment) {
                        kept.push(segment);
                    }
                }
                Action::Back(segment) => {
                    assert_eq!(segment + 1, left, "the backward pass runs from the last to the first");
                    left = segment;
                    if kept.last() == Some(&segment) {
                        kept.pop();
                    } else {
                        assert_eq!(now, segment);
                        runs += 1;
                    }
                }
                Action::Store => stored.push(now),
                Action::Load => now = stored[stored.len() - 1],
                Action::Drop => drop(stored.pop()),
            }
            most = most.max(stored.len() - 1 + kept.len() * kept_takes);
        }
        assert_eq!((left, stored.len(), kept.len()), (0, 1, 0));
        (runs, most)
    }

    #[test]
    fn actions_cost_and_hold_what_the_table_says() {
        for (segments, room, kept) in
            [(1, 0, 5), (2, 0, 5), (9, 0, 5), (20, 3, 5), (33, 31, 7), (33, 64, 7), (64, 511, 16)]
        {
            let table = Table::new(segments, room, kept);
            let actions = itinerary(&table, segments, room).unwrap();
            let (runs, most) = followed(&actions, segments, kept);
            assert_eq!(runs as u32, table.cost(segments), "{segments} segments, {room} units");
            assert!(most <= room, "{segments} segments hold {most} of {room} units");
        }
    }

    #[test]
    fn actions_of_the_binomial_schedule_cost_and_hold_what_it_says() {
        for (segments, room) in [(1, 0), (7, 0), (500, 3), (3907, 12), (3907, 3905)] {
            let (count, most) = followed(&itinerary(&Binomial, segments, room).unwrap(), segments, 0);
            assert_eq!(
                (count as u64, most <= room),
                (runs(segments, room), true),
                "{segments} segments in {room}"
            );
        }
    }
}
