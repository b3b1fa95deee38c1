//! The segments of checkpointed BPTT: the longest that a budget allows, so that there are few states to keep and the
//! long last segment is not run again.

use crate::plan::LayerPlan;
use crate::step::Program;
use crate::team;
use crate::time::{Geometry, block_steps};

use super::batch::{Batch, Extent};
use super::footprint::piece_elements;
use super::graph::{NetError, Network};
use super::pool::Pooled;
use super::through_time::{Budget, ThroughTime};

/// Rows times steps of a batch that is planned without its data, so that the plan itself stays small.
const LARGEST_PLAN: usize = 1 << 27;

/// The segments of every unit of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// By unit: the steps of a segment.
    pub segments: Vec<usize>,
    /// Borders between segments in one unit, at most.
    pub checkpoints: usize,
    /// Units worked on at once.
    pub at_once: usize,
    /// What these take: states between segments, saved tensors and gradients of a segment.
    pub bytes: usize,
    /// The same for units of one segment each, which is full BPTT.
    pub full_bytes: usize,
    /// Rows times steps of all units, and how many of them run forwards a second time.
    pub total: usize,
    pub again: usize,
}

/// A segment length for a unit and what it costs.
#[derive(Debug, Clone, Copy)]
struct Choice {
    length: usize,
    bytes: usize,
}

/// Chooses the segments of a batch of which `lanes` units are worked on at once.
pub fn schedule<T: Pooled>(
    network: &Network,
    loss: Option<&LayerPlan>,
    batch: &Batch,
    budget: Budget,
    lanes: usize,
) -> Result<Schedule, NetError> {
    let at_once = lanes.min(batch.groups().len()).max(1);
    let mut schedule = Schedule { at_once, ..Schedule::default() };
    let mut least = 0;
    for unit in &batch.units {
        let geometry = &unit.geometry;
        let steps = geometry.steps();
        let grain = block_steps(geometry.rows);
        let cost = |length: usize| Choice { length, bytes: unit_bytes::<T>(network, loss, geometry, length) };
        let whole = cost(steps.max(1));
        let choices = || (1..steps.div_ceil(grain)).rev().map(|blocks| cost(blocks * grain));
        let chosen = match budget {
            Budget::SquareRoot => {
                let root = (steps as f64).sqrt().ceil() as usize;
                let length = root.next_multiple_of(grain);
                Some(if length >= steps { whole } else { cost(length) })
            }
            Budget::Bytes(bytes) => {
                let fits = |choice: &Choice| choice.bytes <= bytes / at_once;
                std::iter::once(whole).chain(choices()).find(fits)
            }
        };
        match chosen {
            None => {
                let cheapest = choices().map(|choice| choice.bytes).fold(whole.bytes, usize::min);
                least = least.max(cheapest * at_once);
                schedule.segments.push(0);
            }
            Some(choice) => {
                schedule.segments.push(choice.length);
                schedule.bytes = schedule.bytes.max(choice.bytes * at_once);
                schedule.full_bytes = schedule.full_bytes.max(whole.bytes * at_once);
                let borders = steps.div_ceil(choice.length).saturating_sub(1);
                schedule.checkpoints = schedule.checkpoints.max(borders);
                schedule.again += geometry.first_row(borders * choice.length);
                schedule.total += geometry.total();
            }
        }
    }
    if let (true, Budget::Bytes(bytes)) = (least > 0, budget) {
        return Err(NetError::Config(format!(
            "CheckpointedBPTT: a budget of {bytes} bytes is too small for this batch; expected at least {least} bytes \
             ({at_once} unit(s) of rows at once: fewer threads or smaller batches need less)"
        )));
    }
    Ok(schedule)
}

/// Bytes of a unit in segments of `length` steps.
fn unit_bytes<T: Pooled>(
    network: &Network,
    loss: Option<&LayerPlan>,
    geometry: &Geometry,
    length: usize,
) -> usize {
    let borders = geometry.steps().div_ceil(length).saturating_sub(1);
    let states: usize = network.states.iter().map(|width| width * geometry.rows).sum();
    // rows only end, so no segment has more rows than the first
    let piece = piece_elements(network, loss, geometry.rows, geometry.first_row(length));
    (borders * states + piece) * size_of::<T>()
}

/// The schedule of a batch of `rows` sequences of `steps` steps, with the number of threads of now. Without `loss` nothing
/// is counted for it.
pub fn checkpoint_plan<T: Pooled>(
    network: &Network,
    loss: Option<&Program>,
    rows: usize,
    steps: usize,
    budget: Budget,
) -> Result<Schedule, NetError> {
    network.output()?;
    if rows.checked_mul(steps.saturating_add(1)).is_none_or(|total| total > LARGEST_PLAN) {
        let text = format!("plan: {rows} rows x {steps} steps; expected at most {LARGEST_PLAN} together");
        return Err(NetError::Config(text));
    }
    ThroughTime::Checkpointed(budget).check(network)?;
    let loss = loss.map(LayerPlan::new).transpose()?;
    schedule::<T>(network, loss.as_ref(), &Batch::new(rows, steps, Extent::default())?, budget, team::lanes())
}
