//! Scores of hypotheses: what a log-probability is worth, given the number of ids.

/// How a log-probability becomes the score by which hypotheses of different lengths are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Penalty {
    /// The log-probability itself.
    None,
    /// Divided by length^power.
    Length { power: f64 },
    /// Divided by ((5 + length) / 6)^power, plus `coverage` times the sum of log(min(a, 1)) over the entries, where a is the sum
    /// of the weights of an entry over the steps. Source: Wu et al. 2016, eq. 14.
    Wu { power: f64, coverage: f64 },
    /// Plus a reward for each id.
    Reward { each: f64 },
}

impl Penalty {
    /// Whether scores depend on weights on entries.
    pub fn reads_weights(self) -> bool {
        matches!(self, Penalty::Wu { coverage, .. } if coverage != 0.0)
    }

    /// The score of a finished hypothesis. `covered` are the sums of the weights of each entry; no entries if none are read.
    pub fn score_covering(self, log_probability: f64, length: usize, covered: &[f64]) -> f64 {
        let score = self.score(log_probability, length);
        match self {
            Penalty::Wu { coverage, .. } if coverage != 0.0 => {
                // an entry without any weight gives minus infinity
                score + coverage * covered.iter().map(|sum| sum.min(1.0).ln()).sum::<f64>()
            }
            _ => score,
        }
    }

    /// The score without coverage, which only lowers it.
    pub fn score(self, log_probability: f64, length: usize) -> f64 {
        let length = length as f64;
        match self {
            Penalty::None => log_probability,
            Penalty::Length { power } => log_probability / length.max(1.0).powf(power),
            Penalty::Wu { power, .. } => log_probability / ((5.0 + length) / 6.0).powf(power),
            Penalty::Reward { each } => log_probability + each * length,
        }
    }

    /// The largest score that a hypothesis of this log-probability and length can reach with more ids, up to `most`. Its
    /// log-probability cannot grow.
    pub fn bound(self, log_probability: f64, length: usize, most: usize) -> f64 {
        let soonest = self.score(log_probability, length + 1);
        // every penalty rises or falls with the length, so the best length is one of the two ends
        soonest.max(self.score(log_probability, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_longer_hypothesis_exceeds_the_bound() {
        let powers = [-1.0, 0.0, 0.6, 1.0, 2.0];
        let penalties = powers.into_iter().flat_map(|power| {
            [
                Penalty::Length { power },
                Penalty::Wu { power, coverage: 0.2 },
                Penalty::Reward { each: power },
                Penalty::None,
            ]
        });
        for penalty in penalties {
            for length in 0..9 {
                let bound = penalty.bound(-3.0, length, 9);
                for longer in length + 1..=9 {
                    for lost in [0.0, 0.5, 4.0] {
                        let score = penalty.score_covering(-3.0 - lost, longer, &[0.0, 0.3, 1.7]);
                        assert!(score <= bound, "{penalty:?} {length} {longer}");
                        assert!(penalty.score(-3.0 - lost, longer) <= bound, "{penalty:?} {length} {longer}");
                    }
                }
            }
        }
    }

    #[test]
    fn scores_are_those_of_the_formulas() {
        assert_eq!(Penalty::Length { power: 1.0 }.score(-6.0, 3), -2.0);
        let wu = Penalty::Wu { power: 1.0, coverage: 2.0 };
        assert_eq!(wu.score(-6.0, 7), -3.0);
        assert_eq!(wu.score_covering(-6.0, 7, &[]), -3.0);
        assert_eq!(wu.score_covering(-6.0, 7, &[0.5, 1.0, 2.0]), -3.0 + 2.0 * 0.5_f64.ln());
        assert_eq!(wu.score_covering(-6.0, 7, &[0.5, 0.0]), f64::NEG_INFINITY);
        assert_eq!(Penalty::Reward { each: 0.5 }.score(-6.0, 4), -4.0);
        assert_eq!(Penalty::Length { power: 2.0 }.score(0.0, 0), 0.0);
    }
}
