//! The sum of squares of a long row, in float64.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// So many sums side by side, whatever the instruction set: the same bits on all of them.
const SUMS: usize = 32;

/// out = x[0]^2 + x[1]^2 + ..., element i into sum i mod 32, then the sums in order.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn square_sum<T: Math, S: Simd<T>>(_s: S, n: usize, x: *const T, out: *mut f64) {
    let mut sums = [0.0f64; SUMS];
    let mut i = 0;
    // SAFETY: elements below n exist.
    unsafe {
        while i + SUMS <= n {
            for (k, sum) in sums.iter_mut().enumerate() {
                let x = (*x.add(i + k)).to_f64();
                *sum += x * x;
            }
            i += SUMS;
        }
        for (k, sum) in sums.iter_mut().enumerate().take(n - i) {
            let x = (*x.add(i + k)).to_f64();
            *sum += x * x;
        }
        *out = sums.iter().sum();
    }
}
