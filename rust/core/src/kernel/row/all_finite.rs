//! Whether a long row has no NaN and no infinity.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// Sums side by side, which hide the latency of addition.
const SUMS: usize = 4;

/// out = x[0], x[1], ... are all finite. 0 x is 0 if x is finite and NaN otherwise, and a NaN stays in a sum.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn all_finite<T: Math, S: Simd<T>>(s: S, n: usize, x: *const T, out: *mut bool) {
    let zero = s.splat(T::ZERO);
    let mut sums = [zero; SUMS];
    let mut i = 0;
    // SAFETY: elements below n exist.
    unsafe {
        while i + SUMS * S::LANES <= n {
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = s.mul_add(s.load(x.add(i + k * S::LANES)), zero, *sum);
            }
            i += SUMS * S::LANES;
        }
        while i + S::LANES <= n {
            sums[0] = s.mul_add(s.load(x.add(i)), zero, sums[0]);
            i += S::LANES;
        }
        if i < n {
            sums[1] = s.mul_add(s.load_partial(x.add(i), n - i, zero), zero, sums[1]);
        }
        let [a, b, c, d] = sums;
        let sum = s.add(s.add(a, b), s.add(c, d));
        *out = s.all(s.eq(sum, zero));
    }
}
