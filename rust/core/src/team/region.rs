//! A fork-join region: one thread leads a unit of work, and other threads follow it to run parts of the work, thousands of
//! times in a row.
//!
//! The units of a run are independent. If there are fewer units than threads, the step of a sequence is itself divided:
//! its products by columns, its row ops by rows. Such a part takes a microsecond, which is too short to wake a thread. So
//! the followers wait in the region, spinning, and sleep only if no work arrives for some time.
//!
//! The leader never waits for a part that no thread has started: it runs the part itself. So a region without followers is
//! valid: the leader runs all parts. Which thread runs a part changes no result, but each part has a thread that tries it
//! first, so the weights that it reads stay in that thread's cache. Parts that wait for each other are taken in order
//! instead.

use std::cell::UnsafeCell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::crew::{POLL_EVERY, SPIN, spin_until};
use super::fault::{Abandoned, Fault, caught, raise};
use super::pause::look;
use super::size::{num_threads, processors};

/// The work of one part, given its number.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// One leader and its followers.
#[derive(Debug)]
pub struct Region {
    /// Counts calls of `share`. Incremented with SeqCst after `work` is set, and read with SeqCst by followers.
    turn: Line,
    /// By part: the last turn in which a thread took it.
    claims: Box<[Line]>,
    /// By part of a chain: its reported progress; `FAILED` if it panicked or was abandoned. Written with Release, read with
    /// Acquire.
    progress: Box<[Line]>,
    /// Whether the parts of this turn are a chain. Relaxed: written and read as `work` is.
    chained: AtomicBool,
    /// Set by the leader between two turns, read by threads that have claimed a part of the current turn.
    work: UnsafeCell<Option<*const Work<'static>>>,
    /// Finished parts of this turn: incremented with Release, read with Acquire by the leader.
    done: Line,
    closed: AtomicBool,
    /// Number of sleeping followers. SeqCst, as `turn`: either the leader sees the sleeper, or the sleeper sees the turn.
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    fault: Mutex<Option<Fault>>,
}

/// A counter on cache lines of its own: two, as processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicUsize);

// SAFETY: the leader writes `work` only while no part of a turn runs. Other threads read it only between the claim of a part
// and the end of the part, for which the leader waits.
unsafe impl Sync for Region {}
// SAFETY: the same: the pointer is dereferenced only under these rules, and the closure behind it is Sync.
unsafe impl Send for Region {}

/// The progress of a part that did not finish, or of a part that waited for it.
const FAILED: usize = usize::MAX;

impl Region {
    /// A region of at most `parts` threads.
    pub fn new(parts: usize) -> Region {
        Region {
            turn: Line::default(),
            claims: (0..parts.max(1)).map(|_| Line::default()).collect(),
            progress: (0..parts.max(1)).map(|_| Line::default()).collect(),
            chained: AtomicBool::new(false),
            work: UnsafeCell::new(None),
            done: Line::default(),
            closed: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            fault: Mutex::new(None),
        }
    }

    /// The number of parts of all work.
    pub fn parts(&self) -> usize {
        self.claims.len()
    }

    /// Runs `work` once for each part, on this thread, the leader, and on the followers. Returns when all parts are done.
    ///
    /// # Panics
    /// If a part panicked, or was abandoned because the run is stopping; the other parts finish first.
    pub fn share(&self, work: &Work<'_>) {
        self.chained.store(false, Ordering::Relaxed);
        self.run(work);
    }

    /// The same for a chain: parts that `wait` for the previous part.
    ///
    /// # Panics
    /// The same; parts that wait for a failed part fail too.
    pub fn share_chain(&self, work: &Work<'_>) {
        self.chained.store(true, Ordering::Relaxed);
        self.progress.iter().for_each(|progress| progress.0.store(0, Ordering::Relaxed));
        self.run(work);
    }

    fn run(&self, work: &Work<'_>) {
        let turn = self.turn.0.load(Ordering::Relaxed) + 1;
        // SAFETY: only the lifetime changes. This function returns after all parts are done, and the pointer is dereferenced
        // only between the claim of a part and its end.
        let work = unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: all parts of the previous turn are done, so no thread reads `work`.
        unsafe { *self.work.get() = Some(work) };
        self.done.0.store(0, Ordering::Relaxed);
        self.turn.0.store(turn, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.asleep()); // a counted sleeper has now either seen the turn or is waiting
            self.wake.notify_all();
        }
        self.take(0, turn);
        self.until(|| self.done.0.load(Ordering::Acquire) == self.parts());
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        match fault {
            Some(Fault::Panicked(panic)) => raise(panic),
            Some(Fault::Abandoned) => resume_unwind(Box::new(Abandoned)),
            None => {}
        }
    }

    /// Reports the progress of a part of a chain, from within the part. The progress only grows.
    pub fn report(&self, part: usize, progress: usize) {
        self.progress[part].0.store(progress, Ordering::Release);
    }

    /// Waits, within a part of a chain, until the previous part has made this progress. Returns false if the previous part
    /// failed; this part then counts as failed too. There is no deadlock: parts are started in order, and a part waits only
    /// for earlier parts.
    #[must_use]
    pub fn wait(&self, part: usize, progress: usize) -> bool {
        let Some(before) = part.checked_sub(1) else { return true };
        let reported = || self.progress[before].0.load(Ordering::Acquire);
        self.until(|| reported() >= progress);
        let failed = reported() == FAILED;
        if failed {
            self.report(part, FAILED);
        }
        !failed
    }

    /// Spins, and then yields the processor, because the other thread may need it. Polls meanwhile, so that a run can be
    /// stopped: the other thread then ends at its next pause.
    fn until(&self, ready: impl Fn() -> bool) {
        while !ready() {
            spin_until(SPIN, &ready);
            if !ready() {
                std::thread::yield_now();
                look();
            }
        }
    }

    /// Follows the leader as number `member` (from 1) until the region is closed.
    pub(super) fn follow(&self, member: usize) {
        let spin = if num_threads() > processors() { Duration::ZERO } else { SPIN };
        let mut seen = 0;
        let is_new = |seen: usize| self.turn.0.load(Ordering::SeqCst) != seen;
        let is_closed = || self.closed.load(Ordering::SeqCst);
        loop {
            look(); // on the caller's thread, this is the only poll; the leader ends the run
            spin_until(spin, || is_new(seen) || is_closed());
            if !is_new(seen) && !is_closed() {
                let guard = self.asleep();
                self.sleepers.fetch_add(1, Ordering::SeqCst);
                if !is_new(seen) && !is_closed() {
                    drop(self.wake.wait_timeout(guard, POLL_EVERY));
                }
                self.sleepers.fetch_sub(1, Ordering::SeqCst);
            }
            if is_closed() {
                return;
            }
            if !is_new(seen) {
                continue;
            }
            seen = self.turn.0.load(Ordering::SeqCst);
            self.take(member, seen);
        }
    }

    /// Reopens a closed region for another unit.
    pub(super) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    /// Releases the followers, including those that come later.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.asleep());
        self.wake.notify_all();
    }

    /// Runs the parts of a turn that no other thread has claimed, this thread's own part first.
    fn take(&self, own: usize, turn: usize) {
        for k in 0..self.parts() {
            // read for each part: this thread may be late, when another turn has started
            let first = if self.chained.load(Ordering::Relaxed) { 0 } else { own };
            let part = (first + k) % self.parts();
            let claim = &self.claims[part].0;
            // Fails if another thread was faster, or if the turn is over.
            if claim.compare_exchange(turn - 1, turn, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            // SAFETY: a part of the current turn is claimed and not done, so the leader does not write `work`, and the
            // closure is alive.
            let work = unsafe { (*self.work.get()).map(|work| &*work) };
            if let Some(work) = work
                && let Err(fault) = caught(|| work(part))
            {
                let mut first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
                if fault.displaces(first.as_ref()) {
                    *first = Some(fault);
                }
                drop(first);
                self.report(part, FAILED);
            }
            self.done.0.fetch_add(1, Ordering::Release);
        }
    }

    fn asleep(&self) -> MutexGuard<'_, ()> {
        self.sleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::run::sizes;
    use crate::team::{Stop, run_shared};
    use std::sync::Arc;
    use std::sync::atomic::Ordering::SeqCst;

    const SHARES: usize = 2000;

    /// How often each part was run in `SHARES` shares, with `followers` threads.
    fn counts(region: &Region, followers: usize, pause: Option<Duration>) -> Vec<usize> {
        let counts: Vec<AtomicUsize> = (0..region.parts()).map(|_| AtomicUsize::new(0)).collect();
        region.open();
        std::thread::scope(|scope| {
            (1..=followers).for_each(|member| drop(scope.spawn(move || region.follow(member))));
            for share in 1..=SHARES {
                pause.iter().for_each(|&pause| std::thread::sleep(pause));
                region.share(&|part| {
                    counts[part].fetch_add(1, SeqCst);
                });
                let done: Vec<usize> = counts.iter().map(|count| count.load(SeqCst)).collect();
                assert!(done.iter().all(|&count| count == share), "after {share} shares: {done:?}");
            }
            region.close();
        });
        counts.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_part_of_every_share_runs_once_with_any_number_of_followers() {
        for parts in 1..=4 {
            let region = Region::new(parts);
            for followers in 0..parts + 1 {
                assert_eq!(
                    counts(&region, followers, None),
                    vec![SHARES; parts],
                    "{parts} parts, {followers} followers"
                );
            }
        }
    }

    #[test]
    fn sleeping_followers_are_woken() {
        let region = Region::new(3);
        let pause = Some(SPIN * 2);
        assert_eq!(counts(&region, 2, pause), vec![SHARES; 3]);
    }

    #[test]
    fn followers_run_parts_that_wait_for_each_other() {
        let region = Region::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| region.follow(1));
            for _ in 0..100 {
                let arrived = AtomicUsize::new(0);
                region.share(&|_| {
                    arrived.fetch_add(1, SeqCst);
                    while arrived.load(SeqCst) < 2 {
                        std::thread::yield_now();
                    }
                });
            }
            region.close();
        });
    }

    #[test]
    fn a_part_of_a_chain_stays_behind_the_previous_part_with_any_number_of_followers() {
        const STEPS: usize = 500;
        for followers in 0..4 {
            let region = Region::new(3);
            let steps = [const { AtomicUsize::new(0) }; 3];
            std::thread::scope(|scope| {
                (1..=followers).for_each(|member| {
                    drop(scope.spawn({
                        let region = &region;
                        move || region.follow(member)
                    }))
                });
                for _ in 0..20 {
                    steps.iter().for_each(|steps| steps.store(0, SeqCst));
                    region.share_chain(&|part| {
                        for step in 1..=STEPS {
                            assert!(region.wait(part, step));
                            let before = part.checked_sub(1).map_or(step, |part| steps[part].load(SeqCst));
                            assert!(before >= step);
                            steps[part].store(step, SeqCst);
                            region.report(part, step);
                        }
                    });
                    assert!(steps.iter().all(|steps| steps.load(SeqCst) == STEPS));
                }
                region.close();
            });
        }
    }

    #[test]
    fn no_part_waits_forever_for_a_part_that_panicked() {
        let region = [Arc::new(Region::new(3))];
        let work = |_: usize, _: usize, region: Option<&Arc<Region>>| {
            if let Some(region) = region {
                region.share_chain(&|part| match part {
                    0 => panic!("part nought"),
                    _ => assert!(!region.wait(part, 1), "part {part} did not fail"),
                });
            }
        };
        for _ in 0..20 {
            let stop = run_shared(3, 1, &region, &work, &mut || false);
            assert!(
                matches!(&stop, Err(Stop::Panicked(text)) if text.message.starts_with("part nought")),
                "{stop:?}"
            );
        }
    }

    #[test]
    fn a_panic_in_a_part_reaches_the_leader_when_the_others_are_done() {
        let region = [Arc::new(Region::new(3))];
        let done = AtomicUsize::new(0);
        let work = |_: usize, _: usize, region: Option<&Arc<Region>>| {
            if let Some(region) = region {
                region.share(&|part| match part {
                    1 => panic!("part one"),
                    _ => drop(done.fetch_add(1, SeqCst)),
                });
            }
        };
        for _ in 0..20 {
            done.store(0, SeqCst);
            let stop = run_shared(3, 1, &region, &work, &mut || false);
            assert!(
                matches!(&stop, Err(Stop::Panicked(text)) if text.message.starts_with("part one")),
                "{stop:?}"
            );
            assert_eq!(done.load(SeqCst), 2);
        }
    }

    #[test]
    fn the_last_units_lead_regions_and_a_run_that_is_stopped_leaves_nobody_in_them() {
        for (lanes, units) in (1..=5).flat_map(|lanes| (0..=11).map(move |units| (lanes, units))) {
            let regions: Vec<Arc<Region>> =
                sizes(lanes, units).map(|parts| Arc::new(Region::new(parts))).collect();
            let all: usize = regions.iter().map(|region| region.parts()).sum();
            let left = units % lanes;
            assert_eq!(
                all,
                if left == 0 { 0 } else { lanes - left + regions.len() },
                "{lanes} lanes, {units} units"
            );
            let runs: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
            for last_poll in [usize::MAX, 0, 1, 2] {
                runs.iter().for_each(|count| count.store(0, SeqCst));
                let led = AtomicUsize::new(0);
                let work = |unit: usize, _: usize, region: Option<&Arc<Region>>| {
                    runs[unit].fetch_add(1, SeqCst);
                    if let Some(region) = region {
                        led.fetch_add(1, SeqCst);
                        region.share(&|_| {});
                    }
                };
                let mut polls = 0;
                let stop = run_shared(lanes, units, &regions, &work, &mut || {
                    polls += 1;
                    polls > last_poll
                });
                let counts: Vec<usize> = runs.iter().map(|count| count.load(SeqCst)).collect();
                if stop.is_ok() {
                    assert_eq!(counts, vec![1; units]);
                    assert_eq!(led.load(SeqCst), regions.len());
                } else {
                    assert!(counts.iter().all(|&count| count <= 1));
                }
            }
        }
    }
}
