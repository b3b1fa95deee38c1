//! The way there and back over chunks of time, as a list of what to do.

use super::optimal::{Choice, Strategy};

/// One thing to do. There is a state of the moment; chunks are named by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Run a chunk from the state of the moment, which moves on.
    Advance(usize),
    /// The same, and keep it for its way back.
    Keep(usize),
    /// Go back over a chunk: one that is kept, or else one that runs from the state of the moment first.
    Back(usize),
    /// Store the state of the moment.
    Store,
    /// Take up the state that was stored last, or the initial one.
    Load,
    /// Forget the state that was stored last.
    Drop,
}

enum Task {
    Do(Action),
    Solve { first: usize, end: usize, room: usize, stored: bool },
}

/// All actions for `chunks` chunks with `room` units of memory; none where there is no way.
pub fn itinerary(strategy: &dyn Strategy, chunks: usize, room: usize) -> Option<Vec<Action>> {
    let mut actions = Vec::new();
    // tasks rather than calls: states alone nest as deep as there are chunks
    let mut tasks = vec![Task::Solve { first: 0, end: chunks, room, stored: true }];
    while let Some(task) = tasks.pop() {
        let (first, end, room, stored) = match task {
            Task::Do(action) => {
                actions.push(action);
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

    /// Follows the actions; returns the forward runs, and the most that was held at once.
    fn followed(actions: &[Action], chunks: usize, kept_takes: usize) -> (usize, usize) {
        let (mut now, mut stored, mut kept, mut left) = (0, vec![0], Vec::new(), chunks);
        let (mut runs, mut most) = (0, 0);
        for action in actions {
            match *action {
                Action::Advance(chunk) | Action::Keep(chunk) => {
                    assert_eq!(now, chunk, "a chunk runs from the state before it");
                    (now, runs) = (chunk + 1, runs + 1);
                    if *action == Action::Keep(chunk) {
                        kept.push(chunk);
                    }
                }
                Action::Back(chunk) => {
                    assert_eq!(chunk + 1, left, "the way back goes from the last to the first");
                    left = chunk;
                    if kept.last() == Some(&chunk) {
                        kept.pop();
                    } else {
                        assert_eq!(now, chunk);
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
        for (chunks, room, kept) in
            [(1, 0, 5), (2, 0, 5), (9, 0, 5), (20, 3, 5), (33, 31, 7), (33, 64, 7), (64, 511, 16)]
        {
            let table = Table::new(chunks, room, kept);
            let actions = itinerary(&table, chunks, room).unwrap();
            let (runs, most) = followed(&actions, chunks, kept);
            assert_eq!(runs as u32, table.cost(chunks), "{chunks} chunks, {room} units");
            assert!(most <= room, "{chunks} chunks hold {most} of {room} units");
        }
    }

    #[test]
    fn actions_of_the_binomial_schedule_cost_and_hold_what_it_says() {
        for (chunks, room) in [(1, 0), (7, 0), (500, 3), (3907, 12), (3907, 3905)] {
            let (count, most) = followed(&itinerary(&Binomial, chunks, room).unwrap(), chunks, 0);
            assert_eq!((count as u64, most <= room), (runs(chunks, room), true), "{chunks} chunks in {room}");
        }
    }
}
