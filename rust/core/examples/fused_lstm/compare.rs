//! Both sides over the same data: first whether they agree, then how long they take.

use std::time::Instant;

use ostinato_core::kernel::{Float, FlushDenormals, Isa, Kernels};
use ostinato_core::net::{Batch, Extent};
use ostinato_core::plan::{FoldSource, LayerPlan};
use ostinato_core::random::Noise;
use ostinato_core::time::{
    Geometry, IncomingGradients, LayerCall, LayerWeights, Saved, Scratch, SeqView, SlotGradients,
};

use super::hand::{Gradients, Unit, Weights};
use super::programs;

const ROWS: usize = 32;
const STEPS: usize = 100;
/// Of each side, however short the time.
const LEAST: usize = 7;
/// Relative to the largest number of each array. Both sides round the same sums of products; the pointwise parts may
/// contract a b + c d differently, and 100 steps carry that on.
const TOLERANCE: f32 = 1e-4;

/// Compares both at one width for so many seconds.
pub fn compare(hidden: usize, seconds: f64) {
    let isa = Isa::active().expect("an instruction set of this machine");
    if isa != Isa::Avx512 {
        eprintln!("fused_lstm: the pointwise part by hand is in AVX-512; {} runs here", isa.name());
        return;
    }
    // As the team has it around every unit.
    let _flush = FlushDenormals::new();
    one(hidden, seconds, f32::kernels(isa));
}

/// What the engine runs, unit by unit.
struct Engine {
    plan: LayerPlan,
    weights: LayerWeights<f32>,
    kernels: &'static Kernels<f32>,
    scratch: Scratch<f32>,
    outputs: Vec<Vec<f32>>,
    d_x: Vec<Vec<f32>>,
}

impl Engine {
    /// Forwards and back over every unit; gradients of the parameters. `keep`: outputs and input gradients too.
    fn run(
        &mut self,
        hidden: usize,
        units: &[&Geometry],
        x: &[Vec<f32>],
        d: &[Vec<f32>],
        keep: bool,
    ) -> SlotGradients<f32> {
        let Engine { plan, weights, kernels, scratch, outputs, d_x } = self;
        let mut sums = SlotGradients::new(plan);
        // as many rows as the largest unit has, of each state
        let none = [0, 1].map(|_| vec![0.0; ROWS * hidden]);
        for (unit, geometry) in units.iter().enumerate() {
            let (inputs, d_outputs) = ([SeqView::of(&x[unit], hidden)], [SeqView::of(&d[unit], hidden)]);
            let call = LayerCall { plan, weights: weights.weights(), geometry, entries: &[], kernels };
            let there = call.forward(&inputs, &none, true, scratch);
            let saved = Saved { inputs: &inputs, memories: &[], memory: &there.memory };
            let arrived = IncomingGradients { outputs: &d_outputs, finals: &none, memories: &[] };
            let back = call.backward(saved, arrived, Some(&mut sums), scratch);
            if keep {
                let rows = geometry.total();
                outputs.push(dense(there.memory.output(&plan.train, 0, geometry), rows));
                d_x.push(dense(back.memory.output(&plan.back, 0, geometry), rows));
            }
            for (memory, states) in [(there.memory, there.finals), (back.memory, back.d_initial)] {
                scratch.reclaim(memory);
                scratch.vectors.keep_list(states);
            }
        }
        sums
    }
}

/// One width: the gate, then the times.
fn one(hidden: usize, seconds: f64, kernels: &'static Kernels<f32>) {
    let batch = Batch::new(ROWS, STEPS, Extent::default()).expect("a batch");
    let units: Vec<&Geometry> = batch.groups.iter().map(|group| &group.geometry).collect();
    // Weights as layers start with, uniform within 1 / sqrt(H), out of numbers within 0.1.
    let scale = 10.0 / (hidden as f32).sqrt();
    let scaled =
        |count: usize, by: f32| programs::numbers(count).iter().map(|v| v * by).collect::<Vec<f32>>();
    let (w_x, w_h) = (scaled(4 * hidden * hidden, scale), scaled(4 * hidden * hidden, -scale));
    let bias = scaled(4 * hidden, scale);
    let inputs: Vec<Vec<f32>> = units.iter().map(|unit| scaled(unit.total() * hidden, 10.0)).collect();
    let d_outputs: Vec<Vec<f32>> = units.iter().map(|unit| scaled(unit.total() * hidden, -1.0)).collect();

    let plan = LayerPlan::new(&programs::lstm(hidden, hidden)).expect("an LSTM");
    let weights = LayerWeights::new(&plan, &[&w_x, &w_h, &bias], kernels, true, Noise::new(0, 0));
    let scratch = Scratch::new();
    let mut engine = Engine { plan, weights, kernels, scratch, outputs: Vec::new(), d_x: Vec::new() };
    let by_hand = Weights::new(kernels, hidden, &w_x, &w_h, &bias);
    let mut memory: Vec<Unit> = units.iter().map(|unit| Unit::new(unit.rows, STEPS, hidden)).collect();
    let hand = |memory: &mut Vec<Unit>| {
        let mut sums = Gradients::zeros(hidden);
        for (unit, (x, d)) in memory.iter_mut().zip(inputs.iter().zip(&d_outputs)) {
            unit.forward(&by_hand, x);
            unit.backward(&by_hand, x, d, &mut sums);
        }
        sums
    };

    let sums = engine.run(hidden, &units, &inputs, &d_outputs, true);
    let ours = |param: usize| {
        let slots = engine.plan.folds.slots.iter();
        let named = slots.enumerate().find(|(_, slot)| slot.source == FoldSource::Param(param));
        sums.slot(named.expect("a slot of every parameter").0)
    };
    let theirs = hand(&mut memory);
    for (what, a, b) in
        [("w_x", ours(0), &theirs.w_x), ("w_h", ours(1), &theirs.w_h), ("b", ours(2), &theirs.bias)]
    {
        agree(hidden, what, a, b);
    }
    for (unit, memory) in memory.iter().enumerate() {
        agree(hidden, "outputs", &engine.outputs[unit], memory.outputs());
        agree(hidden, "d_x", &engine.d_x[unit], &memory.d_x);
    }

    let mut times = [Vec::new(), Vec::new()];
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < seconds || times[0].len() < LEAST {
        // Who is first changes from pair to pair.
        for which in [times[0].len() % 2, 1 - times[0].len() % 2] {
            let start = Instant::now();
            if which == 0 {
                std::hint::black_box(engine.run(hidden, &units, &inputs, &d_outputs, false));
            } else {
                std::hint::black_box(hand(&mut memory));
            }
            times[which].push(start.elapsed().as_secs_f64());
        }
    }
    let [ours, theirs] = times;
    println!("{{\"ours\": {ours:?}, \"theirs\": {theirs:?}}}");
}

/// The rows of a view, one after the other.
fn dense(view: SeqView<f32>, rows: usize) -> Vec<f32> {
    // SAFETY: the view has so many rows, in memory that is still there.
    let row = |row: usize| unsafe { std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width) };
    (0..rows).flat_map(row).copied().collect()
}

/// Ends the process where two arrays differ: what is wrong is not timed.
fn agree(hidden: usize, what: &str, a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len(), "{what}");
    let largest = a.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let worst = a.iter().zip(b).fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / largest;
    // a NaN is not below anything
    if !(largest > 0.0 && worst <= TOLERANCE) {
        eprintln!("fused_lstm: H={hidden}: {what} differs by {worst:e} of {largest:e}; nothing is timed");
        std::process::exit(1);
    }
}
