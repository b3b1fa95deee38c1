//! The elementwise operations as types, so that each gets a loop of its own, compiled with it.

use crate::kernel::math::{self, Math};
use crate::kernel::simd::Simd;

/// A function of N vectors.
pub(super) trait Map<T: Math, const N: usize> {
    fn apply<S: Simd<T>>(&self, s: S, x: [S::V; N]) -> S::V;
}

/// A type of no content for each operation, with its formula.
macro_rules! maps {
    ($count:literal: $($name:ident($s:ident, $($x:ident),+) = $formula:expr;)*) => {$(
        pub(super) struct $name;

        impl<T: Math> Map<T, $count> for $name {
            #[inline(always)]
            fn apply<S: Simd<T>>(&self, $s: S, [$($x),+]: [S::V; $count]) -> S::V {
                $formula
            }
        }
    )*};
}

maps! { 1:
    Copy(_s, x) = x;
    Neg(s, x) = s.neg(x);
    Exp(s, x) = math::exp(s, x);
    Log(s, x) = math::log(s, x);
    Sqrt(s, x) = s.sqrt(x);
    Abs(s, x) = s.abs(x);
    Sign(s, x) = {
        let (zero, one) = (s.splat(T::ZERO), s.splat(T::ONE));
        // x itself where it is neither: 0 and NaN.
        s.select(s.lt(zero, x), one, s.select(s.lt(x, zero), s.neg(one), x))
    };
    Sigmoid(s, x) = math::sigmoid(s, x);
    Tanh(s, x) = math::tanh(s, x);
    Relu(s, x) = s.max(s.splat(T::ZERO), x);
    Softplus(s, x) = math::softplus(s, x);
    Silu(s, x) = math::silu(s, x);
    Gelu(s, x) = math::gelu(s, x);
    Erf(s, x) = T::erf(s, x);
    Sin(s, x) = T::sin(s, x);
    Cos(s, x) = T::cos(s, x);
    Round(s, x) = round(s, x);
    Floor(s, x) = {
        let nearest = round(s, x);
        s.select(s.lt(x, nearest), s.sub(nearest, s.splat(T::ONE)), nearest)
    };
    Lgamma(s, x) = math::lgamma(s, x);
    Digamma(s, x) = math::digamma(s, x);
}

/// To the nearest whole number, ties to even, with the sign of x.
#[inline(always)]
fn round<T: Math, S: Simd<T>>(s: S, x: S::V) -> S::V {
    // From here on, neighbors are whole numbers apart: the sum has no fractions, and neither have larger numbers.
    let whole = s.splat(T::WHOLE);
    let size = s.abs(x);
    s.select(s.lt(size, whole), s.with_sign(s.sub(s.add(size, whole), whole), x), x)
}

/// x > 0 ? x : alpha x
pub(super) struct LeakyRelu<T>(pub(super) T);

impl<T: Math> Map<T, 1> for LeakyRelu<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        s.select(s.lt(s.splat(T::ZERO), x), x, s.mul(s.splat(self.0), x))
    }
}

/// x > 0 ? x : alpha (exp(x) - 1)
pub(super) struct Elu<T>(pub(super) T);

impl<T: Math> Map<T, 1> for Elu<T> {
    #[inline(always)]
    fn apply<S: Simd<T>>(&self, s: S, [x]: [S::V; 1]) -> S::V {
        math::elu(s, self.0, x)
    }
}

maps! { 2:
    Add(s, a, b) = s.add(a, b);
    Sub(s, a, b) = s.sub(a, b);
    Mul(s, a, b) = s.mul(a, b);
    Div(s, a, b) = s.div(a, b);
    Pow(s, a, b) = math::pow(s, a, b);
    // The vector minimum minds a NaN in b alone; a is equal to itself unless it is one.
    Min(s, a, b) = s.select(s.eq(a, a), s.min(a, b), a);
    Max(s, a, b) = s.select(s.eq(a, a), s.max(a, b), a);
    LogAddExp(s, a, b) = {
        let largest = Max.apply(s, [a, b]);
        let gap = s.neg(s.abs(s.sub(a, b)));
        // of equal infinities, the difference is a NaN
        let gap = s.select(s.eq(a, b), s.splat(T::ZERO), gap);
        s.add(largest, math::softplus(s, gap))
    };
    Polygamma(s, a, b) = math::polygamma(s, a, b);
    Less(s, a, b) = s.select(s.lt(a, b), s.splat(T::ONE), s.splat(T::ZERO));
    LessEqual(s, a, b) = s.select(s.le(a, b), s.splat(T::ONE), s.splat(T::ZERO));
    Greater(s, a, b) = s.select(s.lt(b, a), s.splat(T::ONE), s.splat(T::ZERO));
    GreaterEqual(s, a, b) = s.select(s.le(b, a), s.splat(T::ONE), s.splat(T::ZERO));
    Equal(s, a, b) = s.select(s.eq(a, b), s.splat(T::ONE), s.splat(T::ZERO));
    NotEqual(s, a, b) = s.select(s.eq(a, b), s.splat(T::ZERO), s.splat(T::ONE));
    SigmoidGrad(s, y, d) = s.mul(s.mul(d, y), s.sub(s.splat(T::ONE), y));
    TanhGrad(s, y, d) = s.mul(d, s.neg_mul_add(y, y, s.splat(T::ONE)));
    ReluGrad(s, y, d) = s.select(s.lt(s.splat(T::ZERO), y), d, s.splat(T::ZERO));
}

maps! { 3:
    Where(s, a, b, c) = s.select(s.eq(a, s.splat(T::ZERO)), c, b);
    MulAdd(s, a, b, c) = s.mul_add(a, b, c);
    Lerp(s, a, b, c) = s.mul_add(a, b, s.mul(s.sub(s.splat(T::ONE), a), c));
    SigmoidGradOfProduct(s, y, a, b) = s.mul(s.mul(s.mul(a, b), y), s.sub(s.splat(T::ONE), y));
    TanhGradOfProduct(s, y, a, b) = s.mul(s.mul(a, b), s.neg_mul_add(y, y, s.splat(T::ONE)));
    Clip(s, x, low, high) = Min.apply(s, [Max.apply(s, [x, low]), high]);
    ClipGrad(s, x, y, d) = s.select(s.eq(x, y), d, s.splat(T::ZERO));
}
