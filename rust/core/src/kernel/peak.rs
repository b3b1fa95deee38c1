//! What the machine can do at best: fused multiply-adds that never leave their registers.

use std::time::Instant;

use super::simd::Simd;
use super::{Float, Isa};

/// Independent sums: more than the latency of a multiply-add times the number of units that any machine has,
/// and few enough for 16 registers.
const SUMS: usize = 12;
/// Multiply-adds of each sum per call.
const LENGTH: usize = 20_000;

/// `LENGTH` multiply-adds on each of `SUMS` vectors.
///
/// # Safety
/// One element is writable at `out`.
#[inline(always)]
pub(super) unsafe fn burst<T: Float, S: Simd<T>>(s: S, out: *mut T) {
    let factor = s.splat(T::from_f64(0.999_999));
    let term = s.splat(T::from_f64(1e-7));
    let mut sums = [s.splat(T::ONE); SUMS];
    for _ in 0..LENGTH {
        for sum in &mut sums {
            *sum = s.mul_add(*sum, factor, term);
        }
    }
    let total = sums.into_iter().reduce(|a, b| s.add(a, b)).unwrap_or(term);
    let mut lanes = [T::ZERO; super::simd::MAX_LANES];
    // SAFETY: the buffer holds any vector; the caller vouches for `out`.
    unsafe {
        s.store(lanes.as_mut_ptr(), total);
        out.write(lanes[0]);
    }
}

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
