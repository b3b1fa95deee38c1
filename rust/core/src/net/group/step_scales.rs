//! How much the penalty of a step adds to the loss.

use super::super::batch::Batch;
use super::super::graph::Axis;
use super::reduction::Reduction;
use super::share::Share;

/// The factor of the penalty of a step, by the axis of its layer: 1, or its share of the mean over the valid steps of that
/// axis.
#[derive(Debug)]
pub struct StepScales {
    first: f64,
    others: Vec<f64>,
}

impl StepScales {
    /// The factors of a reduction, times `factor`.
    pub fn new(batch: &Batch, reduction: Reduction, factor: f64) -> StepScales {
        StepScales::of_share(batch, reduction, &Share::default(), factor)
    }

    /// The factors in a share of a larger batch, times `factor`.
    pub fn of_share(batch: &Batch, reduction: Reduction, share: &Share, factor: f64) -> StepScales {
        let scale = |number: usize| {
            let factor = factor * share.steps.get(number).copied().unwrap_or(1.0);
            match reduction {
                Reduction::Sum => factor,
                Reduction::Mean => factor * (1.0 / batch.total(Axis::Sequence(number)).max(1) as f64),
            }
        };
        StepScales { first: scale(0), others: (1..batch.axes()).map(scale).collect() }
    }

    /// The factor on an axis of sequences.
    pub fn of(&self, axis: Axis) -> f64 {
        match axis {
            Axis::Row | Axis::FIRST => self.first,
            Axis::Sequence(number) => self.others[number - 1],
        }
    }

    /// The factor on the first axis.
    pub fn of_first(&self) -> f64 {
        self.first
    }
}
