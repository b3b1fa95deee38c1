//! The ablation of depth first: what does it give that a training step finishes a group of rows before the next?
//!
//! `row_groups T N H ROWS THREADS SECONDS` runs an LSTM's `value_and_grad` in groups of the size that the engine picks,
//! and in groups of ROWS, alternately: the same products by the same kernels; what differs is how many rows lie in memory
//! from their forward to their backward pass. Prints a line of JSON with the seconds of each run; `benches/examples.py` reads it.

#[path = "../../../guard/src/programs.rs"]
#[allow(dead_code)] // the LSTM and the loss alone are wanted of them
mod programs;
#[path = "../../../guard/src/training.rs"]
mod training;

use std::sync::Arc;
use std::time::Instant;

use ostinato_core::net::{Engine, Evaluated, Extent, ThroughTime};
use ostinato_core::plan::LayerPlan;
use ostinato_core::team;
use programs::numbers;
use training::Training;

/// Of each side, however short the time.
const LEAST: usize = 7;
/// Relative to the largest number of the gradient: both sum the same numbers in another order.
const TOLERANCE: f32 = 1e-4;

fn main() {
    let arguments: Vec<f64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [steps, rows, hidden, group, threads, seconds] = arguments[..] else {
        eprintln!("row_groups T N H ROWS THREADS SECONDS");
        std::process::exit(2);
    };
    team::set_num_threads(threads as usize);
    let work = Work::new(steps as usize, rows as usize, hidden as usize);
    // each side has memory of its own
    let sides = [None, Some(group as usize)].map(|group| (Arc::new((*work.network).clone()), group));
    let [ours, theirs] = [&sides[0], &sides[1]].map(|side| work.run(side).gradients.params);
    let largest = ours.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let worst = ours.iter().zip(&theirs).fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / largest;
    // a NaN is not below anything
    if !(largest > 0.0 && worst <= TOLERANCE) {
        eprintln!("row_groups: gradients differ by {worst:e} of {largest:e}; nothing is timed");
        std::process::exit(1);
    }
    let mut times = [Vec::new(), Vec::new()];
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < seconds || times[0].len() < LEAST {
        // Who is first changes from pair to pair.
        for which in [times[0].len() % 2, 1 - times[0].len() % 2] {
            let start = Instant::now();
            std::hint::black_box(work.run(&sides[which]));
            times[which].push(start.elapsed().as_secs_f64());
        }
    }
    let [ours, theirs] = times;
    println!("{{\"ours\": {ours:?}, \"theirs\": {theirs:?}}}");
}

/// A training step of an LSTM, I = H, with squared error.
struct Work {
    network: Arc<Engine>,
    arena: Vec<f32>,
    x: Vec<f32>,
    targets: Vec<f32>,
    loss: LayerPlan,
    shape: [usize; 2],
}

impl Work {
    fn new(steps: usize, rows: usize, hidden: usize) -> Work {
        let network = programs::network(hidden, hidden);
        // Weights as layers start with, uniform within 1 / sqrt(H), out of numbers within 0.1.
        let scale = 10.0 / (hidden as f32).sqrt();
        let arena = numbers(network.arena_len()).iter().map(|x| x * scale).collect();
        let [x, targets] =
            [10.0, -5.0].map(|by| numbers(rows * steps * hidden).iter().map(|x| x * by).collect());
        let loss = LayerPlan::of_loss(&programs::squared_error(hidden)).expect("a loss");
        Work { network, arena, x, targets, loss, shape: [steps, rows] }
    }

    /// One step in groups of so many rows, or of as many as the engine picks.
    fn run(&self, (network, group): &(Arc<Engine>, Option<usize>)) -> Evaluated<f32> {
        let [steps, rows] = self.shape;
        let (arena, x, targets, loss) = (&self.arena, &self.x, &self.targets, &self.loss);
        let training = Training { network, arena, x, targets, loss, rows, steps };
        training.step(Extent { group_rows: *group, ..Extent::default() }, ThroughTime::Full)
    }
}
