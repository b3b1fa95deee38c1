//! What the steady state allocates: nothing in a step of a stream and in a step of an optimizer, and in a call of a network
//! what it hands out, and a few small lists of its layers.

#[path = "../examples/guard/programs.rs"]
mod programs;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ostinato_core::kernel::{Float, Isa};
use ostinato_core::net::{Call, End, Extent, Input, Loss, LossTarget, Reduction, Stream, ThroughTime};
use ostinato_core::plan::LayerPlan;
use ostinato_core::team;
use ostinato_core::update::{Rule, Segment, Updater};
use programs::numbers;

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
    for rows in [1, 7] {
        let mut stream = Stream::new(network.clone(), &arena, rows).expect("a network that streams");
        let (x, mut out) = (numbers(rows * 24), vec![0.0; rows * 40]);
        let step = counted(3, || {
            stream.features(&x).expect("an input");
            stream.step();
            stream.output(&mut out).expect("an output");
        });
        assert_eq!(step, (0, 0), "a step of {rows} rows");
    }
}

fn steps_of_an_optimizer() {
    // on one thread, and on several
    for (len, threads) in [(1000, 1), (300_000, 1), (300_000, 2)] {
        team::set_num_threads(threads);
        let rule = Rule::new(&programs::adam()).expect("element by element");
        let updater = Updater::<f32>::new(rule, f32::kernels(Isa::active().expect("an instruction set")));
        let mut arrays: Vec<Vec<f32>> = (0..4).map(|_| numbers(len)).collect();
        let streams = arrays.iter_mut().map(|array| array.as_mut_ptr()).collect();
        let segments = [Segment { streams, len }];
        let step = counted(20, || {
            // SAFETY: the arrays are apart, of this length, and nobody else's.
            unsafe { updater.step(&segments, &[1e-3, 1.0]) }.expect("a step");
        });
        // a second thread may meet its first chunk in any of the steps
        assert!(step.0 < threads, "{} allocations in a step of {len} numbers", step.0);
    }
}

/// A batch, and how it goes through a network.
struct Case {
    rows: usize,
    steps: usize,
    width: usize,
    /// Whether rows end at different steps.
    ragged: bool,
    both_ways: bool,
}

/// Allocations of a call beside what it hands out, and their bytes.
fn beside_results(case: &Case) -> (usize, usize) {
    let &Case { rows, steps, width, ragged, both_ways } = case;
    let network = if both_ways { programs::both_ways(width, width) } else { programs::network(width, width) };
    let outputs = network.output_width().expect("an output");
    let (arena, data) = (numbers(network.arena_len()), numbers(rows * steps * width));
    let targets = numbers(rows * steps * outputs);
    let plan = LayerPlan::of_loss(&programs::squared_error(outputs)).expect("a loss");
    let lengths: Vec<i64> = (0..rows).map(|row| (row * 7 % steps) as i64).collect();
    let mut results = (0, 0);
    let mut train = || {
        let call = Call::new(network.clone(), &arena, true, 0).expect("parameters");
        let extent = Extent { lengths: ragged.then_some(&lengths[..]), ..Extent::default() };
        let batch = call.batch(rows, steps, extent).expect("a batch");
        let packed = call.pack(&batch, Input::Features { data: &data, width }).expect("an input");
        let initial = call.pack_states(&batch, &[], End::Initial, "state").expect("states");
        let target = LossTarget::Features { data: &targets, width: outputs };
        let loss = Loss { plan: &plan, target, reduction: Reduction::Mean, weights: None };
        let loss = call.loss(&batch, &loss, true).expect("a loss");
        let done = call.value_and_grad(batch, packed, initial, loss, ThroughTime::Full, &mut || false);
        let done = std::hint::black_box(done.expect("gradients"));
        let states = [&done.gradients.initial, &done.finals];
        let arrays = states.into_iter().flatten().chain([&done.gradients.params, &done.gradients.inputs]);
        let bytes: usize = arrays.clone().map(|array| size_of_val(&array[..])).sum();
        let lists = states.map(|list| size_of_val(&list[..]));
        results = (arrays.count() + lists.len(), bytes + lists.iter().sum::<usize>());
    };
    let found = counted(4, &mut train);
    (found.0 - results.0, found.1 - results.1)
}

fn calls_of_a_network() {
    team::set_num_threads(1);
    let case = |rows, steps, width| Case { rows, steps, width, ragged: false, both_ways: false };
    let small = case(32, 50, 40);
    let others = [
        case(80, 50, 40),
        case(32, 300, 40),
        case(32, 50, 100),
        case(3, 1, 40),
        Case { ragged: true, ..case(45, 70, 40) },
    ];
    let expected = beside_results(&small);
    // The threads that may take part, the parameters of the layer, the limits of the loss's ids, the name of the
    // instruction set.
    assert_eq!(expected.0, 4, "{} bytes", expected.1);
    assert!(expected.1 <= 1024, "{} bytes", expected.1);
    for other in others {
        let Case { rows, steps, width, .. } = other;
        assert_eq!(beside_results(&other), expected, "{rows} rows, {steps} steps, {width} units");
    }
    // one layer more
    let both = beside_results(&Case { both_ways: true, ..small });
    assert_eq!(both.0, expected.0 + 1, "{} bytes", both.1);
    assert_eq!(both, beside_results(&Case { both_ways: true, ragged: true, ..case(45, 70, 60) }));
}

/// One test, as the counts are those of the whole process.
#[test]
fn the_steady_state_allocates_nothing_that_it_could_keep() {
    steps_of_a_stream();
    steps_of_an_optimizer();
    calls_of_a_network();
}
