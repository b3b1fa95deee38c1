//! The continuations of hypotheses: log-probabilities, and the best of them.

use crate::kernel::{Dst, Float, Kernels, Reduce, Src};

use super::super::graph::{NetError, expect_len};
use super::search::Search;

/// A hypothesis of the beam with one id more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The place of the hypothesis in the beam.
    pub parent: usize,
    pub id: usize,
    /// The log-probability of the id.
    pub step: f64,
    /// The log-probability of all ids.
    pub total: f64,
}

/// Which ids may follow a hypothesis.
#[derive(Debug, Clone, Copy)]
pub struct Allowed<'a> {
    search: &'a Search,
    forced: Option<usize>,
    repeated: &'a [usize],
    may_end: bool,
}

impl<'a> Allowed<'a> {
    /// For the id after `length` ids of a hypothesis of `row`; `repeated` are ids that would repeat a sequence.
    pub fn new(search: &'a Search, row: usize, length: usize, repeated: &'a [usize]) -> Allowed<'a> {
        let forced = search.forced(row, length);
        Allowed { search, forced, repeated, may_end: length + 1 >= search.least }
    }

    /// The only allowed id.
    pub fn forced(&self) -> Option<usize> {
        self.forced
    }

    pub fn id(&self, id: usize) -> bool {
        !self.search.banned.get(id).is_some_and(|banned| *banned)
            && (self.may_end || self.search.end != Some(id))
            && !self.repeated.contains(&id)
    }

    /// Whether every id is allowed.
    pub fn all(&self) -> bool {
        self.search.banned.is_empty()
            && (self.may_end || self.search.end.is_none())
            && self.repeated.is_empty()
    }
}

/// The logarithm of the sum of the exponentials of logits: what a logit is more than its log-probability. Returns an error
/// for logits of which none is finite, or some is NaN or inf.
pub fn log_sum<T: Float>(kernels: &Kernels<T>, logits: &[T]) -> Result<f64, NetError> {
    let mut sum = T::ZERO;
    let (dst, src) =
        (Dst { ptr: &raw mut sum, row: 1 }, Src { ptr: logits.as_ptr(), row: logits.len(), col: 1 });
    // SAFETY: there is one row of logits, and one result.
    unsafe { (kernels.reduce)(Reduce::LogSumExp, T::ZERO, 1, logits.len(), dst, src) };
    let sum = sum.to_f64();
    if sum.is_finite() {
        return Ok(sum);
    }
    let wrong = logits.iter().map(|x| x.to_f64()).find(|x| !x.is_finite()).unwrap_or(sum);
    Err(NetError::NonFinite(format!("the network predicts {wrong}; are its parameters finite?")))
}

/// The log-probability of one id of each row of logits, (rows, ids). Ids below 0 give 0.
pub fn log_probabilities<T: Float>(
    kernels: &Kernels<T>,
    logits: &[T],
    ids: usize,
    chosen: &[i64],
) -> Result<Vec<f64>, NetError> {
    expect_len("logits", logits.len(), ids * chosen.len())?;
    let rows = logits.chunks_exact(ids.max(1)).zip(chosen);
    rows.map(|(row, &id)| match usize::try_from(id) {
        Err(_) => Ok(0.0),
        Ok(id) if id >= ids => Err(NetError::Config(format!("id {id}; expected ids below {ids}"))),
        Ok(id) => Ok(row[id].to_f64() - log_sum(kernels, row)?),
    })
    .collect()
}

/// Logits whose maximum is computed together: most blocks of a large vocabulary have no candidate.
const BLOCK: usize = 256;
const BLOCKS: usize = 16;

/// The best candidates of a step, best first. Of equal ones, those of the hypothesis that comes first in the beam come first,
/// then those with lower ids.
#[derive(Debug, Clone)]
pub struct Best {
    most: usize,
    pub found: Vec<Candidate>,
}

impl Best {
    pub fn new(most: usize) -> Best {
        Best { most, found: Vec::with_capacity(most + 1) }
    }

    /// Whether candidates may have been left out.
    pub fn is_full(&self) -> bool {
        self.found.len() == self.most
    }

    /// Adds the continuations of a hypothesis. Hypotheses come in the order of the beam.
    pub fn add<T: Float>(
        &mut self,
        kernels: &Kernels<T>,
        (parent, before): (usize, f64),
        logits: &[T],
        allowed: &Allowed,
    ) -> Result<(), NetError> {
        let sum = log_sum(kernels, logits)?;
        let candidate = |id: usize| {
            let step = logits[id].to_f64() - sum;
            Candidate { parent, id, step, total: before + step }
        };
        if let Some(id) = allowed.forced() {
            self.insert(candidate(id));
            return Ok(());
        }
        let all = allowed.all();
        let insert = |best: &mut Best, first: usize, logits: &[T]| {
            for (id, logit) in (first..).zip(logits) {
                // an id of no probability at all is none that may follow
                if (all || allowed.id(id)) && logit.to_f64() > f64::NEG_INFINITY {
                    best.insert(candidate(id));
                }
            }
        };
        let mut maxima = [T::ZERO; BLOCKS];
        let mut first = 0;
        while logits.len() - first >= BLOCK {
            let blocks = ((logits.len() - first) / BLOCK).min(BLOCKS);
            let src = Src { ptr: logits[first..].as_ptr(), row: BLOCK, col: 1 };
            // SAFETY: there are `blocks` rows of `BLOCK` logits from `first` on, and at least as many results.
            unsafe {
                let dst = Dst { ptr: maxima.as_mut_ptr(), row: 1 };
                (kernels.reduce)(Reduce::Max, T::ZERO, blocks, BLOCK, dst, src);
            }
            for max in &maxima[..blocks] {
                // sums are monotonic, rounded too: no candidate of the block is better than its maximum
                if self.may_insert(before + (max.to_f64() - sum)) {
                    insert(self, first, &logits[first..first + BLOCK]);
                }
                first += BLOCK;
            }
        }
        insert(self, first, &logits[first..]);
        Ok(())
    }

    /// Whether a candidate with this log-probability is among the best, if none better follows.
    fn may_insert(&self, total: f64) -> bool {
        !self.is_full() || self.found.last().is_some_and(|last| total > last.total)
    }

    #[inline]
    fn insert(&mut self, candidate: Candidate) {
        if !self.may_insert(candidate.total) {
            return;
        }
        let place = self.found.partition_point(|other| other.total >= candidate.total);
        self.found.insert(place, candidate);
        self.found.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::super::penalty::Penalty;
    use super::super::search::{Beam, Method};
    use super::*;
    use crate::kernel::Isa;

    /// Logits that are often equal, with some of no probability.
    fn logits(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            state >> 33
        };
        let one =
            |word: u64| if word.is_multiple_of(7) { f32::NEG_INFINITY } else { (word % 1000) as f32 / 50.0 };
        (0..count).map(|_| one(next())).collect()
    }

    #[test]
    fn candidates_in_blocks_are_those_of_a_sorted_list() {
        let ids = 3 * BLOCKS * BLOCK + 77;
        let mut search = Search {
            begin: vec![0],
            end: Some(1),
            most: vec![9],
            least: 0,
            banned: Vec::new(),
            unrepeated: 0,
            forced: Vec::new(),
            method: Method::Beam(Beam { width: 5, best: 1, penalty: Penalty::None }),
        };
        for (ids, banned) in [(ids, false), (BLOCK, true), (ids, true), (5, false), (BLOCK - 1, true)] {
            search.banned = if banned { (0..ids).map(|id| id % 3 == 0).collect() } else { Vec::new() };
            let allowed = Allowed::new(&search, 0, 0, &[]);
            for isa in Isa::available() {
                let kernels = f32::kernels(isa);
                for width in [1, 10, ids + 1] {
                    let mut best = Best::new(width);
                    let mut every = Vec::new();
                    for (parent, before) in [(0, -1.0), (1, -2.5), (2, -2.5)] {
                        let logits = logits(ids, parent as u64 / 2 + 5);
                        best.add(kernels, (parent, before), &logits, &allowed).unwrap();
                        let sum = log_sum(kernels, &logits).unwrap();
                        for (id, logit) in logits.iter().enumerate() {
                            let step = f64::from(*logit) - sum;
                            if allowed.id(id) && step > f64::NEG_INFINITY {
                                every.push(Candidate { parent, id, step, total: before + step });
                            }
                        }
                    }
                    every.sort_by(|a, b| b.total.total_cmp(&a.total)); // stable
                    every.truncate(width);
                    assert_eq!(best.found, every, "{isa:?} {ids} {width}");
                }
            }
        }
    }
}
