//! Work whose instructions `benches/guard.py` counts: `guard NAME TIMES`.

mod programs;
mod training;

use std::sync::Arc;

use ostinato_core::kernel::{Dst, Float, Init, Isa, Src, Unary};
use ostinato_core::net::{Engine, Extent, Given, StepEngine, Stream, ThroughTime};
use ostinato_core::plan::LayerPlan;
use ostinato_core::team;
use ostinato_core::update::{Rule, Segment, Totals, Updater, square_sum};
use programs::numbers;
use training::Training;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(name), Some(Ok(times))) =
        (arguments.get(1), arguments.get(2).map(|text| text.parse::<usize>()))
    else {
        eprintln!("guard NAME TIMES; names: {}", WORKS.map(|(name, _)| name).join(" "));
        std::process::exit(2);
    };
    team::set_num_threads(1);
    match WORKS.iter().find(|(known, _)| known == name) {
        Some((_, work)) => work(times),
        None => {
            eprintln!("guard: there is no {name}");
            std::process::exit(2);
        }
    }
}

type Work = fn(usize);

const WORKS: [(&str, Work); 7] = [
    ("gemm", gemm),
    ("sigmoid_tanh", sigmoid_tanh),
    ("lstm_step", lstm_step),
    ("lstm_train", lstm_train),
    ("lstm_frozen", lstm_frozen),
    ("adam", adam),
    ("norm", norm),
];

fn isa() -> Isa {
    Isa::active().expect("an instruction set of this machine")
}

/// C (32, 512) = A (32, 128) B (128, 512), packed before.
fn gemm(times: usize) {
    let (m, n, k) = (32, 512, 128);
    let kernels = f32::kernels(isa());
    let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0f32; m * n]);
    let mut packed = vec![0.0f32; (kernels.packed_len)(k, n)];
    // SAFETY: the sizes are those of the matrices; `packed` has the length that the kernel asked for.
    unsafe { (kernels.pack)(k, n, b.as_ptr(), n, 1, packed.as_mut_ptr()) };
    for _ in 0..times {
        // SAFETY: as above.
        unsafe {
            (kernels.gemm)(m, n, k, a.as_ptr(), k, packed.as_ptr(), Init::Zero, c.as_mut_ptr(), n);
        }
    }
    std::hint::black_box(c);
}

/// The sigmoid and the hyperbolic tangent of 4096 numbers.
fn sigmoid_tanh(times: usize) {
    let kernels = f32::kernels(isa());
    let (x, mut y) = (numbers(4096), vec![0.0f32; 4096]);
    for _ in 0..times {
        for op in [Unary::Sigmoid, Unary::Tanh] {
            let (dst, src) =
                (Dst { ptr: y.as_mut_ptr(), row: 128 }, Src { ptr: x.as_ptr(), row: 128, col: 1 });
            // SAFETY: both have 32 rows of 128 numbers.
            unsafe { (kernels.unary)(op, 0.0, 32, 128, dst, src) };
        }
    }
    std::hint::black_box(y);
}

/// One step of a stream of an LSTM, I = H = 128, one row.
fn lstm_step(times: usize) {
    let network = programs::network(128, 128);
    let arena = numbers(network.arena_len());
    let engine = Arc::new(StepEngine::new(&network).expect("a network that streams"));
    let mut stream =
        Stream::new(engine.clone(), &arena, Arc::new(Given::nothing(1))).expect("a network that streams");
    stream.features(&numbers(128)).expect("one row");
    (0..times).for_each(|_| stream.step());
    std::hint::black_box(stream.state(0));
}

/// Loss and gradients of an LSTM, I = H = 64, 8 rows x 20 steps.
fn lstm_train(times: usize) {
    train(programs::network(WIDTH, WIDTH), times);
}

/// The same with frozen matrices: a third of the products falls away.
fn lstm_frozen(times: usize) {
    train(programs::frozen(WIDTH, WIDTH), times);
}

/// I and H of the networks that are trained.
const WIDTH: usize = 64;

fn train(network: Arc<Engine>, times: usize) {
    let (rows, steps, width) = (8, 20, WIDTH);
    let (arena, data) = (numbers(network.arena_len()), numbers(rows * steps * width));
    let plan = LayerPlan::of_loss(&programs::squared_error(width)).expect("a loss");
    let (network, arena, x) = (&network, &arena[..], &data[..]);
    let training = Training { network, arena, x, targets: x, loss: &plan, rows, steps };
    for _ in 0..times {
        std::hint::black_box(training.step(Extent::default(), ThroughTime::Full).loss);
    }
}

/// A step of Adam over 16384 numbers.
fn adam(times: usize) {
    let rule = Rule::new(&programs::adam()).expect("element by element");
    let updater = Updater::<f32>::new(rule, f32::kernels(isa()));
    let mut arrays: Vec<Vec<f32>> = (0..4).map(|_| numbers(16_384)).collect();
    arrays[3].iter_mut().for_each(|v| *v = v.abs());
    let streams = arrays.iter_mut().map(|array| array.as_mut_ptr()).collect();
    let segments = [Segment::new(streams, 16_384)];
    for count in 0..times {
        // SAFETY: the arrays are apart, of this length, and used by no other code.
        unsafe { updater.step(&segments, &[1e-3, 1.0 + count as f64], &mut Totals::default()) }
            .expect("a step");
    }
    std::hint::black_box(arrays);
}

/// The sum of squares of 16384 numbers.
fn norm(times: usize) {
    let values = numbers(16_384);
    for _ in 0..times {
        std::hint::black_box(square_sum(&values, f32::kernels(isa())).expect("a sum"));
    }
}
