//! What some rows of a batch have of its penalties.

/// The factors of penalties for rows that are a part of a larger batch. The default is a whole batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// By axis of sequences: the factor of the penalties of steps. Where they are a mean, it is the share that the valid steps
    /// of these rows have of those of the batch. Missing ones are 1.
    pub steps: Vec<f64>,
    /// The factor of the penalties on parameters: 1 for one part of a batch, 0 for the others.
    pub parameters: f64,
}

impl Default for Share {
    fn default() -> Share {
        Share { steps: Vec::new(), parameters: 1.0 }
    }
}
