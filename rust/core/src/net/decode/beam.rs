//! Beam search for one sentence.

use std::cmp::Ordering;

use crate::kernel::{Float, Kernels};
use crate::memory::made;

use super::super::graph::NetError;
use super::candidates::{Allowed, Best, Candidate, LogSum};
use super::hypotheses::{Found, Hypotheses, ROOT};
use super::predicted::Predicted;
use super::search::{self, Search};

/// A hypothesis that goes on.
#[derive(Debug, Clone, Copy)]
struct Live {
    last: usize,
    log_probability: f64,
}

/// The hypotheses of a sentence.
#[derive(Debug, Clone)]
pub struct BeamSearch {
    row: usize,
    options: search::Beam,
    length: usize,
    tree: Hypotheses,
    live: Vec<Live>,
    found: Vec<Found>,
    repeated: Vec<usize>,
}

impl BeamSearch {
    pub fn new(row: usize, options: search::Beam) -> BeamSearch {
        let live = vec![Live { last: ROOT, log_probability: 0.0 }];
        let (tree, found, repeated) = (Hypotheses::default(), Vec::new(), Vec::new());
        BeamSearch { row, options, length: 0, tree, live, found, repeated }
    }

    /// Reads the logits of all live hypotheses, in their order. Returns those that go on: the place of the hypothesis that
    /// each continues, and the id that it is fed; none if the search is over.
    pub fn advance<T: Float>(
        &mut self,
        search: &Search,
        kernels: &Kernels<T>,
        predicted: Predicted<T>,
    ) -> Result<Vec<(usize, usize)>, NetError> {
        let width = self.options.width;
        // each hypothesis has one continuation that ends, so twice the width has enough that go on
        let (mut best, mut sums) = (Best::new(2 * width), LogSum::default());
        for (place, live) in self.live.iter().enumerate() {
            self.repeated.clear();
            self.tree.repeated(live.last, search.unrepeated, &mut self.repeated);
            let allowed = Allowed::new(search, self.row, self.length, &self.repeated);
            best.add((kernels, &mut sums), (place, live.log_probability), predicted.logits(place), &allowed)?;
        }
        if !best.is_full() {
            // no candidate was left out, so a hypothesis without one has no continuation: it is cut
            let goes_on = |place: usize| best.found.iter().any(|one| one.parent == place);
            let dead = (0..self.live.len()).filter(|&place| !goes_on(place)).map(|place| self.live[place]);
            let dead: Vec<Live> = dead.collect();
            dead.iter().for_each(|live| self.keep(live.last, live.log_probability, false));
        }
        let weights = made((0..self.live.len()).map(|place| self.tree.keep(predicted.weights(place))));
        self.length += 1;
        let mut next = Vec::with_capacity(width);
        let mut live = Vec::with_capacity(width);
        for (rank, &Candidate { parent, id, step, total }) in best.found.iter().enumerate() {
            let ends = search.end == Some(id);
            if ends && rank < width {
                let last = self.tree.extend(self.live[parent].last, id, step, weights[parent]);
                self.keep(last, total, true);
            } else if !ends && live.len() < width {
                let last = self.tree.extend(self.live[parent].last, id, step, weights[parent]);
                live.push(Live { last, log_probability: total });
                next.push((parent, id));
            }
        }
        self.live = live;
        let most = search.most[self.row];
        if self.length >= most {
            let cut = std::mem::take(&mut self.live);
            cut.iter().for_each(|live| self.keep(live.last, live.log_probability, false));
        }
        if self.is_over(most) {
            next.clear();
        }
        Ok(next)
    }

    /// Whether no live hypothesis can still be among the best.
    fn is_over(&self, most: usize) -> bool {
        let worst = match self.found.get(self.options.best - 1) {
            _ if self.live.is_empty() => return true,
            Some(worst) => worst.score,
            None => return false,
        };
        let bound = |live: &Live| self.options.penalty.bound(live.log_probability, self.length, most);
        self.live.iter().all(|live| bound(live) <= worst)
    }

    /// Adds a hypothesis to the result if it is among the best: by its score, then the shorter, then that with lower ids.
    fn keep(&mut self, last: usize, log_probability: f64, finished: bool) {
        let (ids, log_probabilities) = self.tree.ids(last);
        let (weights, entries) = (self.tree.weights(last), self.tree.entries);
        let covered = self.tree.covered(&weights);
        let score = self.options.penalty.score_covering(log_probability, ids.len(), &covered);
        let found = Found { ids, log_probabilities, log_probability, weights, entries, score, finished };
        let place = self.found.partition_point(|other| order(other, &found) == Ordering::Less);
        if place < self.options.best {
            self.found.insert(place, found);
            self.found.truncate(self.options.best);
        }
    }

    /// The result, best first.
    pub fn result(self) -> Vec<Found> {
        self.found
    }
}

/// The total order of hypotheses, the better one first.
fn order(a: &Found, b: &Found) -> Ordering {
    let scores = b.score.total_cmp(&a.score);
    scores.then(a.ids.len().cmp(&b.ids.len())).then_with(|| a.ids.cmp(&b.ids))
}
