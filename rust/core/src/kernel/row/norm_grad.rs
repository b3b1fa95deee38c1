//! The adjoint of the norms of a row, in one pass over the ops that it is written in.

use super::operand::{Operand, Spread};
use super::total;
use crate::kernel::args::{Dst, NormGrad, Src};
use crate::kernel::math::Math;
use crate::kernel::simd::{MAX_LANES, Simd};

/// dst = r (d - mean(d) - y mean(d y)) with y the norm and r, one number a row, its scale; for `Rms` without mean(d).
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(in crate::kernel) unsafe fn norm_grad<T: Math, S: Simd<T>>(
    s: S,
    op: NormGrad,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    r: Src<T>,
    y: Src<T>,
    d: Src<T>,
) {
    if cols == 0 {
        return;
    }
    let mut spread: [Spread<T>; 2] = [[T::ZERO; MAX_LANES]; 2];
    let [spread_y, spread_d] = &mut spread;
    let count = T::from_f64(cols as f64);
    for line in 0..rows {
        // SAFETY: row line < rows exists and has cols columns, one of r; a tail is shorter than a vector.
        unsafe {
            let scale = *r.ptr.add(line * r.row);
            let y = Operand::row(s, y, line, spread_y);
            let d = Operand::row(s, d, line, spread_d);
            let (sum, dot) = total::sum_and_dot(s, &d, &y, cols);
            let shift = if op == NormGrad::Layer { sum / count } else { T::ZERO };
            let along = dot / count;
            let f = Projection { shift: s.splat(shift), along: s.splat(along), scale: s.splat(scale) };
            let out = dst.ptr.add(line * dst.row);
            let mut c = 0;
            while c + S::LANES <= cols {
                s.store(out.add(c), f.apply(s, y.load(s, c), d.load(s, c)));
                c += S::LANES;
            }
            if c < cols {
                let (count, zero) = (cols - c, s.splat(T::ZERO));
                let (y, d) = (y.load_partial(s, c, count, zero), d.load_partial(s, c, count, zero));
                s.store_partial(out.add(c), count, f.apply(s, y, d));
            }
        }
    }
}

/// ((d - shift) - y along) scale
struct Projection<V> {
    shift: V,
    along: V,
    scale: V,
}

impl<V: Copy> Projection<V> {
    #[inline(always)]
    fn apply<T: Math, S: Simd<T, V = V>>(&self, s: S, y: V, d: V) -> V {
        s.mul(s.neg_mul_add(y, self.along, s.sub(d, self.shift)), self.scale)
    }
}
