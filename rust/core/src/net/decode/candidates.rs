//! The continuations of hypotheses: log-probabilities, and the best of them.

use crate::kernel::{Dst, Float, Kernels, Reduce, Src};
use crate::memory::resized;

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

/// Logits that are read together: they fit the first cache, so the maximum and the sum of the exponentials read memory once.
const WIDE: usize = 1024;

/// The logarithm of the sum of the exponentials of a row of logits: the difference of a logit and its log-probability.
#[derive(Debug, Clone, Default)]
pub struct LogSum<T> {
    /// By block of `WIDE` logits, of the last row; empty for few logits.
    largest: Vec<T>,
    /// The sum of exp(logit - largest) of each block.
    sums: Vec<T>,
}

impl<T: Float> LogSum<T> {
    /// Returns an error for logits of which none is finite, or some is NaN or inf.
    pub fn of(&mut self, kernels: &Kernels<T>, logits: &[T]) -> Result<f64, NetError> {
        self.largest.clear();
        let sum = if logits.len() < 2 * WIDE { few(kernels, logits) } else { self.many(kernels, logits) };
        if sum.is_finite() {
            return Ok(sum);
        }
        let wrong = logits.iter().map(|x| x.to_f64()).find(|x| !x.is_finite()).unwrap_or(sum);
        Err(NetError::NonFinite(format!("the network predicts {wrong}; are its parameters finite?")))
    }

    fn many(&mut self, kernels: &Kernels<T>, logits: &[T]) -> f64 {
        let (blocks, rest) = (logits.len() / WIDE, logits.len() % WIDE);
        for values in [&mut self.largest, &mut self.sums] {
            values.clear();
            resized(values, blocks + 1, T::ZERO);
        }
        let (whole, tail) = logits.split_at(blocks * WIDE);
        let (src, last) = (whole.as_ptr(), tail.as_ptr());
        let (largest, sums) = (self.largest.as_mut_ptr(), self.sums.as_mut_ptr());
        // SAFETY: there are `blocks` rows of `WIDE` logits and one of `rest`, and a number more of each result than blocks.
        unsafe {
            (kernels.exp_sums)(blocks, WIDE, largest, sums, Src { ptr: src, row: WIDE, col: 1 });
            let src = Src { ptr: last, row: rest, col: 1 };
            (kernels.exp_sums)(1, rest, largest.add(blocks), sums.add(blocks), src);
        }
        let most = self.largest.iter().fold(f64::NEG_INFINITY, |most, x| {
            let x = x.to_f64();
            if x > most || x.is_nan() { x } else { most }
        });
        if !most.is_finite() {
            return most;
        }
        let blocks = self.largest.iter().zip(&self.sums);
        let sum: f64 = blocks.map(|(largest, sum)| sum.to_f64() * (largest.to_f64() - most).exp()).sum();
        most + sum.ln()
    }

    /// A logit of the last row that at least `count` of its logits reach; -inf if it is not known.
    fn reached_by(&self, count: usize) -> f64 {
        if count == 0 || count > self.largest.len() {
            return f64::NEG_INFINITY;
        }
        let mut largest: Vec<f64> = self.largest.iter().map(|x| x.to_f64()).collect();
        *largest.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a)).1
    }
}

fn few<T: Float>(kernels: &Kernels<T>, logits: &[T]) -> f64 {
    let mut sum = T::ZERO;
    let (dst, src) =
        (Dst { ptr: &raw mut sum, row: 1 }, Src { ptr: logits.as_ptr(), row: logits.len(), col: 1 });
    // SAFETY: there is one row of logits, and one result.
    unsafe { (kernels.reduce)(Reduce::LogSumExp, T::ZERO, 1, logits.len(), dst, src) };
    sum.to_f64()
}

/// The log-probability of one id of each row of logits, (rows, ids). Ids below 0 give 0.
pub fn log_probabilities<T: Float>(
    kernels: &Kernels<T>,
    logits: &[T],
    ids: usize,
    chosen: &[i64],
) -> Result<Vec<f64>, NetError> {
    expect_len("logits", logits.len(), ids * chosen.len())?;
    let mut sums = LogSum::default();
    let rows = logits.chunks_exact(ids.max(1)).zip(chosen);
    rows.map(|(row, &id)| match usize::try_from(id) {
        Err(_) => Ok(0.0),
        Ok(id) if id >= ids => Err(NetError::Config(format!("id {id}; expected ids below {ids}"))),
        Ok(id) => Ok(row[id].to_f64() - sums.of(kernels, row)?),
    })
    .collect()
}

/// Logits whose maximum is computed together: most blocks of a large vocabulary have no candidate.
const BLOCK: usize = 64;
const BLOCKS: usize = WIDE / BLOCK;

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
        (kernels, sums): (&Kernels<T>, &mut LogSum<T>),
        (parent, before): (usize, f64),
        logits: &[T],
        allowed: &Allowed,
    ) -> Result<(), NetError> {
        let sum = sums.of(kernels, logits)?;
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
        // below it are none of the best of this hypothesis alone
        let least = if all { sums.reached_by(self.most) } else { f64::NEG_INFINITY };
        // sums are monotonic, rounded too: no candidate of a block is better than its maximum
        let may = |best: &Best, max: f64| max >= least && best.may_insert(before + (max - sum));
        let mut maxima = [T::ZERO; BLOCKS];
        for (block, wide) in logits.chunks(WIDE).enumerate() {
            if sums.largest.get(block).is_some_and(|max| !may(self, max.to_f64())) {
                continue;
            }
            let (first, blocks) = (block * WIDE, wide.len() / BLOCK);
            let src = Src { ptr: wide.as_ptr(), row: BLOCK, col: 1 };
            // SAFETY: there are `blocks` rows of `BLOCK` logits, and at least as many results.
            unsafe {
                let dst = Dst { ptr: maxima.as_mut_ptr(), row: 1 };
                (kernels.reduce)(Reduce::Max, T::ZERO, blocks, BLOCK, dst, src);
            }
            for (at, (max, logits)) in maxima.iter().zip(wide.chunks_exact(BLOCK)).enumerate() {
                if may(self, max.to_f64()) {
                    insert(self, first + at * BLOCK, logits);
                }
            }
            insert(self, first + blocks * BLOCK, &wide[blocks * BLOCK..]);
        }
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
        let ids = 12 * WIDE + 77;
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
        for (ids, banned) in [
            (ids, false),
            (BLOCK, true),
            (ids, true),
            (5, false),
            (BLOCK - 1, true),
            (2 * WIDE, false),
            (2 * WIDE - 1, true),
        ] {
            search.banned = if banned { (0..ids).map(|id| id % 3 == 0).collect() } else { Vec::new() };
            let allowed = Allowed::new(&search, 0, 0, &[]);
            for isa in Isa::available() {
                let kernels = f32::kernels(isa);
                for width in [1, 10, ids + 1] {
                    let mut best = Best::new(width);
                    let (mut every, mut sums) = (Vec::new(), LogSum::default());
                    for (parent, before) in [(0, -1.0), (1, -2.5), (2, -2.5)] {
                        let logits = logits(ids, parent as u64 / 2 + 5);
                        best.add((kernels, &mut sums), (parent, before), &logits, &allowed).unwrap();
                        let sum = sums.of(kernels, &logits).unwrap();
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

    #[test]
    fn sums_in_blocks_are_sums() {
        for isa in Isa::available() {
            let (single, double) = (f32::kernels(isa), f64::kernels(isa));
            for (ids, far) in
                [(2 * WIDE - 1, 0.0), (2 * WIDE, 0.0), (5 * WIDE + 1, 1e4), (3 * WIDE + 999, -1e4)]
            {
                let mut logits: Vec<f64> = logits(ids, 3).into_iter().map(f64::from).collect();
                logits[WIDE..2 * WIDE - 5].iter_mut().for_each(|x| *x = f64::NEG_INFINITY);
                logits[ids - 1] += far;
                let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let truth = most + logits.iter().map(|x| (x - most).exp()).sum::<f64>().ln();
                let narrow: Vec<f32> = logits.iter().map(|x| *x as f32).collect();
                let (found, rounded) = (
                    LogSum::default().of(double, &logits).unwrap(),
                    LogSum::default().of(single, &narrow).unwrap(),
                );
                // relative to numbers of about 20, or 10,000
                assert!(
                    (found - truth).abs() <= 1e-15 * most.abs().max(1.0) * 8.0,
                    "{isa:?} {ids} {found} {truth}"
                );
                assert!(
                    (rounded - truth).abs() <= 1e-6 * most.abs().max(1.0),
                    "{isa:?} {ids} {rounded} {truth}"
                );
                for wrong in [f64::NAN, f64::INFINITY] {
                    for at in [0, WIDE + 3, ids - 1] {
                        let mut logits = logits.clone();
                        logits[at] = wrong;
                        assert!(LogSum::default().of(double, &logits).is_err(), "{isa:?} {ids} {wrong} {at}");
                    }
                }
                let none = vec![f64::NEG_INFINITY; ids];
                assert!(LogSum::default().of(double, &none).is_err(), "{isa:?} {ids}");
            }
        }
    }
}
