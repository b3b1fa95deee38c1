//! The worker threads: starting and waking them, and the door through which they enter and leave a run.
//!
//! The caller *opens the door*: it publishes a pointer to its job under a mutex. A worker that finds the door open
//! enters: it counts itself in `inside`, under the same mutex, before it reads the job. When no unit is left, the
//! caller *closes the door*, again under the mutex, and waits until `inside` is 0. A worker that wakes too late
//! finds the door closed and never sees the job. So a short run does not wait for sleeping workers, and the job can be
//! on the caller's stack.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::job::Job;
use super::size::processors;

/// How long a waiting thread spins before it sleeps: about what one sleep and wake-up costs.
pub(super) const SPIN: Duration = Duration::from_micros(40);
/// The longest time between two polls while the caller waits for workers.
pub(super) const POLL_EVERY: Duration = Duration::from_millis(10);

/// A caller's workers, one run at a time.
pub(super) struct Team {
    process: u32,
    /// Locked during a run, so a locked crew means that the team is busy.
    crew: Mutex<Crew>,
}

impl Team {
    /// A team without workers; the first run hires them.
    pub(super) fn new() -> Self {
        Team { process: std::process::id(), crew: Mutex::default() }
    }

    /// The team of this process, made when there is none or when the present one is the parent's. Never freed: a
    /// forked child could not join its parent's threads.
    pub(super) fn of_this_process() -> &'static Team {
        /// Acquire on reading and Release on writing, so that a thread that sees the pointer sees the team behind it.
        static TEAM: AtomicPtr<Team> = AtomicPtr::new(std::ptr::null_mut());
        let mut known = TEAM.load(Ordering::Acquire);
        loop {
            // SAFETY: `known` is null or came from `Box::into_raw` below, and a published team is never freed.
            if let Some(team) = unsafe { known.as_ref() }
                && team.process == std::process::id()
            {
                return team;
            }
            let made = Box::into_raw(Box::new(Team::new()));
            match TEAM.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => known = made,
                Err(other) => {
                    // SAFETY: the exchange failed, so `made` is still this thread's alone.
                    drop(unsafe { Box::from_raw(made) });
                    known = other;
                }
            }
        }
    }

    /// Runs `job` in lanes `0..min(threads, lanes)`; false, with nothing done, when the team is busy.
    pub(super) fn lead(
        &self,
        threads: usize,
        lanes: usize,
        job: &Job<'_>,
        poll: &mut dyn FnMut() -> bool,
    ) -> bool {
        let mut crew = match self.crew.try_lock() {
            Ok(crew) => crew,
            Err(TryLockError::WouldBlock) => return false,
            // A crew changes only in `hire`, which leaves it consistent even if it panics.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        crew.hire(threads);
        let door = Door::open(&crew, job, lanes);
        job.lead(poll);
        door.wait(job, poll);
        true
    }
}

/// The workers of a team of some number of threads; the caller is the last of them.
#[derive(Default)]
struct Crew {
    threads: usize,
    spin: Duration,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Crew {
    /// Changes the number of threads. If the system refuses a thread, there are fewer workers, which changes no result.
    fn hire(&mut self, threads: usize) {
        if threads == self.threads {
            return;
        }
        self.dismiss();
        // With too few processors, spinning takes the processor from the thread that the caller waits for.
        self.spin = if threads > processors() { Duration::ZERO } else { SPIN };
        self.threads = threads;
        self.shared = Arc::default();
        for lane in 1..threads {
            let (shared, spin) = (Arc::clone(&self.shared), self.spin);
            let worker = std::thread::Builder::new().name(format!("ostinato-{lane}"));
            match worker.spawn(move || shared.serve(lane, spin)) {
                Ok(handle) => self.workers.push(handle),
                Err(_) => break,
            }
        }
    }

    fn dismiss(&mut self) {
        self.shared.lock().dismissed = true;
        // Relaxed: spinning workers take the mutex next, which shows them `dismissed`.
        self.shared.generation.fetch_add(1, Ordering::Relaxed);
        self.shared.start.notify_all();
        for worker in self.workers.drain(..) {
            // `serve` catches the panics of units, so the result is empty.
            let _ = worker.join();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.dismiss();
    }
}

/// The state that the caller and its workers share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    start: Condvar,
    done: Condvar,
    /// Counts runs. Changed under the mutex. Relaxed: a spinning worker uses it as a hint to take the mutex, and
    /// everything it then relies on is read under the mutex.
    generation: AtomicUsize,
    /// Workers that may be touching the job. Raised and lowered under the mutex. Lowered with Release and read with
    /// Acquire, so that a caller that sees 0 without the mutex sees everything that the workers wrote.
    inside: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// The open door: the job, and the number of lanes that may enter it.
    open: Option<(JobPointer, usize)>,
    sleeping: usize,
    dismissed: bool,
}

/// A job whose lifetime the door guarantees instead of the compiler.
#[derive(Clone, Copy)]
struct JobPointer(*const Job<'static>);

// SAFETY: a `Job` is Sync (it holds a Sync closure, atomics and a mutex), so a pointer to it may go to another thread;
// the door guarantees that the job is alive there.
unsafe impl Send for JobPointer {}

/// The workers rely on it, and the compiler would not notice through the pointer.
const _: fn() = || {
    fn is_sync<T: Sync>() {}
    is_sync::<Job<'static>>();
};

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this mutex; a poisoned one would still be whole.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The loop of a worker.
    fn serve(&self, lane: usize, spin: Duration) {
        let mut seen = 0;
        loop {
            spin_until(spin, || self.generation.load(Ordering::Relaxed) != seen);
            let mut state = self.lock();
            while self.generation.load(Ordering::Relaxed) == seen && !state.dismissed {
                state.sleeping += 1;
                state = self.start.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
                state.sleeping -= 1;
            }
            if state.dismissed {
                return;
            }
            seen = self.generation.load(Ordering::Relaxed);
            let Some((job, lanes)) = state.open else { continue };
            if lane >= lanes {
                continue;
            }
            self.inside.fetch_add(1, Ordering::Relaxed); // the mutex orders it before the door is closed
            drop(state);
            // SAFETY: the door was open when this worker counted itself in under the mutex, and the caller does not
            // end the job's life before it has closed the door and then seen `inside` at 0.
            unsafe { &*job.0 }.follow(lane);
            self.leave();
        }
    }

    /// Leaves the run; the worker does not read the job any more.
    fn leave(&self) {
        let state = self.lock();
        let was = self.inside.fetch_sub(1, Ordering::Release);
        // While the door is open the caller does not wait yet; it looks at `inside` when it closes the door.
        if was == 1 && state.open.is_none() {
            self.done.notify_one();
        }
    }
}

/// An open door. Its drop closes it and waits for all workers to leave, also while a panic unwinds.
struct Door<'a> {
    shared: &'a Shared,
    spin: Duration,
}

impl<'a> Door<'a> {
    fn open(crew: &'a Crew, job: &Job<'_>, lanes: usize) -> Self {
        let shared = &*crew.shared;
        let pointer = JobPointer(std::ptr::from_ref(job).cast());
        let mut state = shared.lock();
        state.open = Some((pointer, lanes));
        shared.generation.fetch_add(1, Ordering::Relaxed);
        let sleeping = state.sleeping;
        drop(state);
        let helpers = job.units - 1;
        // The caller cannot choose which sleeper wakes, and a worker beyond `lanes` would wake in vain.
        if helpers >= sleeping || lanes < crew.threads {
            shared.start.notify_all();
        } else {
            (0..helpers).for_each(|_| shared.start.notify_one());
        }
        Door { shared, spin: crew.spin }
    }

    /// Closes the door and waits for the workers still inside, with polls.
    fn wait(self, job: &Job<'_>, poll: &mut dyn FnMut() -> bool) {
        self.close();
        spin_until(self.spin, || self.is_empty());
        let mut polled = Instant::now();
        while !self.is_empty() {
            let state = self.shared.lock();
            if !self.is_empty() {
                // The result only says whether the time was up; the loop looks for itself.
                drop(self.shared.done.wait_timeout(state, POLL_EVERY));
            }
            if polled.elapsed() >= POLL_EVERY && !job.stopped() {
                job.poll(poll);
                polled = Instant::now();
            }
        }
    }

    fn close(&self) {
        self.shared.lock().open = None;
    }

    fn is_empty(&self) -> bool {
        self.shared.inside.load(Ordering::Acquire) == 0
    }
}

impl Drop for Door<'_> {
    fn drop(&mut self) {
        self.close();
        let mut state = self.shared.lock();
        while !self.is_empty() {
            state = self.shared.done.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }
}

/// Spins until `ready` or the time is up.
pub(super) fn spin_until(limit: Duration, ready: impl Fn() -> bool) {
    if limit.is_zero() || ready() {
        return;
    }
    let started = Instant::now();
    while !ready() && started.elapsed() < limit {
        for _ in 0..16 {
            std::hint::spin_loop();
        }
    }
}
