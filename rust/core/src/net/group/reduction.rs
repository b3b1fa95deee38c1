//! How the terms of a loss become one number.

/// The mean or the sum over the valid steps, or rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    Mean,
    Sum,
}
