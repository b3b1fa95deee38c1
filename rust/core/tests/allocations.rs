//! What the steady state allocates: nothing in a step of a stream and in a step of an optimizer, and in a call of a network
//! what it hands out and as much again in small pieces, call after call the same.

#[path = "../examples/guard/programs.rs"]
mod programs;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ostinato_core::kernel::{Float, Isa};
use ostinato_core::net::{Batch, Call, End, Extent, Input, Loss, LossTarget, Reduction, Stream, ThroughTime};
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

fn calls_of_a_network() {
    team::set_num_threads(1);
    let (rows, steps, width) = (32, 50, 40);
    let network = programs::network(width, width);
    let (arena, data) = (numbers(network.arena_len()), numbers(rows * steps * width));
    let plan = LayerPlan::new(&programs::squared_error(width)).expect("a loss");
    let mut train = || {
        let batch = Batch::new(rows, steps, Extent::default()).expect("a batch");
        let call = Call::new(network.clone(), &arena, true, 0).expect("parameters");
        let packed = call.pack(&batch, Input::Features { data: &data, width }).expect("an input");
        let initial = call.pack_states(&batch, &[], End::Initial, "state").expect("states");
        let target = LossTarget::Features { data: &data, width };
        let loss = Loss { plan: &plan, target, reduction: Reduction::Mean, weights: None };
        let done = call.value_and_grad(&batch, packed, &initial, &loss, ThroughTime::Full, &mut || false);
        std::hint::black_box(done.expect("gradients").loss);
    };
    let (third, fourth) = (counted(3, &mut train), counted(1, &mut train));
    assert_eq!(third, fourth, "calls of one shape allocate alike");
    // Copies of the parameters (packed, there and back) and their gradients (of two groups, and their sum), of the
    // input and its gradient, of the targets; 1.5 times as much for what is small.
    let copies = (7 * arena.len() + 4 * data.len()) * size_of::<f32>();
    assert!(fourth.1 <= copies * 3 / 2, "{} bytes in a call; {copies} in copies", fourth.1);
    // saved tensors alone would be 6 * 40 numbers for each row and step
    let saved = rows * steps * 6 * width * size_of::<f32>();
    println!("value_and_grad: {} allocations, {} bytes (saved tensors: {saved})", fourth.0, fourth.1);
    assert!(fourth.0 <= 400, "{} allocations in a call", fourth.0);
}

/// One test, as the counts are those of the whole process.
#[test]
fn the_steady_state_allocates_nothing_that_it_could_keep() {
    steps_of_a_stream();
    steps_of_an_optimizer();
    calls_of_a_network();
}
