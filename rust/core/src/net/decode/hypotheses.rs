//! The ids of hypotheses, as a tree: hypotheses share their beginnings.

use crate::kernel::Float;
use crate::memory::{make_room, push, resized};

/// A hypothesis of the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub ids: Vec<usize>,
    /// The log-probability of each id.
    pub log_probabilities: Vec<f64>,
    /// Their sum.
    pub log_probability: f64,
    /// The weights on the entries at each id, (ids, entries); empty if they are not read.
    pub weights: Vec<f64>,
    /// The number of entries; 0 if weights are not read.
    pub entries: usize,
    /// What hypotheses are compared by; the log-probability of the draws for a sample.
    pub score: f64,
    /// Whether it ended with the end id. Others were cut.
    pub finished: bool,
}

/// An id after a hypothesis.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: usize,
    id: usize,
    log_probability: f64,
    /// Where the weights of its step start among all weights.
    weights: usize,
}

/// All hypotheses of a sentence. Each is named by the number of its last id; [`ROOT`] has none.
#[derive(Debug, Clone, Default)]
pub struct Hypotheses {
    links: Vec<Link>,
    /// Of each step that an id may follow: one number for each entry.
    weights: Vec<f64>,
    /// The number of entries; 0 if weights are not read.
    pub entries: usize,
}

/// The hypothesis without ids.
pub const ROOT: usize = usize::MAX;

impl Hypotheses {
    /// Keeps the weights that a step found. Returns their place.
    pub fn keep<T: Float>(&mut self, weights: &[T]) -> usize {
        let place = self.weights.len();
        make_room(&mut self.weights, weights.len());
        self.weights.extend(weights.iter().map(|weight| weight.to_f64()));
        self.entries = weights.len();
        place
    }

    /// The hypothesis `before` with one id more, which a step with weights at a place predicted.
    pub fn extend(&mut self, before: usize, id: usize, log_probability: f64, weights: usize) -> usize {
        push(&mut self.links, Link { before, id, log_probability, weights });
        self.links.len() - 1
    }

    fn links(&self, last: usize) -> impl Iterator<Item = &Link> {
        let mut next = last;
        std::iter::from_fn(move || {
            let link = self.links.get(next)?;
            next = link.before;
            Some(link)
        })
    }

    /// The ids of a hypothesis, and the log-probability of each.
    pub fn ids(&self, last: usize) -> (Vec<usize>, Vec<f64>) {
        let (mut ids, mut each): (Vec<usize>, Vec<f64>) =
            self.links(last).map(|link| (link.id, link.log_probability)).unzip();
        ids.reverse();
        each.reverse();
        (ids, each)
    }

    /// The weights at each id of a hypothesis, (ids, entries).
    pub fn weights(&self, last: usize) -> Vec<f64> {
        let mut places: Vec<usize> = self.links(last).map(|link| link.weights).collect();
        places.reverse();
        let mut found = Vec::new();
        make_room(&mut found, places.len() * self.entries);
        places.iter().for_each(|&place| found.extend_from_slice(&self.weights[place..][..self.entries]));
        found
    }

    /// The sum of the weights of each entry over the ids of a hypothesis.
    pub fn covered(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = Vec::new();
        resized(&mut sums, self.entries, 0.0);
        for step in weights.chunks_exact(self.entries.max(1)) {
            sums.iter_mut().zip(step).for_each(|(sum, weight)| *sum += weight);
        }
        sums
    }

    /// Appends the ids that would repeat a sequence of `length` ids of the hypothesis.
    pub fn repeated(&self, last: usize, length: usize, found: &mut Vec<usize>) {
        if length == 0 {
            return; // before all ids are read, at every step
        }
        let (ids, _) = self.ids(last);
        if ids.len() < length {
            return;
        }
        let tail = &ids[ids.len() + 1 - length..];
        let windows = ids.windows(length);
        found.extend(windows.filter(|window| window[..length - 1] == *tail).map(|window| window[length - 1]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_their_order_and_repetitions_are_found() {
        let mut tree = Hypotheses::default();
        let last = [1, 2, 3, 1, 2].iter().fold(ROOT, |last, &id| tree.extend(last, id, -(id as f64), 0));
        assert_eq!(tree.ids(last), (vec![1, 2, 3, 1, 2], vec![-1.0, -2.0, -3.0, -1.0, -2.0]));
        let repeated = |length| {
            let mut found = Vec::new();
            tree.repeated(last, length, &mut found);
            found
        };
        assert_eq!(repeated(3), [3]);
        assert_eq!(repeated(2), [3]);
        assert_eq!(repeated(1), [1, 2, 3, 1, 2]);
        assert!(repeated(0).is_empty() && repeated(6).is_empty());
    }
}
