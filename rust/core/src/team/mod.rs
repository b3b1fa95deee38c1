//! The thread team: one persistent set of workers for the whole library. Standard library only.
//!
//! Work comes as numbered **units** whose size the caller chooses from the shape of the problem alone, never from
//! the number of threads; so results are bit-identical for any number of threads. Free threads take the units in
//! order, one at a time. A **lane** names the thread within one run: lane 0 is the caller,
//! and a lane is held by one thread at a time, so it can index scratch memory that belongs to that run.
//!
//! - `run` never returns before every worker has left `work`, so `work` may borrow from the caller's stack.
//! - One run uses the team at a time. A concurrent call from another thread, or from inside `work` or `poll`, runs
//!   its units in order on its own thread (lane 0) with the same result. No call waits for the team.
//! - A panic in `work` or `poll` is caught on whichever thread it happens and reported as [`Stop::Panicked`].
//! - After `fork` the child creates its own team and forgets the team of the parent, whose threads do not exist there.
//! - Between runs a worker spins for some microseconds, then sleeps: an idle team uses no CPU.

mod crew;
mod fault;
mod job;
mod pause;
mod region;
mod run;
mod size;
mod stop;
#[cfg(test)]
mod tests;

pub use fault::{Cause, Panic, guard, raise};
pub use pause::{Pauses, alone, apart, pause};
pub use region::Region;
pub use run::{
    UnitWork, is_worth, lanes, lanes_for, lanes_to_copy, regions_of, run, run_nested, run_on, run_shared,
};
pub use size::{MAX_THREADS, num_threads, set_eager, set_num_threads};
pub use stop::Stop;
