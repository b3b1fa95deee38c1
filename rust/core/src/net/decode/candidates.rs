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
        for (id, logit) in logits.iter().enumerate() {
            // an id of no probability at all is none that may follow
            if (all || allowed.id(id)) && logit.to_f64() > f64::NEG_INFINITY {
                self.insert(candidate(id));
            }
        }
        Ok(())
    }

    #[inline]
    fn insert(&mut self, candidate: Candidate) {
        let is_low = |last: &Candidate| candidate.total <= last.total;
        if self.is_full() && self.found.last().is_none_or(is_low) {
            return;
        }
        let place = self.found.partition_point(|other| other.total >= candidate.total);
        self.found.insert(place, candidate);
        self.found.truncate(self.most);
    }
}
