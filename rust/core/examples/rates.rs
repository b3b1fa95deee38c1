//! How near the products come to the machine's peak: the shapes of an LSTM's training step, one thread.
//!
//! `cargo run --release -p ostinato-core --example rates [ROWS]` prints, for each product of a unit of so many rows, the
//! share of the multiply-add peak that it reaches with its operands where a training step has them: the rows of a step or
//! of a block of time lie beside others that a cache may have dropped since. `rates ROWS H PRODUCT` prints the seconds of one
//! product alone, for `benches/products.py`, which compares them with PyTorch's.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ostinato_core::kernel::{Float, Init, Isa, Kernels, Src, fma_peak_gflops};
use ostinato_core::memory::Allocator;

/// As in the Python package: large operands have huge pages.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Rows of a block of time.
const BLOCK: usize = 256;
/// Each product is repeated for so long.
const ENOUGH: Duration = Duration::from_millis(60);
/// Blocks that a sequence has: C and A wander over so much memory.
const BLOCKS: usize = 6;

/// An aligned buffer of ones.
struct Ones {
    memory: Vec<f32>,
    first: usize,
}

impl Ones {
    fn new(elements: usize) -> Ones {
        let memory = vec![1.0; elements + 16];
        let first = memory.as_ptr().align_offset(64);
        Ones { memory, first }
    }

    fn at(&mut self, place: usize) -> *mut f32 {
        assert!(self.first + place <= self.memory.len());
        // SAFETY: checked above.
        unsafe { self.memory.as_mut_ptr().add(self.first + place) }
    }
}

/// The shortest of several times that `work` takes for a place, in seconds per place.
fn fastest(places: usize, mut work: impl FnMut(usize)) -> f64 {
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed() < ENOUGH {
        let start = Instant::now();
        for place in 0..places {
            work(place);
        }
        best = best.min(start.elapsed().as_secs_f64() / places as f64);
    }
    best
}

/// A product of a training step. The last three are over a block of time.
const PRODUCTS: [&str; 5] = ["loop", "back", "hoisted", "input", "weights"];

/// The shape of a product of an LSTM of `hidden` units: rows, columns and depth.
fn shape(product: &str, rows: usize, hidden: usize) -> Option<(usize, usize, usize)> {
    let gates = 4 * hidden;
    match product {
        "loop" => Some((rows, gates, hidden)),
        "back" => Some((rows, hidden, gates)),
        "hoisted" => Some((BLOCK, gates, hidden)),
        "input" => Some((BLOCK, hidden, gates)),
        "weights" => Some((gates, hidden, BLOCK)),
        _ => None,
    }
}

/// Seconds of a product: C = bias + A B, C += A B in the loop, C += A^T B for weights.
fn seconds(kernels: &Kernels<f32>, product: &str, (m, n, k): (usize, usize, usize)) -> f64 {
    match product {
        "weights" => weight_gradient(kernels, m, n),
        _ => rows_by_panel(kernels, m, n, k, product == "loop"),
    }
}

/// C = init + A B, `rows` rows at a time; C as wide as B, from one place to the next.
fn rows_by_panel(kernels: &Kernels<f32>, rows: usize, n: usize, k: usize, accumulates: bool) -> f64 {
    let total = BLOCK * BLOCKS;
    let (mut a, mut b, mut c) = (Ones::new(total * k), Ones::new(k * n), Ones::new(total * n));
    let mut packed = Ones::new((kernels.packed_len)(k, n));
    // SAFETY: the sizes are those of the buffers.
    unsafe { (kernels.pack)(k, n, b.at(0), n, 1, packed.at(0)) };
    let bias = vec![1.0f32; n];
    let seconds = fastest(total / rows, |place| {
        let row = place * rows;
        let init = if accumulates {
            Init::Accumulate
        } else {
            Init::From(Src { ptr: bias.as_ptr(), row: 0, col: 1 })
        };
        // SAFETY: rows from `row` on exist in both.
        unsafe { (kernels.gemm)(rows, n, k, a.at(row * k), k, packed.at(0), init, c.at(row * n), n) };
    });
    black_box(c.at(0));
    seconds
}

/// C += A^T B over the rows of a block of time.
fn weight_gradient(kernels: &Kernels<f32>, m: usize, n: usize) -> f64 {
    let total = BLOCK * BLOCKS;
    let (mut a, mut b, mut c) = (Ones::new(total * m), Ones::new(total * n), Ones::new(m * n));
    let mut scratch = Vec::new();
    let seconds = fastest(BLOCKS, |place| {
        let row = place * BLOCK;
        // SAFETY: the rows of a block exist in both.
        unsafe {
            (kernels.gemm_tn)(m, n, BLOCK, a.at(row * m), m, b.at(row * n), n, c.at(0), n, &mut scratch);
        };
    });
    black_box(c.at(0));
    seconds
}

/// A positive number at a place of the command line, if there is one.
fn number(place: usize) -> Option<usize> {
    let text = std::env::args().nth(place)?;
    match text.parse() {
        Ok(found) if (1..=BLOCK * BLOCKS).contains(&found) => Some(found),
        _ => panic!("argument {place} is {text}; expected a whole number from 1 to {}", BLOCK * BLOCKS),
    }
}

fn main() {
    let rows = number(1).unwrap_or(16);
    let isa = Isa::active().unwrap_or_else(|error| panic!("{error}"));
    let kernels = f32::kernels(isa);
    if let (Some(hidden), Some(product)) = (number(2), std::env::args().nth(3)) {
        let shape = shape(&product, rows, hidden);
        let shape = shape.unwrap_or_else(|| panic!("{product}: expected one of {}", PRODUCTS.join(", ")));
        println!("{:e}", seconds(kernels, &product, shape));
        return;
    }
    let peak = fma_peak_gflops(isa);
    println!("{}: {peak:.0} GFLOP/s; shares of it, units of {rows} rows", isa.name());
    println!("{:>6}{}", "H", PRODUCTS.map(|name| format!("{name:>9}")).concat());
    for hidden in [32, 64, 128, 256, 512, 1024] {
        print!("{hidden:>6}");
        for product in PRODUCTS {
            let Some((m, n, k)) = shape(product, rows, hidden) else { continue };
            let rate = 2.0 * (m * n * k) as f64 / seconds(kernels, product, (m, n, k)) / 1e9;
            print!("{:>8.0}%", 100.0 * rate / peak);
        }
        println!();
    }
}
