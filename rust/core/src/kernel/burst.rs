//! Fused multiply-adds that never leave their registers: what the measure of the machine's peak runs.

use super::real::Real;
use super::simd::{MAX_LANES, Simd};

/// Independent sums: more than the latency of a multiply-add times the number of units that any machine has,
/// and few enough for 16 registers.
pub(super) const SUMS: usize = 12;
/// Multiply-adds of each sum per call.
pub(super) const LENGTH: usize = 20_000;

/// `LENGTH` multiply-adds on each of `SUMS` vectors.
///
/// # Safety
/// One element is writable at `out`.
#[inline(always)]
pub(super) unsafe fn burst<T: Real, S: Simd<T>>(s: S, out: *mut T) {
    let factor = s.splat(T::from_f64(0.999_999));
    let term = s.splat(T::from_f64(1e-7));
    let mut sums = [s.splat(T::ONE); SUMS];
    for _ in 0..LENGTH {
        for sum in &mut sums {
            *sum = s.mul_add(*sum, factor, term);
        }
    }
    let total = sums.into_iter().reduce(|a, b| s.add(a, b)).unwrap_or(term);
    let mut lanes = [T::ZERO; MAX_LANES];
    // SAFETY: the buffer holds any vector; the caller vouches for `out`.
    unsafe {
        s.store(lanes.as_mut_ptr(), total);
        out.write(lanes[0]);
    }
}
