//! Samples of one sentence.

use crate::kernel::{Float, Kernels};
use crate::memory::made;
use crate::random::address_words;

use super::super::graph::NetError;
use super::candidates::{Allowed, LogSum};
use super::hypotheses::{Found, Hypotheses, ROOT};
use super::predicted::Predicted;
use super::search::{Sampling, Search};

/// A sample that goes on.
#[derive(Debug, Clone, Copy)]
struct Live {
    sample: usize,
    last: usize,
    log_probability: f64,
    /// The log-probability of its draws.
    drawn: f64,
}

/// The samples of a sentence. All of them start from the same row.
#[derive(Debug, Clone)]
pub struct Samples {
    row: usize,
    length: usize,
    tree: Hypotheses,
    live: Vec<Live>,
    found: Vec<Option<Found>>,
    repeated: Vec<usize>,
    weights: Weights,
}

impl Samples {
    pub fn new(row: usize, options: &Sampling) -> Samples {
        let start = |sample| Live { sample, last: ROOT, log_probability: 0.0, drawn: 0.0 };
        Samples {
            row,
            length: 0,
            tree: Hypotheses::default(),
            live: (0..options.count).map(start).collect(),
            found: made((0..options.count).map(|_| None)),
            repeated: Vec::new(),
            weights: Weights::default(),
        }
    }

    /// As `BeamSearch::advance`. At the first step, all samples read the logits of place 0.
    pub fn advance<T: Float>(
        &mut self,
        search: &Search,
        options: &Sampling,
        kernels: &Kernels<T>,
        predicted: Predicted<T>,
    ) -> Result<Vec<(usize, usize)>, NetError> {
        let (mut next, mut live, mut sums) = (Vec::new(), Vec::new(), LogSum::default());
        for (place, one) in std::mem::take(&mut self.live).into_iter().enumerate() {
            let place = if self.length == 0 { 0 } else { place };
            self.repeated.clear();
            self.tree.repeated(one.last, search.unrepeated, &mut self.repeated);
            let allowed = Allowed::new(search, self.row, self.length, &self.repeated);
            let logits = predicted.logits(place);
            let sum = sums.of(kernels, logits)?;
            let drawn = match allowed.forced() {
                Some(id) => Some((id, 0.0)),
                None => {
                    let uniform = || uniform(options.seed, options.rows[self.row], one.sample, self.length);
                    self.weights.draw(options, logits, &allowed, uniform)
                }
            };
            let Some((id, log_drawn)) = drawn else {
                self.end(one, false); // nothing may follow it
                continue;
            };
            let step = logits[id].to_f64() - sum;
            let weights = self.tree.keep(predicted.weights(place));
            let one = Live {
                last: self.tree.extend(one.last, id, step, weights),
                log_probability: one.log_probability + step,
                drawn: one.drawn + log_drawn,
                ..one
            };
            let ends = search.end == Some(id);
            if ends || self.length + 1 >= search.most[self.row] {
                self.end(one, ends);
            } else {
                next.push((place, id));
                live.push(one);
            }
        }
        self.length += 1;
        self.live = live;
        Ok(next)
    }

    fn end(&mut self, one: Live, finished: bool) {
        let (ids, log_probabilities) = self.tree.ids(one.last);
        let (weights, entries) = (self.tree.weights(one.last), self.tree.entries);
        let (log_probability, score) = (one.log_probability, one.drawn);
        self.found[one.sample] =
            Some(Found { ids, log_probabilities, log_probability, weights, entries, score, finished });
    }

    /// The result, in the order of the samples.
    pub fn result(self) -> Vec<Found> {
        self.found.into_iter().flatten().collect()
    }
}

/// A number in (0, 1), which depends on nothing but its address.
fn uniform(seed: u64, row: u32, sample: usize, step: usize) -> f64 {
    inside(address_words(seed, [sample as u32, row, step as u32]))
}

/// A number in (0, 1) of 53 bits. Words of zeros give 2^-54, and not 0; words of ones would round to 1.
fn inside([high, low]: [u32; 2]) -> f64 {
    let bits = u64::from(high >> 5) << 26 | u64::from(low >> 6);
    ((bits as f64 + 0.5) / (1u64 << 53) as f64).min(1.0 - f64::EPSILON / 2.0)
}

/// The weights from which an id is drawn.
#[derive(Debug, Clone, Default)]
struct Weights {
    /// (logit / temperature, id) of each id that may be drawn.
    ids: Vec<(f64, usize)>,
    /// By place in `ids`.
    weights: Vec<f64>,
}

impl Weights {
    /// An id and the logarithm of its probability among those that may be drawn; None if none may.
    fn draw<T: Float>(
        &mut self,
        options: &Sampling,
        logits: &[T],
        allowed: &Allowed,
        uniform: impl FnOnce() -> f64,
    ) -> Option<(usize, f64)> {
        let &Sampling { temperature, top_k, top_p, .. } = options;
        self.ids.clear();
        let scale = if temperature > 0.0 { 1.0 / temperature } else { 1.0 };
        let scaled = logits.iter().enumerate().map(|(id, logit)| (logit.to_f64() * scale, id));
        self.ids.extend(scaled.filter(|&(logit, id)| logit > f64::NEG_INFINITY && allowed.id(id)));
        let most = self.ids.iter().copied().reduce(|best, one| if one.0 > best.0 { one } else { best })?;
        if temperature == 0.0 {
            return Some((most.1, 0.0));
        }
        if top_k < self.ids.len() || top_p < 1.0 {
            // likelier first; of equally likely ids, the lower first
            self.ids.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            self.ids.truncate(top_k);
            if top_p < 1.0 {
                let weight = |one: &(f64, usize)| (one.0 - most.0).exp();
                let wanted = top_p * self.ids.iter().map(weight).sum::<f64>();
                let mut sum = 0.0;
                let enough = self.ids.iter().position(|one| {
                    sum += weight(one);
                    sum >= wanted
                });
                self.ids.truncate(enough.map_or(self.ids.len(), |last| last + 1));
            }
            self.ids.sort_unstable_by_key(|one| one.1);
        }
        self.weights.clear();
        self.weights.extend(self.ids.iter().map(|one| (one.0 - most.0).exp()));
        let total: f64 = self.weights.iter().sum();
        let wanted = uniform() * total;
        let mut sum = 0.0;
        let place = self.weights.iter().position(|weight| {
            sum += weight;
            *weight > 0.0 && sum > wanted
        });
        // the sum may fall short of the total by rounding
        let place = place.or_else(|| self.weights.iter().rposition(|weight| *weight > 0.0))?;
        Some((self.ids[place].1, (self.weights[place] / total).ln()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::search::Method;
    use super::*;

    #[test]
    fn a_draw_is_neither_zero_nor_one_and_reads_both_words() {
        assert_eq!(inside([0, 0]), 2f64.powi(-54));
        assert!(inside([u32::MAX, u32::MAX]) < 1.0);
        // the last bit that counts is far below 2^-24, the spacing of float32
        assert_eq!(inside([0, 1 << 6]) - inside([0, 0]), 2f64.powi(-53));
        assert_eq!(inside([1 << 5, 0]) - inside([0, 0]), 2f64.powi(-27));
    }

    /// Also of an id that is too rare for uniforms of 24 bits: two draws of it happen once in two million runs.
    #[test]
    fn a_million_draws_have_the_exact_distribution() {
        let probabilities = [1e-9, 0.003, 0.5, 0.2, 0.297];
        let logits: Vec<f64> = probabilities.iter().map(|p: &f64| p.ln()).collect();
        let options = Sampling { count: 1, temperature: 1.0, top_k: 5, top_p: 1.0, seed: 3, rows: vec![0] };
        let search = Search {
            begin: vec![0],
            end: None,
            most: vec![1],
            least: 0,
            banned: Vec::new(),
            unrepeated: 0,
            forced: Vec::new(),
            method: Method::Sampling(options.clone()),
        };
        let allowed = Allowed::new(&search, 0, 0, &[]);
        let (mut weights, mut counts) = (Weights::default(), [0.0; 5]);
        for sample in 0..1_000_000 {
            let drawn = weights.draw(&options, &logits, &allowed, || uniform(3, 0, sample, 0));
            counts[drawn.unwrap().0] += 1.0;
        }
        assert!(counts[0] < 2.0);
        let expected = probabilities.map(|p| p * 1e6);
        let chi: f64 = counts.iter().zip(expected).skip(1).map(|(n, e)| (n - e).powi(2) / e).sum();
        assert!(chi < 36.0, "{counts:?}"); // 3 degrees of freedom: exceeded by chance once in 10^7
    }
}
