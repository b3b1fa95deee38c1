//! Ways back through time.

use super::graph::{NetError, Network};

/// How a gradient goes back through time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThroughTime {
    /// Through every step.
    Full,
    /// Every `every` steps the loss terms of those steps, at most `back` steps: see `truncated`.
    Truncated { every: usize, back: usize },
    /// Through every step, keeping states at some of them only: see `checkpointed`.
    Checkpointed(Budget),
}

/// How much memory a checkpointed way back may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// For all units that are worked on at once.
    Bytes(usize),
    /// The same as millionths of what full BPTT takes.
    Share(usize),
    /// Whatever segments of about the square root of the number of steps take.
    SquareRoot,
}

impl ThroughTime {
    /// Whether this network can go back this way.
    pub fn check(self, network: &Network) -> Result<(), NetError> {
        match self {
            ThroughTime::Truncated { every, back } if every == 0 || back < every => {
                return Err(NetError::Config(format!(
                    "truncated BPTT every {every} steps through {back}; expected 1 <= every <= back"
                )));
            }
            ThroughTime::Truncated { .. } if !network.has_directions() => {
                return Err(NetError::Config(
                    "through_time: truncated BPTT cuts time into windows, but a layer of this network reads one sequence \
                     forwards beside another backwards; reverse it before it is joined, or use FullBPTT()"
                        .into(),
                ));
            }
            _ => {}
        }
        Ok(())
    }
}
