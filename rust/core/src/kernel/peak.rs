//! What the machine can do at best.

use std::time::Instant;

use super::burst::{LENGTH, SUMS};
use super::isa::Isa;
use super::table::Float;

/// Billions of float32 operations per second that one thread reaches in an instruction set: the best of
/// several bursts, about 50 ms in all.
pub fn fma_peak_gflops(isa: Isa) -> f64 {
    let kernels = f32::kernels(isa);
    let work = (2 * SUMS * LENGTH * kernels.lanes) as f64;
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut sink = 0.0f32;
    while begin.elapsed().as_millis() < 50 {
        let start = Instant::now();
        // SAFETY: `sink` is one element.
        unsafe { (kernels.fma_burst)(&raw mut sink) };
        best = best.min(start.elapsed().as_secs_f64());
        std::hint::black_box(sink);
    }
    work / best / 1e9
}
