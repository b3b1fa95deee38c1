//! The BPTT mode of a call.

use super::super::graph::{NetError, Network};

/// How a gradient is propagated through time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThroughTime {
    /// Through every step.
    Full,
    /// Every `every` steps, the loss terms of those steps are propagated through at most `back` steps: see `truncated`.
    Truncated { every: usize, back: usize },
    /// Through every step, storing states at some steps only: see `checkpointed`.
    Checkpointed(Budget),
}

/// The memory budget of checkpointed BPTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Bytes for all row groups that run at the same time.
    Bytes(usize),
    /// The same, in millionths of the memory of full BPTT.
    Share(usize),
    /// The memory of segments of about sqrt(steps) steps.
    SquareRoot,
}

impl ThroughTime {
    /// Whether rows of `steps` steps are one piece in any case.
    pub fn is_whole(self, steps: usize) -> bool {
        match self {
            ThroughTime::Full => true,
            ThroughTime::Truncated { back, .. } => back >= steps,
            ThroughTime::Checkpointed(_) => false,
        }
    }

    /// Returns an error if the mode is invalid, or unsupported by this network.
    pub fn check(self, network: &Network) -> Result<(), NetError> {
        match self {
            ThroughTime::Truncated { every, back } if every == 0 || back < every => {
                return Err(NetError::Config(format!(
                    "truncated BPTT every {every} steps through {back}; expected 1 <= every <= back"
                )));
            }
            ThroughTime::Truncated { .. } if network.has_memories() => {
                return Err(NetError::Config(
                    "through_time: a layer of this network reads a whole sequence at each step (a memory), and truncated BPTT \
                     divides sequences into windows; use FullBPTT(), or CheckpointedBPTT(budget) to save memory"
                        .into(),
                ));
            }
            ThroughTime::Truncated { .. } if network.axes.len() > 1 => {
                return Err(NetError::Config(format!(
                    "through_time: this network has sequences on several axes ({}), which have no steps in common that truncated \
                     BPTT could divide into windows; use FullBPTT(), or CheckpointedBPTT(budget) to save memory",
                    network.axes.join(", ")
                )));
            }
            ThroughTime::Truncated { .. } if network.reads_whole_rows().is_some() => {
                let what = network.reads_whole_rows().unwrap_or_default();
                return Err(NetError::Config(format!(
                    "through_time: {what} depends on all steps of a row, and truncated BPTT divides rows into windows; use \
                     FullBPTT(), or CheckpointedBPTT(budget) to save memory"
                )));
            }
            ThroughTime::Truncated { .. } if !network.has_directions() => {
                return Err(NetError::Config(
                    "through_time: truncated BPTT divides time into windows, but this network combines a forward sequence with a \
                     reversed one; reverse the latter back first, or use FullBPTT()"
                        .into(),
                ));
            }
            _ => {}
        }
        Ok(())
    }
}
