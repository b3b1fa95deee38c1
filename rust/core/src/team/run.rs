//! A run of units: how many lanes it is worth, and the ways to begin one.

use std::sync::Arc;

use super::crew::Team;
use super::job::Job;
use super::region::Region;
use super::size::{is_eager, num_threads, processors};
use super::stop::Stop;

/// How many lanes a run that starts now may use: the number of threads.
///
/// Another thread may change it at any time. Where scratch memory is made first, pass its lane count to [`run_on`].
pub fn lanes() -> usize {
    num_threads()
}

/// The same for a run of about `cost` multiplications: one where waking a worker takes longer than it would spare.
pub fn lanes_for(cost: usize) -> usize {
    /// Some tenths of a millisecond: a worker that sleeps comes 50 us late, and finds nothing in its caches.
    const LEAST: usize = 8 << 20;
    if cost >= LEAST || is_eager() { lanes() } else { 1 }
}

/// Whether work of so many multiplications is worth sharing out in a [`Region`].
pub fn is_worth(cost: usize) -> bool {
    /// Two microseconds: some times what handing over a part takes, and fetching its results from another cache.
    const LEAST: usize = 128 << 10;
    cost >= LEAST || is_eager()
}

/// Runs `work(unit, lane)` once for every unit in `0..units` on up to [`num_threads`] threads, the caller's included.
///
/// `poll` is called on the calling thread before any unit begins, between the units that this thread takes, where these
/// [`pause`](super::pause()), and at least every 20 ms while it waits for the others or stands by them; when it returns true, units not begun are
/// dropped, others end at their next pause, and the run ends with [`Stop::Cancelled`].
/// A panic drops the units not begun in the same way. In both cases some units have run and others have not.
/// A run of zero units calls nothing.
pub fn run(
    units: usize,
    work: &(dyn Fn(usize, usize) + Sync),
    poll: &mut dyn FnMut() -> bool,
) -> Result<(), Stop> {
    run_on(lanes(), units, work, poll)
}

/// [`run`] with lanes in `0..lanes`, whatever the number of threads has become since the caller counted them.
pub fn run_on(
    lanes: usize,
    units: usize,
    work: &(dyn Fn(usize, usize) + Sync),
    poll: &mut dyn FnMut() -> bool,
) -> Result<(), Stop> {
    run_with(Team::of_this_process, num_threads(), lanes, units, work, poll)
}

/// What `run_shared` does with a unit: its number, the lane, the region that its thread leads.
pub type UnitWork<'a> = dyn Fn(usize, usize, Option<&Arc<Region>>) + Sync + 'a;

/// [`run_on`] where the last units, if they are fewer than the lanes, are shared themselves: each of them is done by a
/// thread that leads one of `regions`, and the threads that are left stand by it. `work` is told its region.
///
/// The regions are those that `regions_of` made for these lanes and units.
pub fn run_shared(
    lanes: usize,
    units: usize,
    regions: &[Arc<Region>],
    work: &UnitWork<'_>,
    poll: &mut dyn FnMut() -> bool,
) -> Result<(), Stop> {
    /// Closes a region also where its leader panics.
    struct Led<'a>(&'a Region);

    impl Drop for Led<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }

    let beside: usize = regions.iter().map(|region| region.parts() - 1).sum();
    regions.iter().for_each(|region| region.open());
    let one = |unit: usize, lane: usize| match unit.checked_sub(units) {
        None => {
            let region = (unit + regions.len()).checked_sub(units).map(|at| &regions[at]);
            let _led = region.map(|region| Led(region));
            work(unit, lane, region);
        }
        // Units begin in order, so all leaders have begun.
        Some(place) => regions[place % regions.len()].follow(1 + place / regions.len()),
    };
    run_on(lanes, units + beside, &one, poll)
}

/// The number of parts of each region that `run_shared` needs. None where threads outnumber the processors: there, who
/// stands by takes the processor from who works.
pub fn regions_of(lanes: usize, units: usize) -> impl Iterator<Item = usize> {
    let crowded = num_threads() > processors() && !is_eager();
    sizes(if crowded { 1 } else { lanes }, units)
}

/// The same on whatever machine.
pub(super) fn sizes(lanes: usize, units: usize) -> impl Iterator<Item = usize> {
    let left = units % lanes.max(1);
    (0..left).map(move |at| 1 + (lanes - 1 - at) / left).filter(|&parts| parts > 1)
}

/// [`run_on`] with a team that is asked for only when the run can use it.
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
