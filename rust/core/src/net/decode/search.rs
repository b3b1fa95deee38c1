//! What a decoder is asked for.

use super::super::graph::{NetError, expect_len};
use super::penalty::Penalty;

/// A search over the ids that a network predicts, for each row of a batch.
#[derive(Debug, Clone)]
pub struct Search {
    /// By row: the id that is fed at the first step.
    pub begin: Vec<usize>,
    /// The id that ends a hypothesis; it counts as one of its ids. None: all of them have `most` ids.
    pub end: Option<usize>,
    /// By row: the most ids of a hypothesis.
    pub most: Vec<usize>,
    /// The fewest ids of a hypothesis that ends.
    pub least: usize,
    /// By id, whether no hypothesis may have it; empty if all are allowed.
    pub banned: Vec<bool>,
    /// No sequence of so many ids occurs twice in a hypothesis; 0 allows all.
    pub unrepeated: usize,
    /// (rows, steps): the id of each step that is not chosen, or -1.
    pub forced: Vec<i64>,
    pub method: Method,
}

#[derive(Debug, Clone)]
pub enum Method {
    Beam(Beam),
    Sampling(Sampling),
}

/// Beam search. With one hypothesis, the most likely id is chosen at each step.
#[derive(Debug, Clone, Copy)]
pub struct Beam {
    /// Hypotheses that go on at each step.
    pub width: usize,
    /// Hypotheses in the result, at most `width`.
    pub best: usize,
    pub penalty: Penalty,
}

/// Ids drawn by their probabilities.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// Samples of each row.
    pub count: usize,
    /// Divides the logits; 0 chooses the most likely id.
    pub temperature: f64,
    /// Only the most likely ids are drawn.
    pub top_k: usize,
    /// Only the most likely ids that together have at least this probability are drawn.
    pub top_p: f64,
    pub seed: u64,
    /// By row: its number in the address of its noise.
    pub rows: Vec<u32>,
}

impl Search {
    /// The most rows of the network that a sentence needs.
    pub(super) fn width(&self) -> usize {
        match &self.method {
            Method::Beam(beam) => beam.width,
            Method::Sampling(sampling) => sampling.count,
        }
    }

    /// The forced id of a row at a step.
    pub(super) fn forced(&self, row: usize, step: usize) -> Option<usize> {
        let steps = self.forced.len().checked_div(self.most.len())?;
        let id = if step < steps { self.forced[row * steps + step] } else { -1 };
        usize::try_from(id).ok()
    }

    /// Returns an error for numbers that do not fit `rows` rows of `ids` logits, of which the network is fed one of `limit`.
    pub(super) fn check(
        &self,
        rows: usize,
        ids: usize,
        limit: Option<usize>,
        has_weights: bool,
    ) -> Result<(), NetError> {
        let refuse = |text: String| Err(NetError::Config(text));
        let Some(limit) = limit else {
            return refuse("the network is fed features; expected an input of ids".into());
        };
        if ids > limit {
            return refuse(format!("the network predicts {ids} ids, and is fed ids below {limit}"));
        }
        expect_len("begin", self.begin.len(), rows)?;
        if let Some(id) = self.begin.iter().find(|&&id| id >= limit) {
            return refuse(format!("begin has the id {id}; expected ids below {limit}"));
        }
        if self.end.is_some_and(|end| end >= ids) {
            return refuse(format!("end is {}; expected an id below {ids}", self.end.unwrap_or(0)));
        }
        expect_len("max_length", self.most.len(), rows)?;
        if !self.banned.is_empty() {
            expect_len("banned", self.banned.len(), ids)?;
        }
        if rows > 0 && !self.forced.len().is_multiple_of(rows) {
            return Err(NetError::Shape("forced ids: expected as many for each row".into()));
        }
        if let Some(id) = self.forced.iter().find(|&&id| id >= ids as i64) {
            return refuse(format!("a forced id is {id}; expected ids below {ids}"));
        }
        match &self.method {
            Method::Beam(beam) if beam.width == 0 || beam.best == 0 || beam.best > beam.width => {
                refuse(format!("{} of {} hypotheses; expected 1 to all of them", beam.best, beam.width))
            }
            Method::Beam(beam) if beam.penalty.reads_weights() && !has_weights => {
                refuse("a penalty of coverage needs weights on entries".into())
            }
            Method::Sampling(sampling) => {
                expect_len("row ids", sampling.rows.len(), rows)?;
                let right = sampling.temperature >= 0.0 && sampling.top_p > 0.0 && sampling.count > 0;
                if right { Ok(()) } else { refuse("a sampling without draws".into()) }
            }
            Method::Beam(_) => Ok(()),
        }
    }
}
