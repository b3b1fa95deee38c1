//! The cheapest schedule of checkpointed BPTT within a memory budget, by dynamic programming.
//!
//! The backward pass needs the saved values of each segment's forward run, from the last segment to the first. Memory is
//! counted in units: a *state* at a segment boundary takes one, the values *kept* for a segment take `kept`. In addition, there
//! is room for the segment that runs forward and backward, and for the state that it starts from. Costs are forward runs of
//! segments.
//!
//! With n segments ahead whose first state is stored, and room for m units:
//!   stored(n, m) = min(1 + current(n - 1, m - kept),                    keep the first segment, continue with the others
//!                      min over k: k + current(n - k, m) + stored(k, m))  run k, do the others, then return to these k
//! and if their first state is only the current state:
//!   current(n, m) = min(1 + current(n - 1, m - kept), stored(n, m - 1)).
//! One segment costs one run.
//!
//! Source: Gruslys et al. 2016, "Memory-efficient backpropagation through time", section 3.4 (mixed strategy: hidden states
//! and internal states), with the first state of a piece counted where it is stored.

use crate::memory::{copied, resized, with_room};

/// The first decision about the remaining segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Run the first segment and keep its values for its backward pass.
    Keep,
    /// Run this many segments, complete the others, then return.
    Split(usize),
    /// Store the current state.
    Store,
    /// The memory does not suffice.
    Nothing,
}

/// A strategy: what to do with `n` > 1 segments and room for `m` units.
pub trait Strategy {
    /// If the state before the segments is stored.
    fn stored(&self, n: usize, m: usize) -> Choice;
    /// If the state before the segments is the current state.
    fn current(&self, n: usize, m: usize) -> Choice;
    /// The units that a kept segment takes.
    fn kept(&self) -> usize;
}

/// The cost if the memory does not suffice.
pub const IMPOSSIBLE: u32 = u32::MAX / 4;

/// The optimum for all numbers of segments and units of memory up to a maximum.
#[derive(Debug)]
pub struct Table {
    memory: usize,
    kept: usize,
    /// By n * (memory + 1) + m: the entries of `stored` and of `current`.
    stored: Vec<Entry>,
    current: Vec<Entry>,
}

/// The number of forward runs, and the first action of the optimum: `KEEP`, `STORE`, or where to split.
type Entry = (u32, u16);
const KEEP: u16 = u16::MAX;
const STORE: u16 = u16::MAX - 1;

impl Table {
    pub fn new(segments: usize, memory: usize, kept: usize) -> Table {
        let width = memory + 1;
        let at = |n: usize| n * width..(n + 1) * width;
        let mut stored: Vec<Entry> = with_room((segments + 1) * width);
        stored.resize((segments + 1) * width, (IMPOSSIBLE, 0));
        let mut current = copied(&stored);
        for n in 0..=segments.min(1) {
            stored[at(n)].fill((n as u32, 0));
            current[at(n)].fill((n as u32, 0));
        }
        let mut best = Vec::new();
        for n in 2..=segments {
            best.clear();
            resized(&mut best, width, (IMPOSSIBLE, 0));
            for (m, best) in best.iter_mut().enumerate().skip(kept) {
                *best = (1 + current[at(n - 1)][m - kept].0, KEEP);
            }
            current[at(n)].copy_from_slice(&best);
            for k in 1..n {
                let (right, left) = (&current[at(n - k)], &stored[at(k)]);
                for ((best, right), left) in best.iter_mut().zip(right).zip(left) {
                    let cost = k as u32 + right.0 + left.0;
                    if cost < best.0 {
                        *best = (cost, k as u16);
                    }
                }
            }
            stored[at(n)].copy_from_slice(&best);
            for (entry, before) in current[at(n)].iter_mut().skip(1).zip(&best) {
                if before.0 < entry.0 {
                    *entry = (before.0, STORE);
                }
            }
        }
        Table { memory, kept, stored, current }
    }

    /// Forward runs over the `n` segments of a whole sequence; `IMPOSSIBLE` or more if the memory does not suffice.
    #[cfg(test)]
    pub fn cost(&self, n: usize) -> u32 {
        self.stored[n * (self.memory + 1) + self.memory].0
    }

    fn choice(&self, entries: &[Entry], n: usize, m: usize) -> Choice {
        match entries[n * (self.memory + 1) + m] {
            (cost, _) if cost >= IMPOSSIBLE => Choice::Nothing,
            (_, KEEP) => Choice::Keep,
            (_, STORE) => Choice::Store,
            (_, k) => Choice::Split(usize::from(k)),
        }
    }
}

impl Strategy for Table {
    fn stored(&self, n: usize, m: usize) -> Choice {
        self.choice(&self.stored, n, m)
    }

    fn current(&self, n: usize, m: usize) -> Choice {
        self.choice(&self.current, n, m)
    }

    fn kept(&self) -> usize {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::super::binomial::{Binomial, runs};
    use super::*;

    #[test]
    fn with_states_alone_it_is_the_binomial_schedule() {
        for memory in 0..12 {
            let table = Table::new(60, memory, usize::MAX);
            for n in 0..=60 {
                assert_eq!(u64::from(table.cost(n)), runs(n, memory), "{n} segments, {memory} states");
            }
        }
    }

    #[test]
    fn the_split_of_the_binomial_schedule_costs_what_it_says() {
        for (n, m) in [(2, 0), (3, 1), (17, 2), (60, 5), (60, 58), (4000, 12)] {
            let Choice::Split(k) = Binomial.stored(n, m) else { panic!("no split of {n} in {m}") };
            let right = if n - k == 1 { 1 } else { runs(n - k, m - 1) };
            assert_eq!(k as u64 + right + runs(k, m), runs(n, m), "{n} segments, {m} states");
        }
    }

    #[test]
    fn with_room_for_all_each_chunk_runs_once() {
        assert_eq!(Table::new(20, 19 * 3, 3).cost(20), 20);
        assert_eq!(Table::new(20, 19 * 3 - 1, 3).cost(20), 21);
    }

    #[test]
    fn with_all_states_each_chunk_but_the_last_runs_twice() {
        assert_eq!(Table::new(20, 18, 100).cost(20), 39);
        assert_eq!(Table::new(20, 17, 100).cost(20), 40);
    }

    #[test]
    fn the_last_chunks_that_are_kept_run_once() {
        // 5 segments are kept besides the one that runs; those before them are recomputed in pieces of 6, with states
        // between
        let states = (20usize - 6).div_ceil(6) - 1;
        assert_eq!(Table::new(20, 5 * 10 + states, 10).cost(20), 20 + 14);
    }
}
