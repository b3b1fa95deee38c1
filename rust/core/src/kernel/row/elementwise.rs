//! The loops of the elementwise kernels.

use super::maps::{self, Map};
use super::operand::{Operand, Spread};
use crate::kernel::args::{Binary, Dst, Src, Ternary, Unary};
use crate::kernel::math::Math;
use crate::kernel::simd::{MAX_LANES, Simd};

/// dst = op(x)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn unary<T: Math, S: Simd<T>>(
    s: S,
    op: Unary,
    alpha: T,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    x: Src<T>,
) {
    let sizes = (rows, cols);
    // SAFETY: passed on.
    unsafe {
        match op {
            Unary::Copy => map(s, maps::Copy, sizes, dst, [x]),
            Unary::Neg => map(s, maps::Neg, sizes, dst, [x]),
            Unary::Exp => map_long(s, maps::Exp, sizes, dst, x),
            Unary::Log => map_long(s, maps::Log, sizes, dst, x),
            Unary::Sqrt => map(s, maps::Sqrt, sizes, dst, [x]),
            Unary::Abs => map(s, maps::Abs, sizes, dst, [x]),
            Unary::Sign => map(s, maps::Sign, sizes, dst, [x]),
            Unary::Sigmoid => map_long(s, maps::Sigmoid, sizes, dst, x),
            Unary::Tanh => map_long(s, maps::Tanh, sizes, dst, x),
            Unary::Relu => map(s, maps::Relu, sizes, dst, [x]),
            Unary::LeakyRelu => map(s, maps::LeakyRelu(alpha), sizes, dst, [x]),
            Unary::Elu => map_long(s, maps::Elu(alpha), sizes, dst, x),
            Unary::Softplus => map_long(s, maps::Softplus, sizes, dst, x),
            Unary::Silu => map_long(s, maps::Silu, sizes, dst, x),
            Unary::Gelu => map_long(s, maps::Gelu, sizes, dst, x),
            Unary::Erf => map_long(s, maps::Erf, sizes, dst, x),
            Unary::Sin => map_long(s, maps::Sin, sizes, dst, x),
            Unary::Cos => map_long(s, maps::Cos, sizes, dst, x),
            Unary::Round => map(s, maps::Round, sizes, dst, [x]),
            Unary::Floor => map(s, maps::Floor, sizes, dst, [x]),
            Unary::Lgamma => map_long(s, maps::Lgamma, sizes, dst, x),
            Unary::Digamma => map_long(s, maps::Digamma, sizes, dst, x),
        }
    }
}

/// dst = op(a, b)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn binary<T: Math, S: Simd<T>>(
    s: S,
    op: Binary,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    a: Src<T>,
    b: Src<T>,
) {
    let sizes = (rows, cols);
    // SAFETY: passed on.
    unsafe {
        match op {
            Binary::Add => map(s, maps::Add, sizes, dst, [a, b]),
            Binary::Sub => map(s, maps::Sub, sizes, dst, [a, b]),
            Binary::Mul => map(s, maps::Mul, sizes, dst, [a, b]),
            Binary::Div => map(s, maps::Div, sizes, dst, [a, b]),
            Binary::Pow => map(s, maps::Pow, sizes, dst, [a, b]),
            Binary::Min => map(s, maps::Min, sizes, dst, [a, b]),
            Binary::Max => map(s, maps::Max, sizes, dst, [a, b]),
            Binary::LogAddExp => map(s, maps::LogAddExp, sizes, dst, [a, b]),
            Binary::Polygamma => map(s, maps::Polygamma, sizes, dst, [a, b]),
            Binary::Less => map(s, maps::Less, sizes, dst, [a, b]),
            Binary::LessEqual => map(s, maps::LessEqual, sizes, dst, [a, b]),
            Binary::Greater => map(s, maps::Greater, sizes, dst, [a, b]),
            Binary::GreaterEqual => map(s, maps::GreaterEqual, sizes, dst, [a, b]),
            Binary::Equal => map(s, maps::Equal, sizes, dst, [a, b]),
            Binary::NotEqual => map(s, maps::NotEqual, sizes, dst, [a, b]),
            Binary::SigmoidGrad => map(s, maps::SigmoidGrad, sizes, dst, [a, b]),
            Binary::TanhGrad => map(s, maps::TanhGrad, sizes, dst, [a, b]),
            Binary::ReluGrad => map(s, maps::ReluGrad, sizes, dst, [a, b]),
        }
    }
}

/// dst = op(a, b, c)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(in crate::kernel) unsafe fn ternary<T: Math, S: Simd<T>>(
    s: S,
    op: Ternary,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    a: Src<T>,
    b: Src<T>,
    c: Src<T>,
) {
    let sizes = (rows, cols);
    // SAFETY: passed on.
    unsafe {
        match op {
            Ternary::Where => map(s, maps::Where, sizes, dst, [a, b, c]),
            Ternary::MulAdd => map(s, maps::MulAdd, sizes, dst, [a, b, c]),
            Ternary::Lerp => map(s, maps::Lerp, sizes, dst, [a, b, c]),
            Ternary::SigmoidGrad => map(s, maps::SigmoidGradOfProduct, sizes, dst, [a, b, c]),
            Ternary::TanhGrad => map(s, maps::TanhGradOfProduct, sizes, dst, [a, b, c]),
            Ternary::Clip => map(s, maps::Clip, sizes, dst, [a, b, c]),
            Ternary::ClipGrad => map(s, maps::ClipGrad, sizes, dst, [a, b, c]),
        }
    }
}

/// One long row instead of many, where all operands lie without gaps or are one value for all.
/// Lanes do not depend on their place, so the results are the same.
#[inline(always)]
fn flatten<T, const N: usize>(
    (rows, cols): (usize, usize),
    dst: Dst<T>,
    mut sources: [Src<T>; N],
) -> ((usize, usize), [Src<T>; N]) {
    let mut seamless = rows > 1 && dst.row == cols;
    let mut flat_cols = [1; N];
    for k in 0..N {
        let src = &sources[k];
        let one_value = src.row == 0 && (src.col == 0 || cols == 1);
        seamless &= one_value || (src.row == cols && (src.col == 1 || cols == 1));
        flat_cols[k] = usize::from(!one_value);
    }
    if !seamless {
        return ((rows, cols), sources);
    }
    for k in 0..N {
        sources[k].col = flat_cols[k];
    }
    ((1, rows * cols), sources)
}

/// dst = f(sources)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn map<T: Math, S: Simd<T>, F: Map<T, N>, const N: usize>(
    s: S,
    f: F,
    sizes: (usize, usize),
    dst: Dst<T>,
    sources: [Src<T>; N],
) {
    let ((rows, cols), sources) = flatten(sizes, dst, sources);
    // SAFETY: passed on.
    unsafe {
        if sources.iter().all(|src| src.col == 1) {
            map_dense(s, f, (rows, cols), dst, sources);
        } else {
            map_spread(s, f, (rows, cols), dst, sources);
        }
    }
}

/// As [`map`], where every column has a value of its own in every source: most calls. Rows are short, so what is done
/// once a row counts.
///
/// # Safety
/// As [`crate::kernel::Kernels`]; every `col` is 1.
#[inline(always)]
unsafe fn map_dense<T: Math, S: Simd<T>, F: Map<T, N>, const N: usize>(
    s: S,
    f: F,
    (rows, cols): (usize, usize),
    dst: Dst<T>,
    sources: [Src<T>; N],
) {
    let mut out = dst.ptr;
    let mut at = sources.map(|src| src.ptr);
    for _ in 0..rows {
        let mut c = 0;
        // SAFETY: columns below cols exist in each row, and a tail is shorter than a vector.
        unsafe {
            while c + 2 * S::LANES <= cols {
                let (near, far) = (f.apply(s, load(s, &at, c)), f.apply(s, load(s, &at, c + S::LANES)));
                s.store(out.add(c), near);
                s.store(out.add(c + S::LANES), far);
                c += 2 * S::LANES;
            }
            if c + S::LANES <= cols {
                s.store(out.add(c), f.apply(s, load(s, &at, c)));
                c += S::LANES;
            }
            if c < cols {
                let count = cols - c;
                let mut x = [s.splat(T::ONE); N];
                for k in 0..N {
                    x[k] = s.load_partial(at[k].add(c), count, x[k]);
                }
                s.store_partial(out.add(c), count, f.apply(s, x));
            }
        }
        out = out.wrapping_add(dst.row);
        for k in 0..N {
            at[k] = at[k].wrapping_add(sources[k].row);
        }
    }
}

/// The vectors that begin at column `c`. A loop over numbers, neither `array::map` nor `zip`: their functions might stay calls,
/// with the vectors on the stack, in a build without link-time optimization.
///
/// # Safety
/// Columns `c .. c + LANES` exist.
#[inline(always)]
unsafe fn load<T: Math, S: Simd<T>, const N: usize>(s: S, at: &[*const T; N], c: usize) -> [S::V; N] {
    let mut x = [s.splat(T::ONE); N];
    for k in 0..N {
        // SAFETY: passed on.
        x[k] = unsafe { s.load(at[k].add(c)) };
    }
    x
}

/// As [`map`], where the value of a row may stand for all its columns.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn map_spread<T: Math, S: Simd<T>, F: Map<T, N>, const N: usize>(
    s: S,
    f: F,
    (rows, cols): (usize, usize),
    dst: Dst<T>,
    sources: [Src<T>; N],
) {
    if cols == 0 {
        return;
    }
    let is_spread = sources.map(|src| src.col == 0);
    for r in 0..rows {
        // SAFETY: row r < rows exists, columns below cols exist, and a tail is shorter than a vector.
        unsafe {
            let mut at = [std::ptr::null(); N];
            let mut spread = [s.splat(T::ONE); N];
            for k in 0..N {
                at[k] = sources[k].ptr.add(r * sources[k].row);
                if is_spread[k] {
                    spread[k] = s.splat(*at[k]);
                }
            }
            let out = dst.ptr.add(r * dst.row);
            let mut c = 0;
            while c + S::LANES <= cols {
                let mut x = spread;
                for k in 0..N {
                    if !is_spread[k] {
                        x[k] = s.load(at[k].add(c));
                    }
                }
                s.store(out.add(c), f.apply(s, x));
                c += S::LANES;
            }
            if c < cols {
                let count = cols - c;
                let mut x = spread;
                for k in 0..N {
                    if !is_spread[k] {
                        x[k] = s.load_partial(at[k].add(c), count, x[k]);
                    }
                }
                s.store_partial(out.add(c), count, f.apply(s, x));
            }
        }
    }
}

/// As [`map`], for functions of many instructions: tails share their one copy, for the compiler's sake.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn map_long<T: Math, S: Simd<T>, F: Map<T, 1>>(
    s: S,
    f: F,
    sizes: (usize, usize),
    dst: Dst<T>,
    x: Src<T>,
) {
    let ((rows, cols), [x]) = flatten(sizes, dst, [x]);
    if cols == 0 {
        return;
    }
    let mut spread: Spread<T> = [T::ZERO; MAX_LANES];
    for r in 0..rows {
        // SAFETY: as in `map`.
        unsafe {
            let x = Operand::row(s, x, r, &mut spread);
            let out = dst.ptr.add(r * dst.row);
            let mut c = 0;
            while c < cols {
                let count = cols - c;
                let is_full = count >= S::LANES;
                let x = if is_full { x.load(s, c) } else { x.load_partial(s, c, count, s.splat(T::ONE)) };
                let y = f.apply(s, [x]);
                if is_full {
                    s.store(out.add(c), y);
                } else {
                    s.store_partial(out.add(c), count, y);
                }
                c += S::LANES;
            }
        }
    }
}
