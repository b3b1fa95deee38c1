//! A run of units: the number of lanes that pays off, and the functions that start a run.

use std::sync::Arc;

use super::crew::Team;
use super::job::Job;
use super::pause::{pause, poll_of_this_run};
use super::region::Region;
use super::size::{is_eager, num_threads, processors};
use super::stop::Stop;

/// The number of lanes of a run that starts now: the number of threads.
///
/// Another thread may change it at any time. If scratch memory is allocated first, pass its number of lanes to [`run_on`].
pub fn lanes() -> usize {
    num_threads()
}

/// The same for a run of about `cost` multiplications: 1 if waking a worker takes longer than it would save.
pub fn lanes_for(cost: usize) -> usize {
    /// Some tenths of a millisecond: a sleeping worker starts 50 us late, with cold caches.
    const LEAST: usize = 8 << 20;
    if cost >= LEAST || is_eager() { lanes() } else { 1 }
}

/// The same for a run that copies, or adds, this many elements.
pub fn lanes_to_copy(elements: usize) -> usize {
    /// Copying one element takes as long as this many multiplications: some 1.1 ns, from caches of other cores.
    const COPY: usize = 64;
    lanes_for(elements.saturating_mul(COPY))
}

/// Whether work of `cost` multiplications is worth dividing in a [`Region`].
pub fn is_worth(cost: usize) -> bool {
    /// Two microseconds: several times the cost of passing a part to another thread and reading its results from another
    /// cache.
    const LEAST: usize = 128 << 10;
    cost >= LEAST || is_eager()
}

/// Runs `work(unit, lane)` once for every unit in `0..units` on up to [`num_threads`] threads, the caller's included.
///
/// `poll` is called on the calling thread before the first unit, between the units that this thread runs, when they
/// [`pause`](super::pause()), and at least every 20 ms while this thread waits for others or follows a leader. When `poll`
/// returns true, units that have not started are dropped, running units end at their next pause, and the run ends with
/// [`Stop::Cancelled`]. A panic also drops the units that have not started. In both cases some units have run and others
/// have not. A run of zero units calls nothing.
pub fn run(
    units: usize,
    work: &(dyn Fn(usize, usize) + Sync),
    poll: &mut dyn FnMut() -> bool,
) -> Result<(), Stop> {
    run_on(lanes(), units, work, poll)
}

/// [`run`] with lanes in `0..lanes`, even if the number of threads has changed since the caller read it.
pub fn run_on(
    lanes: usize,
    units: usize,
    work: &(dyn Fn(usize, usize) + Sync),
    poll: &mut dyn FnMut() -> bool,
) -> Result<(), Stop> {
    run_with(Team::of_this_process, num_threads(), lanes, units, work, poll)
}

/// [`run_on`] in a unit of another run: it stops when that run does, and then unwinds as [`pause`](super::pause()). Outside of a
/// run nothing stops it.
pub fn run_nested(lanes: usize, units: usize, work: &(dyn Fn(usize, usize) + Sync)) -> Result<(), Stop> {
    // SAFETY: `run_on` calls the poll on this thread and returns before the unit does.
    let mut poll = unsafe { poll_of_this_run() };
    let ended = run_on(lanes, units, work, &mut poll);
    if ended == Err(Stop::Cancelled) {
        pause();
    }
    ended
}

/// The work of `run_shared` on a unit, given its number, the lane, and the region that its thread leads.
pub type UnitWork<'a> = dyn Fn(usize, usize, Option<&Arc<Region>>) + Sync + 'a;

/// [`run_on`] that divides the last units if they are fewer than the lanes: each of them is run by a thread that leads one of
/// `regions`, and the idle threads follow it. `work` receives the region.
///
/// `regions_of` returns the sizes of the regions for these lanes and units.
pub fn run_shared(
    lanes: usize,
    units: usize,
    regions: &[Arc<Region>],
    work: &UnitWork<'_>,
    poll: &mut dyn FnMut() -> bool,
) -> Result<(), Stop> {
    /// Closes a region even if its leader panics.
    struct CloseOnDrop<'a>(&'a Region);

    impl Drop for CloseOnDrop<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }

    let followers: usize = regions.iter().map(|region| region.parts() - 1).sum();
    regions.iter().for_each(|region| region.open());
    let one = |unit: usize, lane: usize| match unit.checked_sub(units) {
        None => {
            let region = (unit + regions.len()).checked_sub(units).map(|at| &regions[at]);
            let _close = region.map(|region| CloseOnDrop(region));
            work(unit, lane, region);
        }
        // Units start in order, so all leaders have started.
        Some(place) => regions[place % regions.len()].follow(1 + place / regions.len()),
    };
    run_on(lanes, units + followers, &one, poll)
}

/// The number of parts of each region that `run_shared` needs. Empty if there are more threads than processors: a follower
/// would take the processor from a working thread.
pub fn regions_of(lanes: usize, units: usize) -> impl Iterator<Item = usize> {
    let crowded = num_threads() > processors() && !is_eager();
    sizes(if crowded { 1 } else { lanes }, units)
}

/// The same for any machine.
pub(super) fn sizes(lanes: usize, units: usize) -> impl Iterator<Item = usize> {
    let left = units % lanes.max(1);
    (0..left).map(move |at| 1 + (lanes - 1 - at) / left).filter(|&parts| parts > 1)
}

/// [`run_on`] with a team that is created only if the run can use it.
pub(super) fn run_with<'t>(
    team: impl FnOnce() -> &'t Team,
    threads: usize,
    lanes: usize,
    units: usize,
    work: &(dyn Fn(usize, usize) + Sync),
    poll: &mut dyn FnMut() -> bool,
) -> Result<(), Stop> {
    let job = Job::new(units, work);
    if units == 0 || job.poll(poll) {
        return job.outcome();
    }
    let parallel = units > 1 && lanes > 1 && threads > 1;
    if !parallel || !team().lead(threads, lanes, &job, poll) {
        job.lead(poll);
    }
    job.outcome()
}
