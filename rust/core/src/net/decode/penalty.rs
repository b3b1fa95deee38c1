//! Scores of hypotheses: what a log-probability is worth, given the number of ids.

/// How a log-probability becomes the score by which hypotheses of different lengths are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Penalty {
    /// The log-probability itself.
    None,
    /// Divided by length^power.
    Length { power: f64 },
    /// Divided by ((5 + length) / 6)^power. Source: Wu et al. 2016, eq. 14.
    Wu { power: f64 },
    /// Plus a reward for each id.
    Reward { each: f64 },
}

impl Penalty {
    pub fn score(self, log_probability: f64, length: usize) -> f64 {
        let length = length as f64;
        match self {
            Penalty::None => log_probability,
            Penalty::Length { power } => log_probability / length.max(1.0).powf(power),
            Penalty::Wu { power } => log_probability / ((5.0 + length) / 6.0).powf(power),
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
            [Penalty::Length { power }, Penalty::Wu { power }, Penalty::Reward { each: power }, Penalty::None]
        });
        for penalty in penalties {
            for length in 0..9 {
                let bound = penalty.bound(-3.0, length, 9);
                for longer in length + 1..=9 {
                    for lost in [0.0, 0.5, 4.0] {
                        assert!(penalty.score(-3.0 - lost, longer) <= bound, "{penalty:?} {length} {longer}");
                    }
                }
            }
        }
    }

    #[test]
    fn scores_are_those_of_the_formulas() {
        assert_eq!(Penalty::Length { power: 1.0 }.score(-6.0, 3), -2.0);
        assert_eq!(Penalty::Wu { power: 1.0 }.score(-6.0, 7), -3.0);
        assert_eq!(Penalty::Reward { each: 0.5 }.score(-6.0, 4), -4.0);
        assert_eq!(Penalty::Length { power: 2.0 }.score(0.0, 0), 0.0);
    }
}
