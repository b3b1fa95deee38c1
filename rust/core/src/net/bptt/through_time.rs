//! The BPTT mode of a call.

use super::super::graph::kinds::Rows;
use super::super::graph::{Axis, NetError, Network, NodeKind};

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
                windowed_axes(network)?;
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

/// The axes that truncated BPTT divides into windows in a network with memories: those of the layers that read one. All other
/// axes stay whole. Empty without memories. Returns an error if such an axis cannot be divided.
pub fn windowed_axes(network: &Network) -> Result<Vec<Axis>, NetError> {
    let mut axes: Vec<Axis> = Vec::new();
    for layer in network.layers.iter().filter(|layer| !layer.memories.is_empty()) {
        if !axes.contains(&layer.axis) {
            axes.push(layer.axis);
        }
    }
    let refused = |what: &str| {
        Err(NetError::Config(format!(
            "through_time: {what}, and truncated BPTT divides the steps of a layer with a memory into windows; use FullBPTT(), \
             or CheckpointedBPTT(budget) to save memory"
        )))
    };
    let mut memories = network.layers.iter().flat_map(|layer| &layer.memories);
    if memories.any(|&node| axes.contains(&network.nodes[node].axis)) {
        return refused("a memory of this network is a sequence on the axis of a layer that reads a memory");
    }
    for node in &network.nodes {
        match &node.kind {
            NodeKind::Final { layer, .. } if axes.contains(&network.layers[*layer].axis) => {
                return refused("a final state depends on all steps of a row");
            }
            NodeKind::Derived { moves, kind, .. } => {
                let divided = moves.iter().filter(|one| axes.contains(&network.nodes[one.from].axis));
                for one in divided {
                    if one.rows == Rows::Mirror {
                        return refused("a sequence is reversed");
                    }
                    if node.axis == Axis::Row {
                        return refused(&format!("{kind:?} of a sequence depends on all steps of a row"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(axes)
}
