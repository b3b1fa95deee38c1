//! The promises of the team, for several numbers of threads. Tests that need to know which threads take part use a team
//! of their own: the library's may be busy with another test.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use super::crew::Team;
use super::region::Region;
use super::run::run_with;
use super::{
    MAX_THREADS, Panic, Pauses, Stop, alone, apart, guard, lanes, pause, raise, run, run_nested, run_on,
    set_num_threads, size,
};

type Work<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// A team of its own and its number of threads.
struct Own(Team, usize);

impl Own {
    fn new(threads: usize) -> Self {
        Own(Team::new(), threads)
    }

    fn run(&self, units: usize, work: Work<'_>, poll: &mut dyn FnMut() -> bool) -> Result<(), Stop> {
        run_with(|| &self.0, self.1, self.1, units, work, poll)
    }
}

fn never() -> bool {
    false
}

/// How often each unit ran.
fn counts(units: usize, run: impl FnOnce(Work<'_>) -> Result<(), Stop>) -> Vec<usize> {
    let counts: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
    let result = run(&|unit, _| {
        counts[unit].fetch_add(1, SeqCst);
    });
    assert_eq!(result, Ok(()));
    counts.into_iter().map(AtomicUsize::into_inner).collect()
}

/// The line named at the end of a panic's message: `... (.../tests.rs:17)`.
fn line_in(message: &str) -> u32 {
    let (_, line) = message.rsplit_once("tests.rs:").expect(message);
    line.strip_suffix(')').expect(message).parse().expect(message)
}

fn wait_for(flag: &AtomicBool) {
    let started = Instant::now();
    while !flag.load(SeqCst) && started.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    assert!(flag.load(SeqCst), "waited 20 s for another thread");
}

#[test]
fn every_unit_runs_exactly_once() {
    let mut team = Own::new(1);
    for threads in [1, 2, 3, 4, 2, 1, 4] {
        team.1 = threads;
        for units in 0..=100 {
            let got = counts(units, |work| team.run(units, work, &mut never));
            assert!(got.iter().all(|&n| n == 1), "{threads} threads, {units} units: {got:?}");
        }
    }
}

#[test]
fn every_unit_runs_exactly_once_on_the_team_of_the_library() {
    for threads in [1, 2, 4, 3] {
        set_num_threads(threads);
        for units in 0..=40 {
            assert!(counts(units, |work| run(units, work, &mut never)).iter().all(|&n| n == 1));
            assert!(counts(units, |work| run_on(lanes(), units, work, &mut never)).iter().all(|&n| n == 1));
        }
    }
}

#[test]
fn a_lane_is_below_the_limit_and_held_by_one_thread_at_a_time() {
    let team = Own::new(4);
    for limit in [1, 2, 3, 4, 9] {
        let held: Vec<AtomicBool> = (0..limit.min(4)).map(|_| AtomicBool::new(false)).collect();
        let caller = std::thread::current().id();
        let work = |_, lane: usize| {
            assert!(!held[lane].swap(true, SeqCst), "lane {lane} held twice");
            assert_eq!(lane == 0, std::thread::current().id() == caller);
            std::thread::sleep(Duration::from_micros(100));
            held[lane].store(false, SeqCst);
        };
        let result = run_with(|| &team.0, team.1, limit, 60, &work, &mut never);
        assert_eq!(result, Ok(()), "limit {limit}");
    }
}

#[test]
fn all_threads_take_part_when_units_wait_for_each_other() {
    let team = Own::new(4);
    for _ in 0..50 {
        let (barrier, seen) = (Barrier::new(4), Mutex::new(HashSet::new()));
        let result = team.run(
            4,
            &|_, lane| {
                barrier.wait();
                seen.lock().unwrap().insert(lane);
            },
            &mut never,
        );
        assert_eq!(result, Ok(()));
        assert_eq!(seen.into_inner().unwrap().len(), 4);
    }
}

#[test]
fn what_units_write_is_seen_by_the_caller_after_the_run() {
    let team = Own::new(4);
    for round in 0..500 {
        // Plain memory behind an uncontended lock per unit: the values must be there, and the borrow must be over.
        let cells: Vec<Mutex<usize>> = (0..32).map(|_| Mutex::new(0)).collect();
        team.run(32, &|unit, _| *cells[unit].lock().unwrap() = unit + round, &mut never).unwrap();
        let got: Vec<usize> = cells.into_iter().map(|cell| cell.into_inner().unwrap()).collect();
        assert!(got.iter().enumerate().all(|(unit, &value)| value == unit + round));
    }
}

#[test]
fn a_panic_names_its_message_and_place_and_leaves_the_team_usable() {
    let mut team = Own::new(1);
    for threads in 1..=4 {
        team.1 = threads;
        for culprit in [0, 7, 19] {
            let before = line!();
            let result =
                team.run(20, &|unit, _| assert!(unit != culprit, "unit {unit} is broken"), &mut never);
            let Err(Stop::Panicked(Panic { message, .. })) = result else { panic!("{result:?}") };
            assert!(message.starts_with(&format!("unit {culprit} is broken (")), "{message}");
            assert!((before..line!()).contains(&line_in(&message)), "{message}");
            assert!(counts(20, |work| team.run(20, work, &mut never)).iter().all(|&n| n == 1));
        }
    }
}

#[test]
fn a_panic_in_every_unit_is_reported_once() {
    let team = Own::new(4);
    let result = team.run(100, &|_, _| panic!("all of them"), &mut never);
    assert!(
        matches!(&result, Err(Stop::Panicked(m)) if m.message.starts_with("all of them (")),
        "{result:?}"
    );
}

#[test]
fn a_panic_whose_value_is_not_text_is_reported() {
    let team = Own::new(2);
    let result = team.run(4, &|_, _| std::panic::panic_any(17), &mut never);
    assert!(
        matches!(&result, Err(Stop::Panicked(m)) if m.message.starts_with("a panic without")),
        "{result:?}"
    );
}

#[test]
fn the_cause_of_a_raised_panic_arrives_and_an_urgent_one_comes_first() {
    let team = Own::new(4);
    for (urgent_unit, expected) in [(None, false), (Some(3), true)] {
        let all_began = Barrier::new(4);
        let work = |unit: usize, _| {
            all_began.wait();
            let is_urgent = Some(unit) == urgent_unit;
            if is_urgent {
                std::thread::sleep(Duration::from_millis(5));
            }
            raise(Panic { message: "raised".into(), cause: Some(Arc::new(unit)), is_urgent });
        };
        let Err(Stop::Panicked(panic)) = team.run(4, &work, &mut never) else { panic!("no panic") };
        let cause = panic.cause.as_ref().and_then(|cause| cause.downcast_ref::<usize>());
        assert!(cause.is_some(), "{panic:?}");
        assert_eq!((panic.is_urgent, cause == Some(&3)), (expected, expected || cause == Some(&3)));
    }
}

#[test]
fn a_panic_in_poll_is_caught() {
    let mut team = Own::new(1);
    for threads in [1, 4] {
        team.1 = threads;
        let result = team.run(8, &|_, _| (), &mut || panic!("poll"));
        assert!(matches!(&result, Err(Stop::Panicked(m)) if m.message.starts_with("poll (")), "{result:?}");
        assert_eq!(team.run(8, &|_, _| (), &mut never), Ok(()));
    }
}

#[test]
fn guard_returns_the_value_or_the_panic() {
    assert_eq!(guard(|| 3), Ok(3));
    let before = line!();
    let Panic { message, .. } = guard(|| Vec::<u8>::new()[0]).unwrap_err();
    assert!(message.starts_with("index out of bounds"), "{message}");
    assert!((before..line!()).contains(&line_in(&message)), "{message}");
}

#[test]
fn cancel_drops_the_units_not_started() {
    let mut team = Own::new(1);
    for threads in 1..=4 {
        team.1 = threads;
        let done = AtomicUsize::new(0);
        let mut polls = 0;
        let mut poll = || {
            polls += 1;
            polls > 3
        };
        let work = |_, _| {
            std::thread::sleep(Duration::from_millis(1));
            done.fetch_add(1, SeqCst);
        };
        assert_eq!(team.run(1000, &work, &mut poll), Err(Stop::Cancelled));
        assert_eq!(polls, 4, "no poll after it returned true");
        assert!((3..1000).contains(&done.load(SeqCst)), "{done:?}");
        assert!(counts(20, |work| team.run(20, work, &mut never)).iter().all(|&n| n == 1));
    }
}

#[test]
fn a_run_of_one_unit_polls_and_a_run_of_none_does_not() {
    let team = Own::new(2);
    for units in [0, 1] {
        let mut polls = 0;
        let result = team.run(units, &|_, _| (), &mut || {
            polls += 1;
            true
        });
        assert_eq!(polls, units);
        assert_eq!(result.is_err(), units == 1);
    }
}

#[test]
fn poll_is_called_while_the_caller_waits_for_a_worker() {
    let team = Own::new(2);
    let (began, polled) = (AtomicBool::new(false), AtomicUsize::new(0));
    let work = |_, lane: usize| {
        if lane == 0 {
            wait_for(&began); // so that the worker has the other unit
        } else {
            began.store(true, SeqCst);
            let started = Instant::now();
            while polled.load(SeqCst) < 5 && started.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    };
    let mut poll = || {
        polled.fetch_add(1, SeqCst);
        false
    };
    assert_eq!(team.run(2, &work, &mut poll), Ok(()));
    assert!(polled.load(SeqCst) >= 5);
}

#[test]
fn nested_runs_are_serial_and_complete() {
    let team = Own::new(4);
    let total = AtomicUsize::new(0);
    let work = |_, _| {
        let me = std::thread::current().id();
        let inner = |_, lane| {
            assert_eq!((lane, std::thread::current().id()), (0, me));
            total.fetch_add(1, SeqCst);
        };
        assert_eq!(team.run(5, &inner, &mut never), Ok(()));
    };
    assert_eq!(team.run(12, &work, &mut never), Ok(()));
    assert_eq!(total.into_inner(), 60);
}

#[test]
fn a_run_inside_poll_is_serial_and_complete() {
    let team = Own::new(4);
    let total = AtomicUsize::new(0);
    let mut poll = || {
        team.run(3, &|_, _| _ = total.fetch_add(1, SeqCst), &mut never).unwrap();
        false
    };
    assert_eq!(team.run(1, &|_, _| (), &mut poll), Ok(()));
    assert_eq!(total.load(SeqCst), 3);
    assert_eq!(team.run(9, &|_, _| (), &mut poll), Ok(()));
}

#[test]
fn a_caller_that_finds_the_team_busy_runs_alone() {
    let team = Own::new(2);
    let (busy, release) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let work = |_, _| {
                busy.store(true, SeqCst);
                wait_for(&release);
            };
            assert_eq!(team.run(2, &work, &mut never), Ok(()));
        });
        wait_for(&busy);
        let me = std::thread::current().id();
        let alone = |_, lane| assert_eq!((lane, std::thread::current().id()), (0, me));
        let result = team.run(10, &alone, &mut never);
        release.store(true, SeqCst);
        assert_eq!(result, Ok(()));
    });
}

#[test]
fn concurrent_callers_that_resize_the_team_get_their_own_units() {
    let team = &Team::new();
    std::thread::scope(|scope| {
        for caller in 0..4 {
            scope.spawn(move || {
                for round in 0..300 {
                    let (threads, units) = (1 + (round / 20) % 4, 1 + (round + caller) % 17);
                    let got = counts(units, |work| run_with(|| team, threads, 9, units, work, &mut never));
                    assert!(got.iter().all(|&n| n == 1), "{threads} threads, {units} units: {got:?}");
                }
            });
        }
    });
}

#[test]
fn ten_thousand_tiny_runs_finish_quickly() {
    let mut team = Own::new(1);
    for threads in [1, 2, 4] {
        team.1 = threads;
        let (total, started) = (AtomicUsize::new(0), Instant::now());
        for _ in 0..10_000 {
            team.run(4, &|_, _| _ = total.fetch_add(1, SeqCst), &mut never).unwrap();
        }
        assert_eq!(total.into_inner(), 40_000);
        // About 0.1 s on an idle machine; the limit only excludes runs that wait for a time-out or a sleeper.
        assert!(started.elapsed() < Duration::from_secs(10), "{threads} threads: {:?}", started.elapsed());
    }
}

#[test]
fn the_number_of_threads_is_clamped() {
    for (requested, expected) in [(0, 1), (1, 1), (3, 3), (usize::MAX, MAX_THREADS)] {
        assert_eq!(size::within_limits(requested), expected);
    }
}

/// A poll that returns true from its `nth` call.
fn at(nth: usize) -> impl FnMut() -> bool {
    let mut polls = 0;
    move || {
        polls += 1;
        polls >= nth
    }
}

#[test]
fn endless_units_end_at_a_pause_when_the_caller_cancels() {
    for threads in 1..=3 {
        let (team, started, left) = (Own::new(threads), AtomicUsize::new(0), AtomicUsize::new(0));
        /// Counts the units that end.
        struct CountOnDrop<'a>(&'a AtomicUsize);
        impl Drop for CountOnDrop<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let endless = |_: usize, _: usize| {
            started.fetch_add(1, SeqCst);
            let _count = CountOnDrop(&left);
            loop {
                pause();
            }
        };
        assert_eq!(team.run(5, &endless, &mut at(100)), Err(Stop::Cancelled));
        assert!((1..=threads).contains(&started.load(SeqCst)), "{threads} threads");
        assert_eq!(left.load(SeqCst), started.load(SeqCst));
        assert_eq!(team.run(5, &|_, _| pause(), &mut never), Ok(()), "the team is as it was");
    }
}

#[test]
fn endless_parts_end_at_a_pause_whatever_the_caller_does_meanwhile() {
    fn endless() {
        loop {
            pause();
        }
    }
    // which thread leads, whether parts are a chain, and the work of part 0 (on the leader) and of part 1 (on the follower)
    type Case = (usize, bool, [fn(); 2]);
    let cases: [Case; 5] = [
        (0, false, [endless, endless]),
        (0, false, [|| {}, endless]), // the caller waits for the part of the follower
        (1, false, [endless, || {}]), // the caller is the follower
        (1, false, [endless, endless]),
        (1, true, [endless, || {}]), // the caller waits for the previous part
    ];
    for (number, (leader, chained, parts)) in cases.into_iter().enumerate() {
        let (team, region, barrier) = (Own::new(2), Region::new(2), Barrier::new(2));
        struct CloseOnDrop<'a>(&'a Region);
        impl Drop for CloseOnDrop<'_> {
            fn drop(&mut self) {
                self.0.close();
            }
        }
        let work = |_: usize, lane: usize| {
            let started = AtomicBool::new(false);
            barrier.wait();
            if lane != leader {
                return region.follow(1);
            }
            let _close = CloseOnDrop(&region);
            let part = |part: usize| {
                if part == 1 {
                    started.store(true, SeqCst);
                    assert!(!chained || !region.wait(1, 1));
                } else {
                    wait_for(&started); // so that the other thread has the other part
                }
                parts[part]();
            };
            if chained { region.share_chain(&part) } else { region.share(&part) }
        };
        let stop = team.run(2, &work, &mut at(100));
        assert_eq!(stop, Err(Stop::Cancelled), "case {number}");
    }
}

#[test]
fn a_panic_in_a_part_is_told_although_another_was_left() {
    let (team, stopping) = (Own::new(1), AtomicBool::new(false));
    let work = |_: usize, _: usize| {
        Region::new(2).share(&|part| {
            if part == 0 {
                stopping.store(true, SeqCst);
                loop {
                    pause();
                }
            }
            assert!(!stopping.load(SeqCst), "part one");
        });
    };
    let stop = team.run(1, &work, &mut at(3));
    assert!(matches!(&stop, Err(Stop::Panicked(text)) if text.message.starts_with("part one")), "{stop:?}");
}

#[test]
fn what_is_called_apart_is_not_asked_about_the_run() {
    let team = Own::new(1);
    let mut polls = 0;
    let counting = &mut || {
        polls += 1;
        false
    };
    assert_eq!(team.run(1, &|_, _| apart(pause), counting), Ok(()));
    assert_eq!(polls, 1, "before the unit");
}

#[test]
fn a_panic_is_told_also_where_others_are_left() {
    let (team, panicked) = (Own::new(2), AtomicBool::new(false));
    let work = |unit: usize, _: usize| match unit {
        0 => {
            wait_for(&panicked);
            loop {
                pause();
            }
        }
        _ => {
            panicked.store(true, SeqCst);
            panic!("unit {unit}");
        }
    };
    let stop = team.run(2, &work, &mut never);
    assert!(matches!(&stop, Err(Stop::Panicked(text)) if text.message.starts_with("unit 1")), "{stop:?}");
}

#[test]
fn a_pause_asks_about_the_innermost_run() {
    pause(); // of none
    let team = Own::new(1);
    let inner = |_: usize, _: usize| loop {
        pause();
    };
    let outer = |_: usize, _: usize| {
        assert_eq!(run_on(1, 1, &inner, &mut at(10)), Err(Stop::Cancelled));
        pause();
    };
    let mut polls = 0;
    let counting = &mut || {
        polls += 1;
        false
    };
    assert_eq!(team.run(1, &outer, counting), Ok(()));
    assert_eq!(polls, 2, "before the unit and at its pause");
}

#[test]
fn a_nested_run_stops_with_the_run_around_it_and_unwinds() {
    for (threads, polls) in [(1, 1), (1, 5), (2, 1), (2, 5)] {
        let (team, returned) = (Own::new(threads), AtomicBool::new(false));
        let endless = |_: usize, _: usize| loop {
            pause();
        };
        let outer = |_: usize, _: usize| {
            let _ = run_nested(threads, 3, &endless);
            returned.store(true, SeqCst);
        };
        // the poll before the outer unit is the first
        assert_eq!(team.run(1, &outer, &mut at(1 + polls)), Err(Stop::Cancelled));
        assert!(!returned.load(SeqCst), "{threads} threads, {polls} polls");
    }
}

#[test]
fn a_nested_run_reports_its_panic_and_runs_all_units_of_a_run_that_goes_on() {
    assert_eq!(counts(7, |work| run_nested(2, 7, work)), [1; 7], "outside of a run");
    let team = Own::new(2);
    let outer = |_: usize, _: usize| {
        assert_eq!(counts(7, |work| run_nested(2, 7, work)), [1; 7]);
        let panicked = run_nested(1, 1, &|_, _| panic!("within"));
        assert!(matches!(panicked, Err(Stop::Panicked(text)) if text.message.starts_with("within")));
        pause();
    };
    assert_eq!(team.run(1, &outer, &mut never), Ok(()));
}

#[test]
fn work_on_many_elements_pauses_now_and_then() {
    let (mut polls, mut pauses) = (0, Pauses::default());
    let counting = &mut || {
        polls += 1;
        false
    };
    assert_eq!(alone(|| (0..1000).for_each(|_| pauses.after(1000)), counting), Ok(()));
    assert!((10..=20).contains(&polls), "{polls} polls for a million elements");
}
