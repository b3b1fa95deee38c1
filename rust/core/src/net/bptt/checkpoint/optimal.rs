//! The cheapest way back over chunks of time in little memory, by dynamic programming.
//!
//! The way back needs what each chunk's forward run keeps, from the last chunk to the first. Memory is counted in units: a
//! *state* at a border between chunks takes one, what a chunk *keeps* takes `kept`. Besides, there is room for one chunk that
//! runs and goes back, and for the state that it begins with. Costs are forward runs of chunks.
//!
//! With n chunks ahead whose first state is stored, and room for m units:
//!   stored(n, m) = min(1 + current(n - 1, m - kept),                    keep the first chunk, go on with the others
//!                      min over k: k + current(n - k, m) + stored(k, m))  run k, the others, then come back to these k
//! and where their first state is only that of the moment:
//!   current(n, m) = min(1 + current(n - 1, m - kept), stored(n, m - 1)).
//! One chunk costs one run.
//!
//! Source: Gruslys et al. 2016, "Memory-efficient backpropagation through time", section 3.4 (mixed strategy: hidden states
//! and internal states), with the first state of a piece counted where it is stored.

/// What to do first with chunks that are ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Run the first and keep it for its way back.
    Keep,
    /// Run so many, go back over the others, return.
    Split(usize),
    /// Store the state of the moment.
    Store,
    /// There is no room.
    Nothing,
}

/// A strategy: what to do with `n` > 1 chunks and room for `m`.
pub trait Strategy {
    /// The state before them is stored.
    fn stored(&self, n: usize, m: usize) -> Choice;
    /// The state before them is that of the moment.
    fn current(&self, n: usize, m: usize) -> Choice;
    /// What a kept chunk takes.
    fn kept(&self) -> usize;
}

/// No way within the memory.
pub const IMPOSSIBLE: u32 = u32::MAX / 4;

/// The optimum for up to so many chunks in up to so much memory.
#[derive(Debug)]
pub struct Table {
    memory: usize,
    kept: usize,
    /// By n * (memory + 1) + m: the state before the chunks is stored, or of the moment.
    stored: Vec<Entry>,
    current: Vec<Entry>,
}

/// Forward runs, and the first of what leads to them: `KEEP`, `STORE`, or where to split.
type Entry = (u32, u16);
const KEEP: u16 = u16::MAX;
const STORE: u16 = u16::MAX - 1;

impl Table {
    pub fn new(chunks: usize, memory: usize, kept: usize) -> Table {
        let width = memory + 1;
        let at = |n: usize| n * width..(n + 1) * width;
        let mut stored: Vec<Entry> = vec![(IMPOSSIBLE, 0); (chunks + 1) * width];
        let mut current = stored.clone();
        for n in 0..=chunks.min(1) {
            stored[at(n)].fill((n as u32, 0));
            current[at(n)].fill((n as u32, 0));
        }
        for n in 2..=chunks {
            let mut best = vec![(IMPOSSIBLE, 0); width];
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

    /// Forward runs over the `n` chunks of a whole sequence; `IMPOSSIBLE` or more where there is no way.
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
                assert_eq!(u64::from(table.cost(n)), runs(n, memory), "{n} chunks, {memory} states");
            }
        }
    }

    #[test]
    fn the_split_of_the_binomial_schedule_costs_what_it_says() {
        for (n, m) in [(2, 0), (3, 1), (17, 2), (60, 5), (60, 58), (4000, 12)] {
            let Choice::Split(k) = Binomial.stored(n, m) else { panic!("no split of {n} in {m}") };
            let right = if n - k == 1 { 1 } else { runs(n - k, m - 1) };
            assert_eq!(k as u64 + right + runs(k, m), runs(n, m), "{n} chunks, {m} states");
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
        // 5 are kept beside the one that runs; those before them come back in pieces of 6, with states between
        let states = (20usize - 6).div_ceil(6) - 1;
        assert_eq!(Table::new(20, 5 * 10 + states, 10).cost(20), 20 + 14);
    }
}
