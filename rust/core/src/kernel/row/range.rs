//! The least and the largest number of a long row.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// out = the least and the largest of x[0], x[1], ...; NaN for both if one of them is NaN or infinite; 0 for no elements.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn range<T: Math, S: Simd<T>>(s: S, n: usize, x: *const T, out: *mut [T; 2]) {
    // SAFETY: elements below n exist, and so does `out`.
    unsafe {
        if n == 0 {
            *out = [T::ZERO; 2];
            return;
        }
        let zero = s.splat(T::ZERO);
        // 0 x is 0 if x is finite and NaN otherwise, and a NaN stays in a sum
        let (mut least, mut largest, mut sum) = (s.splat(*x), s.splat(*x), zero);
        let mut i = 0;
        while i < n {
            let count = S::LANES.min(n - i);
            let one = if count == S::LANES {
                s.load(x.add(i))
            } else {
                s.load_partial(x.add(i), count, s.splat(*x))
            };
            (least, largest, sum) = (s.min(least, one), s.max(largest, one), s.mul_add(one, zero, sum));
            i += count;
        }
        *out =
            if s.all(s.eq(sum, zero)) { [-s.largest(s.neg(least)), s.largest(largest)] } else { [T::NAN; 2] };
    }
}
