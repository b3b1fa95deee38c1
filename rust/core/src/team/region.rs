//! A region: one thread leads a unit of work, and others stay beside it to take parts of what it shares out, thousands of
//! times in a row.
//!
//! A run of the team hands out units that need nothing of each other. Where there are fewer units than threads, the step of
//! a sequence has to be divided itself: its products by columns, its row ops by rows. Such a part takes a microsecond, so the
//! others may not be woken for each: they wait in the region, spinning, and sleep only if nothing comes for some time.
//!
//! Nobody is waited for who has not begun: a part that another thread should take and has not is taken by the leader. So a
//! region without any other thread is no error but a leader who does all parts. Which thread takes a part changes no
//! result, but every part has a thread that tries it first: so the weights that it reads stay in that thread's cache.
//! Parts that wait for each other are taken in their order instead.

use std::cell::UnsafeCell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::crew::{POLL_EVERY, SPIN, spin_until};
use super::fault::{Abandoned, Fault, caught, raise};
use super::pause::look;
use super::size::{num_threads, processors};

/// What is done with the number of a part.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// One leader and those beside it.
#[derive(Debug)]
pub struct Region {
    /// Counts what was shared out. Raised with SeqCst after `work` is set, and read with SeqCst by who looks for more.
    turn: Line,
    /// By part: the last turn in which a thread took it.
    claims: Box<[Line]>,
    /// By part of a chain: how far it says that it is, `FAILED` if it panicked or was abandoned. Raised with Release, read with Acquire.
    progress: Box<[Line]>,
    /// Whether the parts of this turn are a chain. Relaxed: written and read as `work` is.
    chained: AtomicBool,
    /// Set by the leader between two turns, read by who has claimed a part of the present one.
    work: UnsafeCell<Option<*const Work<'static>>>,
    /// Parts of this turn that are done: raised with Release, read with Acquire by the leader.
    done: Line,
    closed: AtomicBool,
    /// How many sleep. SeqCst, as `turn`: either the leader sees a sleeper, or who goes to sleep sees the turn.
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    fault: Mutex<Option<Fault>>,
}

/// A counter on cache lines of its own: two, as processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicUsize);

// SAFETY: `work` is written by the leader while no part of a turn is under way, and read only between the claim of a part and
// its end, which the leader waits for.
unsafe impl Sync for Region {}
// SAFETY: the same: whoever holds the region follows `work` under these rules alone, and what it leads to is Sync.
unsafe impl Send for Region {}

/// The progress of a part that did not come to its end, or of one that waited for it.
const FAILED: usize = usize::MAX;

impl Region {
    /// A region of at most so many threads.
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

    /// How many parts everything is shared out in.
    pub fn parts(&self) -> usize {
        self.claims.len()
    }

    /// Runs `work` once for each part, on this thread, the leader's, and on those beside it. Returns when all are done.
    ///
    /// # Panics
    /// When a part did, or left a run that is stopping; the others are done all the same.
    pub fn share(&self, work: &Work<'_>) {
        self.chained.store(false, Ordering::Relaxed);
        self.run(work);
    }

    /// The same for parts that `wait` for those before them.
    ///
    /// # Panics
    /// The same; those that waited for it have been told.
    pub fn share_chain(&self, work: &Work<'_>) {
        self.chained.store(true, Ordering::Relaxed);
        self.progress.iter().for_each(|progress| progress.0.store(0, Ordering::Relaxed));
        self.run(work);
    }

    fn run(&self, work: &Work<'_>) {
        let turn = self.turn.0.load(Ordering::Relaxed) + 1;
        // SAFETY: only the lifetime changes. This function does not return before all parts are done, and nobody follows the
        // pointer but between the claim of a part and its end.
        let work = unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: all parts of the turn before are done, so nobody reads `work`.
        unsafe { *self.work.get() = Some(work) };
        self.done.0.store(0, Ordering::Relaxed);
        self.turn.0.store(turn, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.asleep()); // who counted itself has looked at the turn or waits by now
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

    /// Says how far a part of a chain is, from within it. It only goes up.
    pub fn tell(&self, part: usize, progress: usize) {
        self.progress[part].0.store(progress, Ordering::Release);
    }

    /// Waits, within a part of a chain, until the one before it is at least so far. False, and the same for who waits for this one,
    /// if it did not come to its end. Parts are taken in order, so whoever is waited for has begun, and waits for nobody but those before it.
    #[must_use]
    pub fn wait(&self, part: usize, progress: usize) -> bool {
        let Some(before) = part.checked_sub(1) else { return true };
        let told = || self.progress[before].0.load(Ordering::Acquire);
        self.until(|| told() >= progress);
        let failed = told() == FAILED;
        if failed {
            self.tell(part, FAILED);
        }
        !failed
    }

    /// Spins, and lets others have the processor: who is waited for may need this very one. Polls meanwhile: where the run is
    /// stopping, who is waited for leaves at its next pause.
    fn until(&self, ready: impl Fn() -> bool) {
        while !ready() {
            spin_until(SPIN, &ready);
            if !ready() {
                std::thread::yield_now();
                look();
            }
        }
    }

    /// Stays beside the leader as number `member` (1 and on) until the region is closed.
    pub(super) fn follow(&self, member: usize) {
        let spin = if num_threads() > processors() { Duration::ZERO } else { SPIN };
        let mut seen = 0;
        let is_new = |seen: usize| self.turn.0.load(Ordering::SeqCst) != seen;
        let is_closed = || self.closed.load(Ordering::SeqCst);
        loop {
            look(); // this may be the caller's thread, which nobody else polls on; the leader ends the run
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

    /// Makes a region that was closed ready for another unit.
    pub(super) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    /// Lets those beside the leader go, now and when they come later.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.asleep());
        self.wake.notify_all();
    }

    /// Takes the parts of a turn that nobody has taken, this thread's own first.
    fn take(&self, own: usize, turn: usize) {
        for k in 0..self.parts() {
            // read anew for each part: this thread may come late, when another turn has begun
            let first = if self.chained.load(Ordering::Relaxed) { 0 } else { own };
            let part = (first + k) % self.parts();
            let claim = &self.claims[part].0;
            // Fails where another thread was faster, or where the turn is over.
            if claim.compare_exchange(turn - 1, turn, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            // SAFETY: a part of the present turn is claimed and not done, so the leader does not write `work`, and what it
            // leads to is alive.
            let work = unsafe { (*self.work.get()).map(|work| &*work) };
            if let Some(work) = work
                && let Err(fault) = caught(|| work(part))
            {
                let mut first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
                if fault.displaces(first.as_ref()) {
                    *first = Some(fault);
                }
                drop(first);
                self.tell(part, FAILED);
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

    /// How often each part was done in so many shares, with `beside` threads that stand by.
    fn counts(region: &Region, beside: usize, pause: Option<Duration>) -> Vec<usize> {
        let counts: Vec<AtomicUsize> = (0..region.parts()).map(|_| AtomicUsize::new(0)).collect();
        region.open();
        std::thread::scope(|scope| {
            (1..=beside).for_each(|member| drop(scope.spawn(move || region.follow(member))));
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
    fn every_part_of_every_share_is_done_once_whoever_stands_by() {
        for parts in 1..=4 {
            let region = Region::new(parts);
            for beside in 0..parts + 1 {
                assert_eq!(
                    counts(&region, beside, None),
                    vec![SHARES; parts],
                    "{parts} parts, {beside} beside"
                );
            }
        }
    }

    #[test]
    fn who_fell_asleep_is_woken() {
        let region = Region::new(3);
        let pause = Some(SPIN * 2);
        assert_eq!(counts(&region, 2, pause), vec![SHARES; 3]);
    }

    #[test]
    fn those_beside_take_parts_when_parts_wait_for_each_other() {
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
    fn a_part_is_as_far_behind_an_earlier_one_as_it_waits_for_whoever_stands_by() {
        const STEPS: usize = 500;
        for beside in 0..4 {
            let region = Region::new(3);
            let steps = [const { AtomicUsize::new(0) }; 3];
            std::thread::scope(|scope| {
                (1..=beside).for_each(|member| {
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
                            region.tell(part, step);
                        }
                    });
                    assert!(steps.iter().all(|steps| steps.load(SeqCst) == STEPS));
                }
                region.close();
            });
        }
    }

    #[test]
    fn nobody_waits_on_for_a_part_that_panicked() {
        let region = [Arc::new(Region::new(3))];
        let work = |_: usize, _: usize, region: Option<&Arc<Region>>| {
            if let Some(region) = region {
                region.share_chain(&|part| match part {
                    0 => panic!("part nought"),
                    _ => assert!(!region.wait(part, 1), "part {part} was not told"),
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
