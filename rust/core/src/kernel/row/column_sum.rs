//! Sums of columns: the gradients of biases.

use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// out[c] += a[0, c] + a[1, c] + ..., in this order
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn col_sum<T: Math, S: Simd<T>>(
    s: S,
    rows: usize,
    cols: usize,
    a: *const T,
    lda: usize,
    out: *mut T,
) {
    let mut c = 0;
    // SAFETY: rows below rows and columns below cols exist; a tail is shorter than a vector.
    unsafe {
        // Four vectors a pass, so that whole cache lines are used.
        while c + 4 * S::LANES <= cols {
            let mut sums = [s.splat(T::ZERO); 4];
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = s.load(out.add(c + i * S::LANES));
            }
            for r in 0..rows {
                let row = a.add(r * lda + c);
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = s.add(*sum, s.load(row.add(i * S::LANES)));
                }
            }
            for (i, sum) in sums.iter().enumerate() {
                s.store(out.add(c + i * S::LANES), *sum);
            }
            c += 4 * S::LANES;
        }
        while c + S::LANES <= cols {
            let mut sum = s.load(out.add(c));
            for r in 0..rows {
                sum = s.add(sum, s.load(a.add(r * lda + c)));
            }
            s.store(out.add(c), sum);
            c += S::LANES;
        }
        if c < cols {
            let (count, zero) = (cols - c, s.splat(T::ZERO));
            let mut sum = s.load_partial(out.add(c), count, zero);
            for r in 0..rows {
                sum = s.add(sum, s.load_partial(a.add(r * lda + c), count, zero));
            }
            s.store_partial(out.add(c), count, sum);
        }
    }
}
