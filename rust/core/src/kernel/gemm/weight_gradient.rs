//! C += A^T B over many k: the product of weight gradients, where k runs over rows and steps.

use super::micro::{Left, Start, Stretch, stretch_of_any_width};
use super::pack::{pack_rows, panel_width, vectors};
use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// So many k at a time: the block of A stays in the second cache while all panels of B pass over it.
const DEPTH: usize = 128;

/// C (m, n) += A^T B with A (k, m), B (k, n); `scratch` holds one block of one panel of B.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(in crate::kernel) unsafe fn gemm_tn<T: Math, S: Simd<T>>(
    s: S,
    m: usize,
    n: usize,
    k: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    scratch: &mut Vec<T>,
) {
    if m == 0 || n == 0 {
        return;
    }
    let width = panel_width::<T, S>();
    let room = DEPTH * width;
    if scratch.len() < room {
        scratch.resize(room, T::ZERO);
    }
    let panel = scratch.as_mut_ptr();
    let mut p = 0;
    while p < k {
        let depth = DEPTH.min(k - p);
        let mut j = 0;
        while j < n {
            let cols = width.min(n - j);
            debug_assert!(depth * vectors::<T, S>(cols) * S::LANES <= scratch.len());
            // SAFETY: columns j .. j + cols and k from p on for depth exist; the panel has room for the block.
            unsafe {
                pack_rows(s, depth, cols, b.add(p * ldb + j), ldb, panel);
                let x = Stretch {
                    rows: m,
                    depth,
                    a: Left {
                        start: a.add(p * lda),
                        row: 1,
                        depth: lda,
                    },
                    b: panel,
                    panel: 0,
                    start: Start::From(c.add(j), ldc),
                    c: c.add(j),
                    ldc,
                    cols,
                };
                stretch_of_any_width(s, x);
            }
            j += width;
        }
        p += depth;
    }
}
