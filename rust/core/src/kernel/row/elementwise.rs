//! The loops of the elementwise kernels.

use super::maps::{self, Map1, Map2, Map3};
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
            Unary::Copy => map1(s, maps::Copy, sizes, dst, x),
            Unary::Neg => map1(s, maps::Neg, sizes, dst, x),
            Unary::Exp => map1_long(s, maps::Exp, sizes, dst, x),
            Unary::Log => map1_long(s, maps::Log, sizes, dst, x),
            Unary::Sqrt => map1(s, maps::Sqrt, sizes, dst, x),
            Unary::Abs => map1(s, maps::Abs, sizes, dst, x),
            Unary::Sign => map1(s, maps::Sign, sizes, dst, x),
            Unary::Sigmoid => map1_long(s, maps::Sigmoid, sizes, dst, x),
            Unary::Tanh => map1_long(s, maps::Tanh, sizes, dst, x),
            Unary::Relu => map1(s, maps::Relu, sizes, dst, x),
            Unary::LeakyRelu => map1(s, maps::LeakyRelu(alpha), sizes, dst, x),
            Unary::Elu => map1_long(s, maps::Elu(alpha), sizes, dst, x),
            Unary::Softplus => map1_long(s, maps::Softplus, sizes, dst, x),
            Unary::Silu => map1_long(s, maps::Silu, sizes, dst, x),
            Unary::Gelu => map1_long(s, maps::Gelu, sizes, dst, x),
            Unary::Erf => map1_long(s, maps::Erf, sizes, dst, x),
            Unary::Sin => map1_long(s, maps::Sin, sizes, dst, x),
            Unary::Cos => map1_long(s, maps::Cos, sizes, dst, x),
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
            Binary::Add => map2(s, maps::Add, sizes, dst, a, b),
            Binary::Sub => map2(s, maps::Sub, sizes, dst, a, b),
            Binary::Mul => map2(s, maps::Mul, sizes, dst, a, b),
            Binary::Div => map2(s, maps::Div, sizes, dst, a, b),
            Binary::Pow => map2(s, maps::Pow, sizes, dst, a, b),
            Binary::Min => map2(s, maps::Min, sizes, dst, a, b),
            Binary::Max => map2(s, maps::Max, sizes, dst, a, b),
            Binary::Less => map2(s, maps::Less, sizes, dst, a, b),
            Binary::LessEqual => map2(s, maps::LessEqual, sizes, dst, a, b),
            Binary::Greater => map2(s, maps::Greater, sizes, dst, a, b),
            Binary::GreaterEqual => map2(s, maps::GreaterEqual, sizes, dst, a, b),
            Binary::Equal => map2(s, maps::Equal, sizes, dst, a, b),
            Binary::NotEqual => map2(s, maps::NotEqual, sizes, dst, a, b),
            Binary::SigmoidGrad => map2(s, maps::SigmoidGrad, sizes, dst, a, b),
            Binary::TanhGrad => map2(s, maps::TanhGrad, sizes, dst, a, b),
            Binary::ReluGrad => map2(s, maps::ReluGrad, sizes, dst, a, b),
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
            Ternary::Where => map3(s, maps::Where, sizes, dst, [a, b, c]),
            Ternary::MulAdd => map3(s, maps::MulAdd, sizes, dst, [a, b, c]),
            Ternary::Lerp => map3(s, maps::Lerp, sizes, dst, [a, b, c]),
            Ternary::SigmoidGrad => map3(s, maps::SigmoidGradOfProduct, sizes, dst, [a, b, c]),
            Ternary::TanhGrad => map3(s, maps::TanhGradOfProduct, sizes, dst, [a, b, c]),
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
    for (src, flat_col) in sources.iter().zip(&mut flat_cols) {
        let one_value = src.row == 0 && (src.col == 0 || cols == 1);
        seamless &= one_value || (src.row == cols && (src.col == 1 || cols == 1));
        *flat_col = usize::from(!one_value);
    }
    if !seamless {
        return ((rows, cols), sources);
    }
    for (src, flat_col) in sources.iter_mut().zip(flat_cols) {
        src.col = flat_col;
    }
    ((1, rows * cols), sources)
}

/// dst = f(x)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn map1<T: Math, S: Simd<T>, F: Map1<T>>(s: S, f: F, sizes: (usize, usize), dst: Dst<T>, x: Src<T>) {
    let ((rows, cols), [x]) = flatten(sizes, dst, [x]);
    if cols == 0 {
        return;
    }
    let mut spread: Spread<T> = [T::ZERO; MAX_LANES];
    for r in 0..rows {
        // SAFETY: row r < rows exists, columns below cols exist, and a tail is shorter than a vector.
        unsafe {
            let x = Operand::row(s, x, r, &mut spread);
            let out = dst.ptr.add(r * dst.row);
            let mut c = 0;
            while c + S::LANES <= cols {
                s.store(out.add(c), f.apply(s, x.load(s, c)));
                c += S::LANES;
            }
            if c < cols {
                let y = f.apply(s, x.load_partial(s, c, cols - c, s.splat(T::ONE)));
                s.store_partial(out.add(c), cols - c, y);
            }
        }
    }
}

/// As [`map1`], for functions of many instructions: tails share their one copy, for the compiler's sake.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn map1_long<T: Math, S: Simd<T>, F: Map1<T>>(
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
        // SAFETY: as in `map1`.
        unsafe {
            let x = Operand::row(s, x, r, &mut spread);
            let out = dst.ptr.add(r * dst.row);
            let mut c = 0;
            while c < cols {
                let count = cols - c;
                let is_full = count >= S::LANES;
                let x = if is_full { x.load(s, c) } else { x.load_partial(s, c, count, s.splat(T::ONE)) };
                let y = f.apply(s, x);
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

/// dst = f(a, b)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn map2<T: Math, S: Simd<T>, F: Map2<T>>(
    s: S,
    f: F,
    sizes: (usize, usize),
    dst: Dst<T>,
    a: Src<T>,
    b: Src<T>,
) {
    let ((rows, cols), [a, b]) = flatten(sizes, dst, [a, b]);
    if cols == 0 {
        return;
    }
    let mut spread: [Spread<T>; 2] = [[T::ZERO; MAX_LANES]; 2];
    let [spread_a, spread_b] = &mut spread;
    for r in 0..rows {
        // SAFETY: as in `map1`.
        unsafe {
            let a = Operand::row(s, a, r, spread_a);
            let b = Operand::row(s, b, r, spread_b);
            let out = dst.ptr.add(r * dst.row);
            let mut c = 0;
            while c + S::LANES <= cols {
                s.store(out.add(c), f.apply(s, a.load(s, c), b.load(s, c)));
                c += S::LANES;
            }
            if c < cols {
                let (count, one) = (cols - c, s.splat(T::ONE));
                let y = f.apply(s, a.load_partial(s, c, count, one), b.load_partial(s, c, count, one));
                s.store_partial(out.add(c), count, y);
            }
        }
    }
}

/// dst = f(a, b, c)
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
unsafe fn map3<T: Math, S: Simd<T>, F: Map3<T>>(
    s: S,
    f: F,
    sizes: (usize, usize),
    dst: Dst<T>,
    sources: [Src<T>; 3],
) {
    let ((rows, cols), [a, b, c]) = flatten(sizes, dst, sources);
    if cols == 0 {
        return;
    }
    let mut spread: [Spread<T>; 3] = [[T::ZERO; MAX_LANES]; 3];
    let [spread_a, spread_b, spread_c] = &mut spread;
    for r in 0..rows {
        // SAFETY: as in `map1`.
        unsafe {
            let a = Operand::row(s, a, r, spread_a);
            let b = Operand::row(s, b, r, spread_b);
            let c = Operand::row(s, c, r, spread_c);
            let out = dst.ptr.add(r * dst.row);
            let mut i = 0;
            while i + S::LANES <= cols {
                s.store(out.add(i), f.apply(s, a.load(s, i), b.load(s, i), c.load(s, i)));
                i += S::LANES;
            }
            if i < cols {
                let (count, one) = (cols - i, s.splat(T::ONE));
                let (a, b) = (a.load_partial(s, i, count, one), b.load_partial(s, i, count, one));
                let y = f.apply(s, a, b, c.load_partial(s, i, count, one));
                s.store_partial(out.add(i), count, y);
            }
        }
    }
}
