//! Allocations in the steady state: none in a step of a stream or of an optimizer; in a call of a network, of every mode,
//! only the results and a few small lists.

#[path = "../../guard/src/programs.rs"]
mod programs;
#[path = "../../guard/src/training.rs"]
mod training;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ostinato_core::kernel::{Float, Isa};
use ostinato_core::net::{
    Budget, Call, End, Evaluated, Extent, Given, Input, Network, StepEngine, Stream, ThroughTime,
};
use ostinato_core::plan::LayerPlan;
use ostinato_core::team;
use ostinato_core::update::{Rule, Segment, Totals, Updater};
use programs::numbers;
use training::Training;

/// Counts allocations, of all threads.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

fn note(bytes: usize) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: passed on.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations, and their bytes, of the last of `times` runs of `work`.
fn counted(times: usize, mut work: impl FnMut()) -> (usize, usize) {
    (1..times).for_each(|_| work());
    let before = (COUNT.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    work();
    (COUNT.load(Ordering::Relaxed) - before.0, BYTES.load(Ordering::Relaxed) - before.1)
}

fn steps_of_a_stream() {
    let network = programs::network(24, 40);
    let arena = numbers(network.arena_len());
    let engine = Arc::new(StepEngine::new(&network).expect("a network that streams"));
    for rows in [1, 7] {
        let mut stream = Stream::new(engine.clone(), &arena, Arc::new(Given::nothing(rows)))
            .expect("a network that streams");
        let (x, mut out) = (numbers(rows * 24), vec![0.0; rows * 40]);
        let step = counted(3, || {
            stream.features(&x).expect("an input");
            stream.step();
            stream.output(&mut out).expect("an output");
        });
        assert_eq!(step, (0, 0), "a step of {rows} rows");
    }
}

fn steps_of_a_decoder() {
    team::set_num_threads(1);
    let network = Network::from_json(include_str!("decoder.json").trim_end(), false).expect("a network");
    let arena = numbers(network.arena_len());
    let engine = Arc::new(StepEngine::new(&network).expect("a network that streams"));
    let before = engine.before.clone().expect("an input besides the fed one");
    for (rows, entries) in [(1, 4), (7, 20)] {
        let memory = numbers(rows * entries * 3);
        let lengths: Vec<i64> = (0..rows).map(|row| (row % (entries + 1)) as i64).collect();
        let call = Call::new(before.clone(), &arena, false, 0).expect("parameters");
        let extent = Extent { lengths: Some(&lengths), ..Extent::default() };
        let batch = call.batch(rows, entries, extent).expect("a batch");
        let initial = call.pack_states(&batch, &[], End::Initial, "state").expect("states");
        let inputs = [Input::Features { data: &memory, width: 3 }];
        let given = Given::compute(&engine, &call, batch, (&inputs, initial), &mut || false);
        let given = Arc::new(given.expect("the keys"));
        let mut stream = Stream::new(engine.clone(), &arena, given).expect("a network that streams");
        let (x, mut out) = (numbers(rows * 2), vec![0.0; rows * 6]);
        let step = counted(3, || {
            stream.features(&x).expect("an input");
            stream.step();
            stream.output(&mut out).expect("an output");
        });
        assert_eq!(step, (0, 0), "a step of {rows} rows with {entries} entries");
    }
}

fn steps_of_an_optimizer() {
    // on one thread, and on several
    for (len, threads) in [(1000, 1), (300_000, 1), (300_000, 2)] {
        team::set_num_threads(threads);
        let rule = Rule::new(&programs::adam()).expect("element by element");
        let updater = Updater::<f32>::new(rule, f32::kernels(Isa::active().expect("an instruction set")));
        // the last slot has squares
        let fresh = |k| numbers(len).into_iter().map(|x| if k == 3 { x * x } else { x }).collect();
        let mut arrays: Vec<Vec<f32>> = (0..4).map(fresh).collect();
        let streams = arrays.iter_mut().map(|array| array.as_mut_ptr()).collect();
        let segments = [Segment::new(streams, len)];
        let mut totals = Totals::default();
        let step = counted(20, || {
            // SAFETY: the arrays are apart, of this length, and used by no other code.
            let found = unsafe { updater.check(&segments, &[1e-3, 1.0], &mut totals) }.expect("a check");
            assert_eq!(found, None);
            // SAFETY: as above.
            unsafe { updater.step(&segments, &[1e-3, 1.0], &mut totals) }.expect("a step");
        });
        // a second thread may meet its first segment in any of the steps
        assert!(step.0 < threads, "{} allocations in a step of {len} numbers", step.0);
    }
}

/// With reductions over rows, columns and the whole, and slots of these: the numbers are those of a loop, for any number
/// of threads, and only the first step allocates.
fn steps_with_reductions() {
    let (program, form) = programs::factored();
    for (rows, columns) in [(3, 5), (1, 700), (700, 1), (1000, 301), (0, 4), (4, 0)] {
        let len = rows * columns;
        let mut found: Vec<Vec<f64>> = Vec::new();
        for threads in [1, 2, 3] {
            team::set_num_threads(threads);
            let rule = Rule::of(&program, &form).expect("a rule");
            let updater = Updater::<f64>::new(rule, f64::kernels(Isa::active().expect("an instruction set")));
            let wide = |len| numbers(len).into_iter().map(f64::from).collect::<Vec<f64>>();
            let (mut param, mut grad) =
                (wide(len), wide(len).into_iter().map(|x| x - 0.3).collect::<Vec<_>>());
            let (mut row, mut column, mut age) = (vec![0.25; rows], vec![0.5; columns], vec![7.0]);
            let (before, slope) = (param.clone(), grad.clone());
            let mut segment = Segment::new(vec![param.as_mut_ptr(), grad.as_mut_ptr()], len);
            segment.sides = vec![row.as_mut_ptr(), column.as_mut_ptr(), age.as_mut_ptr()];
            (segment.rows, segment.columns) = (rows, columns);
            let segments = [segment];
            let mut totals = Totals::default();
            // SAFETY: the arrays are apart, of these lengths, and used by no other code.
            let checked = unsafe { updater.check(&segments, &[0.5], &mut totals) }.expect("a check");
            assert_eq!(checked, None);
            assert_eq!(param, before, "a check writes");
            // SAFETY: as above.
            unsafe { updater.step(&segments, &[0.5], &mut totals) }.expect("a step");
            let at = |r: usize, c: usize| slope[r * columns + c];
            let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
            let square = |r: usize| (0..columns).map(|c| at(r, c) * at(r, c)).sum::<f64>();
            let rows_now: Vec<f64> =
                (0..rows).map(|r| 0.125 + 0.5 * mean(square(r), columns).sqrt()).collect();
            let columns_now: Vec<f64> =
                (0..columns).map(|c| 0.25 + 0.5 * mean((0..rows).map(|r| at(r, c)).sum(), rows)).collect();
            let steps: Vec<f64> = (0..len)
                .map(|i| slope[i] / (rows_now[i / columns] * columns_now[i % columns] + 1.0))
                .collect();
            let norm = steps.iter().map(|x| x * x).sum::<f64>().sqrt();
            let want: Vec<f64> = before.iter().zip(&steps).map(|(p, d)| p - 0.5 / (norm + 1.0) * d).collect();
            let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12);
            assert!(near(&param, &want) && near(&row, &rows_now) && near(&column, &columns_now));
            assert_eq!(age, [8.0]);
            found.push([&param[..], &row, &column].concat());
            assert_eq!(found[0], found[found.len() - 1], "{threads} threads, {rows} x {columns}");
            let step = counted(20, || {
                // SAFETY: as above.
                unsafe {
                    updater.check(&segments, &[0.5], &mut totals).expect("a check");
                    updater.step(&segments, &[0.5], &mut totals).expect("a step");
                }
            });
            // another thread may meet its first unit in any of the steps
            assert!(step.0 < threads.max(2), "{} allocations in a step of {rows} x {columns}", step.0);
        }
    }
}

/// A batch, and how it goes through a network.
#[derive(Clone, Copy)]
struct Case {
    rows: usize,
    steps: usize,
    width: usize,
    /// Whether rows end at different steps.
    ragged: bool,
    bidirectional: bool,
    mode: Mode,
}

#[derive(Clone, Copy)]
enum Mode {
    Train(ThroughTime),
    /// A run, and its backward pass as a call of its own.
    RunAndBack,
    Infer,
}

/// The results of a call.
type Arrays = Vec<Vec<f32>>;

/// Arrays that a call returns, as one list.
fn joined(first: [Vec<f32>; 1], others: impl IntoIterator<Item = Vec<f32>>) -> Arrays {
    let mut all = Vec::with_capacity(4);
    all.extend(first);
    all.extend(others);
    all
}

/// Allocations of a call in addition to its results, and their bytes.
fn extra_allocations(case: Case) -> (usize, usize) {
    let Case { rows, steps, width, ragged, bidirectional, mode } = case;
    let network =
        if bidirectional { programs::both_ways(width, width) } else { programs::network(width, width) };
    let outputs = network.output_width().expect("an output");
    let (arena, data) = (numbers(network.arena_len()), numbers(rows * steps * width));
    let targets = numbers(rows * steps * outputs);
    let plan = LayerPlan::of_loss(&programs::squared_error(outputs)).expect("a loss");
    let lengths: Vec<i64> = (0..rows).map(|row| (row * 7 % steps) as i64).collect();
    let mut results = (0, 0);
    let training =
        Training { network: &network, arena: &arena, x: &data, targets: &targets, loss: &plan, rows, steps };
    let mut work = || {
        let extent = Extent { lengths: ragged.then_some(&lengths[..]), ..Extent::default() };
        let (arrays, states): (Arrays, Vec<Arrays>) = if let Mode::Train(through_time) = mode {
            let Evaluated { gradients, finals, .. } = training.step(extent, through_time);
            (joined([gradients.params], gradients.inputs), vec![gradients.initial, finals])
        } else {
            let backward = matches!(mode, Mode::RunAndBack);
            let call = Call::new(network.clone(), &arena, backward, 0).expect("parameters");
            let batch = call.batch(rows, steps, extent).expect("a batch");
            let inputs = [Input::Features { data: &data, width }];
            let initial = call.pack_states(&batch, &[], End::Initial, "state").expect("states");
            let mut never = || false;
            if backward {
                let packed = call.pack(&batch, &inputs).expect("an input");
                let run = call.run(batch, packed, initial, &mut never).expect("a run");
                let (values, finals) =
                    (call.outputs(&run, &mut || false).expect("outputs"), call.final_state(&run));
                let arriving = call.pack_gradients(&run.batch, &[Some(&targets)], &[]).expect("gradients");
                let back = call.back(&run, arriving, 0.0, &mut never).expect("gradients");
                (joined([back.params], values.into_iter().chain(back.inputs)), vec![finals, back.initial])
            } else {
                let done = call.infer(batch, &inputs, initial, &mut never).expect("outputs");
                (done.outputs, vec![done.finals])
            }
        };
        let bytes = |arrays: &Arrays| arrays.iter().map(|array| size_of_val(&array[..])).sum::<usize>();
        let of_states = states.iter().map(|list| bytes(list) + size_of_val(&list[..])).sum::<usize>();
        // each array, each list of states; and the lists that this closure made
        let count = arrays.len() + states.iter().map(|list| list.len() + 1).sum::<usize>() + 2;
        results = (count, bytes(&arrays) + of_states + size_of_val(&arrays[..]) + size_of_val(&states[..]));
    };
    let found = counted(4, &mut work);
    (found.0 - results.0, found.1 - results.1)
}

fn calls_of_a_network() {
    team::set_num_threads(1);
    let truncated = |every, back| Mode::Train(ThroughTime::Truncated { every, back });
    let checkpointed = |budget| Mode::Train(ThroughTime::Checkpointed(budget));
    // Lists of a call: the name of the instruction set; its inputs and outputs; with a loss the parameters of the layer, the
    // limits of ids, the losses and what they come to; of windows, how each layer reads the input; of checkpoints, what the
    // schedule was made for; of a run that goes back, its outputs and the gradients of them.
    let modes = [
        ("full BPTT", Mode::Train(ThroughTime::Full), 8),
        ("windows", truncated(10, 10), 12),
        ("windows that overlap", truncated(10, 25), 12),
        ("checkpoints", checkpointed(Budget::Share(300_000)), 10),
        ("fewer checkpoints", checkpointed(Budget::Share(200_000)), 10),
        ("segments of the square root", checkpointed(Budget::SquareRoot), 10),
        ("run and back", Mode::RunAndBack, 8),
        ("inference", Mode::Infer, 3),
    ];
    for (name, mode, count) in modes {
        let case =
            |rows, steps, width| Case { rows, steps, width, ragged: false, bidirectional: false, mode };
        let small = case(32, 200, 24);
        let expected = extra_allocations(small);
        assert_eq!(expected.0, count, "{name}: {} bytes", expected.1);
        assert!(expected.1 <= 1024, "{name}: {} bytes", expected.1);
        let mut others = vec![case(72, 200, 24), case(32, 500, 24), case(32, 200, 60), case(12, 700, 24)];
        // Where rows end at different steps, or a layer reads from the end, segments within a budget are of many sizes,
        // and the memory of one is freed for another.
        let budget = matches!(mode, Mode::Train(ThroughTime::Checkpointed(_)));
        if !budget {
            others.push(Case { ragged: true, ..case(45, 70, 24) });
        }
        for other in others {
            let Case { rows, steps, width, .. } = other;
            assert_eq!(
                extra_allocations(other),
                expected,
                "{name}: {rows} rows, {steps} steps, {width} units"
            );
        }
        if !budget {
            // one layer more
            let both = extra_allocations(Case { bidirectional: true, ..small });
            assert!(both.0 <= expected.0 + 1 && both.1 <= 1024, "{name}: {both:?}");
            let ragged = Case { bidirectional: true, ragged: true, ..case(45, 70, 40) };
            assert_eq!(extra_allocations(ragged), both, "{name}");
        }
    }
}

/// One test, as the counts are those of the whole process.
#[test]
fn the_steady_state_allocates_nothing_that_it_could_keep() {
    steps_of_a_stream();
    steps_of_a_decoder();
    steps_of_an_optimizer();
    steps_with_reductions();
    calls_of_a_network();
}
