//! The schedule of checkpointed BPTT: the length of segments, and the order in which they run forward, are kept, and run
//! backward.

use crate::kernel::Float;
use crate::memory::{check, resized};
use crate::plan::LayerPlan;
use crate::team;
use crate::time::{Geometry, block_steps};

use super::super::super::batch::{Axes, AxisExtent, Batch, Extent, RowGroup, group_rows};
use super::super::super::graph::{Axis, NetError, Network};
use super::super::memory::{Losses, PieceSize, layerwise_elements, piece_elements, saved_elements};
use super::super::through_time::{Budget, ThroughTime};
use super::actions::{Action, itinerary};
use super::binomial::Binomial;
use super::optimal::Table;

/// The largest rows x steps of a batch that is planned without its data, so that the plan itself stays small.
pub const LARGEST_PLAN: usize = 1 << 27;
/// The largest number of segments, and of memory units, for which a table decides the order: such a table takes less than a
/// millisecond.
const TABLE_SEGMENTS: usize = 64;
const TABLE_MEMORY: usize = 256;
/// Actions between two cancellation points.
const PAUSE_EVERY: usize = 1024;
/// The cost of starting a run of a segment, in blocks of time.
const BEGIN: f64 = 0.01;

/// How a group runs forward and backward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSchedule {
    /// Steps of a segment.
    pub segment: usize,
    /// None if the group runs layer by layer: see `layerwise`.
    pub actions: Option<Vec<Action>>,
    /// The peak: stored states, kept segments, and the segment that runs.
    pub bytes: usize,
    /// The largest number of states stored, and of segments kept, at the same time.
    pub states: usize,
    pub kept: usize,
    /// Rows x steps of all forward runs.
    pub runs: usize,
    /// Sequences and packed rows for which the memory of each segment is allocated; None if each segment allocates what it
    /// needs.
    pub room: Option<(usize, usize)>,
}

/// The schedule of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    pub groups: Vec<GroupSchedule>,
    /// Row groups that run at the same time.
    pub at_once: usize,
    /// The memory of these row groups.
    pub bytes: usize,
    /// The same for full BPTT.
    pub full_bytes: usize,
    /// Rows x steps of all groups.
    pub total: usize,
}

impl Schedule {
    /// Rows x steps that are recomputed.
    pub fn again(&self) -> usize {
        self.groups.iter().map(|group| group.runs).sum::<usize>() - self.total
    }
}

/// Chooses a schedule for a batch of which up to `lanes` groups run at the same time; fewer if the total cost is lower.
pub fn schedule<T: Float>(
    network: &Network,
    losses: Losses,
    batch: &Batch,
    budget: Budget,
    lanes: usize,
) -> Result<Schedule, NetError> {
    let most = lanes.min(batch.partial_sums()).max(1);
    let axes = || batch.groups.iter().map(RowGroup::axes);
    let geometries = || axes().map(|axes| axes.time);
    // if all groups start their blocks at the same steps, all groups use the schedule and the memory of the first, the
    // largest
    let grain = |geometry: &Geometry| block_steps(geometry.rows);
    let alike = batch.is_even() && geometries().all(|one| grain(one) == grain(&batch.groups[0].geometry));
    let planners: Vec<Planner<T>> = axes()
        .take(if alike { 1 } else { usize::MAX })
        .map(|axes| Planner::new(network, losses, axes, batch.is_even()))
        .collect();
    let total = batch.groups.iter().map(|group| group.geometry.total()).sum();
    let whole = planners.iter().map(|planner| planner.whole().bytes).max().unwrap_or(0);
    let bytes = match budget {
        Budget::Bytes(bytes) => bytes,
        Budget::Share(millionths) => (whole as f64 * most as f64 * (millionths as f64 / 1e6)) as usize,
        Budget::SquareRoot => usize::MAX,
    };
    let mut best: Option<(f64, usize, Vec<GroupSchedule>)> = None;
    for at_once in (1..=most).rev() {
        let found: Option<Vec<GroupSchedule>> = match budget {
            Budget::SquareRoot => planners.iter().map(Planner::square_root).collect(),
            _ => planners.iter().map(|planner| planner.within(bytes / at_once)).collect(),
        };
        let Some(found) = found else { continue };
        // a forward and a backward pass take as long as three forward passes
        let runs =
            found.iter().map(|group| group.runs).sum::<usize>() * batch.groups.len() / planners.len().max(1);
        let cost = (runs + 2 * total) as f64 / at_once as f64;
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, at_once, found));
        }
        if budget == Budget::SquareRoot {
            break;
        }
    }
    let Some((_, at_once, groups)) = best else {
        let least = planners.iter().map(Planner::least).max().unwrap_or(0);
        let share = (100 * least).div_ceil((whole * most).max(1));
        return Err(NetError::Config(format!(
            "CheckpointedBPTT: a budget of {bytes} bytes is too small for this batch; expected at least {least} bytes, \
             {share}% of what FullBPTT takes (smaller networks and fewer rows need less, longer sequences a smaller share)"
        )));
    };
    let groups: Vec<GroupSchedule> = match groups.first() {
        Some(first) if alike => {
            let as_first = |rows: usize| GroupSchedule {
                runs: first.runs / batch.groups[0].geometry.rows.max(1) * rows,
                ..first.clone()
            };
            geometries()
                .map(|one| {
                    check();
                    as_first(one.rows)
                })
                .collect()
        }
        _ => groups,
    };
    Ok(Schedule {
        at_once,
        bytes: groups.iter().map(|group| group.bytes).max().unwrap_or(0) * at_once,
        full_bytes: whole * most,
        total,
        groups,
    })
}

/// Plans one group.
struct Planner<'a, T> {
    network: &'a Network,
    losses: Losses<'a>,
    axes: Axes<'a>,
    /// Of the first axis.
    geometry: &'a Geometry,
    /// The steps of the longest axis.
    steps: usize,
    /// Steps of a block of time; segments start at block boundaries.
    grain: usize,
    blocks: usize,
    /// Bytes of the states at one step.
    state: usize,
    /// Whether all rows have all steps: then every segment takes the memory of a whole segment.
    even: bool,
    number: std::marker::PhantomData<T>,
}

impl<'a, T: Float> Planner<'a, T> {
    fn new(network: &'a Network, losses: Losses<'a>, axes: Axes<'a>, even: bool) -> Planner<'a, T> {
        let geometry = axes.time;
        let grain = block_steps(geometry.rows);
        let steps = (0..network.axes.len().max(1)).map(|number| axes.of(Axis::Sequence(number)).steps());
        let steps = steps.max().unwrap_or(0);
        let blocks = steps.div_ceil(grain).max(1);
        let state = network.states.iter().map(|width| width * geometry.rows).sum::<usize>() * size_of::<T>();
        let number = std::marker::PhantomData;
        Planner { network, losses, axes, geometry, steps, grain, blocks, state, even, number }
    }

    fn rows_of(&self, segment: usize, steps: usize) -> usize {
        self.geometry.first_row((segment + 1) * steps) - self.geometry.first_row(segment * steps)
    }

    /// `GroupSchedule::room` for segments of `steps`.
    fn room(&self, steps: usize) -> Option<(usize, usize)> {
        self.even.then(|| (self.geometry.rows, self.rows_of(0, steps)))
    }

    /// Bytes that a segment keeps, and bytes of its forward and backward pass, including the state before it and the
    /// gradients of both states.
    fn segment_bytes(&self, segment: usize, steps: usize) -> (usize, usize) {
        let total = self.room(steps).map_or_else(|| self.rows_of(segment, steps), |(_, total)| total);
        let size = PieceSize { rows: self.geometry.rows, total, others: self.axes.others };
        let retained = self.even && steps < self.geometry.steps();
        let kept = saved_elements(self.network, size) * size_of::<T>();
        let working = piece_elements(self.network, self.losses, size, retained) * size_of::<T>();
        (kept, working + 3 * self.state)
    }

    /// Follows the actions over the rows of each segment. If all segments have the same size, freed memory is kept for
    /// reuse: then each kind of memory takes its own peak.
    fn followed(&self, segment: usize, actions: Vec<Action>) -> GroupSchedule {
        let room = self.room(segment);
        let mut done = GroupSchedule { segment, actions: None, bytes: 0, states: 0, kept: 0, runs: 0, room };
        let (mut states, mut held, mut kept) = (0, 0, Vec::new());
        let (mut most_held, mut most_working) = (0, 0);
        let mut sizes: Vec<Option<(usize, usize)>> = Vec::new();
        resized(&mut sizes, self.geometry.steps().div_ceil(segment).max(1), None);
        for (number, action) in actions.iter().enumerate() {
            if number % PAUSE_EVERY == 0 {
                team::pause();
            }
            let mut of =
                |number: usize| *sizes[number].get_or_insert_with(|| self.segment_bytes(number, segment));
            let working = match *action {
                Action::Advance(number) => {
                    done.runs += self.rows_of(number, segment);
                    of(number).0 + 3 * self.state
                }
                Action::Keep(number) => {
                    done.runs += self.rows_of(number, segment);
                    kept.push(number);
                    held += of(number).0;
                    3 * self.state
                }
                Action::Back(number) => {
                    if kept.last() == Some(&number) {
                        kept.pop();
                        held -= of(number).0;
                    } else {
                        done.runs += self.rows_of(number, segment);
                    }
                    of(number).1
                }
                Action::Store => {
                    states += 1;
                    0
                }
                Action::Load => 0,
                Action::Drop => {
                    states -= 1;
                    0
                }
            };
            done.states = done.states.max(states);
            done.kept = done.kept.max(kept.len());
            done.bytes = done.bytes.max(held + states * self.state + working);
            (most_held, most_working) = (most_held.max(held), most_working.max(working));
        }
        if self.even {
            done.bytes = most_held + done.states * self.state + most_working;
        }
        GroupSchedule { actions: Some(actions), ..done }
    }

    /// Layer by layer, in segments of `steps`.
    fn layerwise(&self, steps: usize) -> GroupSchedule {
        let geometry = self.geometry;
        let segments = self.steps.div_ceil(steps).max(1);
        let bytes = layerwise_elements(self.network, self.losses, self.axes, steps) * size_of::<T>();
        GroupSchedule {
            segment: steps,
            actions: None,
            bytes,
            states: segments - 1,
            kept: 0,
            runs: 2 * geometry.total(),
            room: self.room(steps),
        }
    }

    /// Whether no segment of time can pass through the whole network: a layer reads from the end or reads a memory, some values
    /// are values per row, or sequences lie on several axes.
    fn runs_layerwise(&self) -> bool {
        let network = self.network;
        let is_whole = network.has_reversed() || network.has_row_values() || network.has_memories();
        is_whole || network.axes.len() > 1
    }

    /// The longest segments that fit, layer by layer.
    fn layerwise_within(&self, bytes: usize) -> Option<GroupSchedule> {
        let fits =
            |blocks: usize| Some(self.layerwise(blocks * self.grain)).filter(|found| found.bytes <= bytes);
        (1..=self.blocks.min(TABLE_SEGMENTS)).map(|parts| self.blocks.div_ceil(parts)).find_map(fits)
    }

    /// Full BPTT.
    fn whole(&self) -> GroupSchedule {
        self.followed(self.geometry.steps().max(1), vec![Action::Back(0)])
    }

    /// Segments of about sqrt(steps) steps, with a stored state between any two.
    fn square_root(&self) -> Option<GroupSchedule> {
        let root = (self.steps.max(1) as f64).sqrt().ceil() as usize;
        let segment = root.next_multiple_of(self.grain);
        if self.runs_layerwise() {
            return Some(self.layerwise(segment));
        }
        let segments = self.geometry.steps().div_ceil(segment).max(1);
        Some(self.followed(segment, itinerary(&Binomial, segments, segments)?))
    }

    /// The cheapest schedule within `bytes`.
    fn within(&self, bytes: usize) -> Option<GroupSchedule> {
        let whole = self.whole();
        if whole.bytes <= bytes {
            return Some(whole);
        }
        if self.runs_layerwise() {
            return self.layerwise_within(bytes);
        }
        let mut best: Option<(f64, GroupSchedule)> = None;
        for blocks in self.lengths() {
            let Some(found) = self.with_segments(blocks * self.grain, bytes) else { continue };
            let starts = found
                .actions
                .iter()
                .flatten()
                .filter(|action| !matches!(action, Action::Store | Action::Load));
            let start_cost = BEGIN * starts.count() as f64 * (self.grain * self.geometry.rows) as f64;
            let cost = found.runs as f64 + start_cost;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, found));
            }
        }
        best.map(|(_, found)| found)
    }

    /// Segment lengths to try, in blocks: 1, 2, 3, 4, 6, 8, 12, ... not in this order.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        let blocks = self.blocks;
        let all = (0..usize::BITS - 2).flat_map(|power| [1usize << power, 3usize << power]);
        all.filter(move |&length| length < blocks)
    }

    /// The cheapest schedule with segments of `steps` within `bytes`. Rows that end free memory for other uses, so if a plan
    /// does not fill the budget, planning is repeated with more memory, as long as the result fits.
    fn with_segments(&self, steps: usize, bytes: usize) -> Option<GroupSchedule> {
        let segments = self.geometry.steps().div_ceil(steps);
        let (kept, working) = self.segment_bytes(0, steps);
        let mut room = bytes.checked_sub(working)?;
        let mut best: Option<GroupSchedule> = None;
        for _ in 0..6 {
            let Some(found) = self.in_room(steps, segments, room, kept) else { break };
            if found.bytes > bytes {
                room = (room as f64 * 0.99 * (bytes as f64 / found.bytes as f64)) as usize;
                continue;
            }
            let full = found.bytes as f64 >= bytes as f64 * 0.97 || found.runs == self.geometry.total();
            room = ((room as f64 * (bytes as f64 / found.bytes as f64)) as usize).saturating_add(self.state);
            if best.as_ref().is_none_or(|best| found.runs < best.runs) {
                best = Some(found);
            }
            if full {
                break;
            }
        }
        best
    }

    /// The cheapest schedule within `room` bytes, not counting the segment that runs.
    fn in_room(&self, steps: usize, segments: usize, room: usize, kept: usize) -> Option<GroupSchedule> {
        let states = room.checked_div(self.state).unwrap_or(segments).min(segments);
        if states < segments.ilog2() as usize {
            return None; // see `least`
        }
        let actions = if segments <= TABLE_SEGMENTS && self.state > 0 {
            let unit = self.state.max(room.div_ceil(TABLE_MEMORY));
            itinerary(&Table::new(segments, room / unit, kept.div_ceil(unit)), segments, room / unit)
        } else {
            itinerary(&Binomial, segments, states)
        };
        actions.map(|actions| self.followed(steps, actions))
    }

    /// The least possible memory: one block, and as many states as it takes to run no segment more often than the number of
    /// segments has binary digits.
    fn least(&self) -> usize {
        if self.runs_layerwise() {
            let parts =
                (1..=self.blocks.min(TABLE_SEGMENTS)).map(|parts| self.blocks.div_ceil(parts) * self.grain);
            let least = parts.map(|steps| self.layerwise(steps).bytes).min().unwrap_or(usize::MAX);
            return least.min(self.whole().bytes);
        }
        let one = self.segment_bytes(0, self.grain).1 + self.state * self.blocks.ilog2() as usize;
        one.min(self.whole().bytes)
    }
}

/// The schedule of a batch of `rows` sequences of `steps` steps, with the current number of threads. `losses` are by number of
/// output; the memory of the loss of other outputs is not counted.
pub fn checkpoint_plan<T: Float>(
    network: &Network,
    losses: &[(usize, &LayerPlan)],
    rows: usize,
    steps: usize,
    budget: Budget,
) -> Result<Schedule, NetError> {
    network.finished()?;
    if rows.checked_mul(steps.saturating_add(1)).is_none_or(|total| total > LARGEST_PLAN) {
        let text = format!("plan: {rows} rows x {steps} steps; expected at most {LARGEST_PLAN} together");
        return Err(NetError::Config(text));
    }
    ThroughTime::Checkpointed(budget).check(network)?;
    let others = vec![AxisExtent { steps, ..AxisExtent::default() }; network.axes.len().saturating_sub(1)];
    let extent = Extent { others: &others, group_rows: group_rows::<T>(network), ..Extent::default() };
    let batch = Batch::new(rows, steps, extent)?;
    let losses = network.losses_of_nodes(losses)?;
    schedule::<T>(network, &losses, &batch, budget, team::lanes())
}
