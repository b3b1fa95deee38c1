//! How a gradient goes back through time.

use super::super::graph::{NetError, Network};

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

/// How much memory checkpointed BPTT may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// For all row groups that are worked on at the same time.
    Bytes(usize),
    /// The same, in millionths of what full BPTT takes.
    Share(usize),
    /// What segments of about the square root of the number of steps take.
    SquareRoot,
}

impl ThroughTime {
    /// Whether it suits this network.
    pub fn check(self, network: &Network) -> Result<(), NetError> {
        match self {
            ThroughTime::Truncated { every, back } if every == 0 || back < every => {
                return Err(NetError::Config(format!(
                    "truncated BPTT every {every} steps through {back}; expected 1 <= every <= back"
                )));
            }
            ThroughTime::Truncated { .. } | ThroughTime::Checkpointed(_) if network.has_row_values() => {
                return Err(NetError::Config(
                    "through_time: this network has values of whole rows (an input of rows, or a sequence reduced to one), so \
                     time cannot go in pieces; use FullBPTT()"
                        .into(),
                ));
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
