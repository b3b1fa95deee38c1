//! Plain Rust arrays, for machines without any of the other instruction sets.
//!
//! The compiler turns them into whatever vectors the baseline has. Products are rounded before they are
//! added: without the instruction, `f32::mul_add` is a slow library call.

use super::Simd;

/// Proof of nothing: every machine has it.
#[derive(Copy, Clone)]
pub(crate) struct Portable(());

impl Portable {
    /// # Safety
    /// None needed; the other tokens need the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Portable {
        Portable(())
    }
}

macro_rules! portable {
    ($t:ty, $bits:ty, $lanes:expr, mantissa $mantissa:expr, bias $bias:expr, magic $magic:expr) => {
        impl Simd<$t> for Portable {
            type V = [$t; $lanes];
            type M = [bool; $lanes];

            const LANES: usize = $lanes;
            const TILE_ROWS: usize = 4;
            const TILE_VECTORS: usize = 2;

            #[inline(always)]
            fn splat(self, x: $t) -> Self::V {
                [x; $lanes]
            }

            #[inline(always)]
            unsafe fn load(self, p: *const $t) -> Self::V {
                // SAFETY: the caller vouches for LANES elements; an array has the alignment of its elements.
                unsafe { p.cast::<Self::V>().read() }
            }

            #[inline(always)]
            unsafe fn store(self, p: *mut $t, x: Self::V) {
                // SAFETY: as `load`.
                unsafe { p.cast::<Self::V>().write(x) }
            }

            #[inline(always)]
            unsafe fn load_partial(self, p: *const $t, count: usize, fill: Self::V) -> Self::V {
                let mut x = fill;
                for (i, lane) in x.iter_mut().enumerate().take(count) {
                    // SAFETY: i < count, which the caller vouches for.
                    *lane = unsafe { *p.add(i) };
                }
                x
            }

            #[inline(always)]
            unsafe fn store_partial(self, p: *mut $t, count: usize, x: Self::V) {
                for (i, lane) in x.iter().enumerate().take(count) {
                    // SAFETY: i < count, which the caller vouches for.
                    unsafe { *p.add(i) = *lane };
                }
            }

            #[inline(always)]
            fn add(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i] + b[i])
            }

            #[inline(always)]
            fn sub(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i] - b[i])
            }

            #[inline(always)]
            fn mul(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i] * b[i])
            }

            #[inline(always)]
            fn div(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i] / b[i])
            }

            #[inline(always)]
            fn sqrt(self, a: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i].sqrt())
            }

            #[inline(always)]
            fn neg(self, a: Self::V) -> Self::V {
                std::array::from_fn(|i| -a[i])
            }

            #[inline(always)]
            fn abs(self, a: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i].abs())
            }

            #[inline(always)]
            fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i] * b[i] + c[i])
            }

            #[inline(always)]
            fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                std::array::from_fn(|i| c[i] - a[i] * b[i])
            }

            #[inline(always)]
            fn min(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
            }

            #[inline(always)]
            fn max(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
            }

            #[inline(always)]
            fn with_sign(self, a: Self::V, sign: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i].copysign(sign[i]))
            }

            #[inline(always)]
            fn lt(self, a: Self::V, b: Self::V) -> Self::M {
                std::array::from_fn(|i| a[i] < b[i])
            }

            #[inline(always)]
            fn le(self, a: Self::V, b: Self::V) -> Self::M {
                std::array::from_fn(|i| a[i] <= b[i])
            }

            #[inline(always)]
            fn eq(self, a: Self::V, b: Self::V) -> Self::M {
                std::array::from_fn(|i| a[i] == b[i])
            }

            #[inline(always)]
            fn or(self, a: Self::M, b: Self::M) -> Self::M {
                std::array::from_fn(|i| a[i] | b[i])
            }

            #[inline(always)]
            fn all(self, m: Self::M) -> bool {
                m.iter().all(|&lane| lane)
            }

            #[inline(always)]
            fn sum(self, x: Self::V) -> $t {
                let mut lanes = x;
                let mut half = $lanes / 2;
                while half > 0 {
                    for i in 0..half {
                        lanes[i] += lanes[i + half];
                    }
                    half /= 2;
                }
                lanes[0]
            }

            #[inline(always)]
            fn largest(self, x: Self::V) -> $t {
                x.into_iter().fold(<$t>::NEG_INFINITY, <$t>::max)
            }

            #[inline(always)]
            fn select(self, m: Self::M, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| if m[i] { a[i] } else { b[i] })
            }

            #[inline(always)]
            fn round(self, x: Self::V) -> Self::V {
                // Beyond the magic number there are no fractions, so the addition itself rounds.
                std::array::from_fn(|i| (x[i] + $magic) - $magic)
            }

            #[inline(always)]
            fn scale(self, x: Self::V, n: Self::V) -> Self::V {
                // Two factors, as 2^n alone may be out of range where x 2^n is not.
                std::array::from_fn(|i| {
                    let n = n[i] as i32;
                    let (half, rest) = (n >> 1, n - (n >> 1));
                    let power = |n: i32| <$t>::from_bits(((n + $bias) as $bits) << $mantissa);
                    x[i] * power(half) * power(rest)
                })
            }

            #[inline(always)]
            fn split(self, x: Self::V) -> (Self::V, Self::V) {
                let low: $bits = (1 << $mantissa) - 1;
                let one: $bits = $bias << $mantissa;
                (
                    std::array::from_fn(|i| <$t>::from_bits((x[i].to_bits() & low) | one)),
                    std::array::from_fn(|i| ((x[i].to_bits() >> $mantissa) as i32 - $bias) as $t),
                )
            }
        }
    };
}

portable!(f32, u32, 4, mantissa 23, bias 127, magic 12_582_912.0);
portable!(f64, u64, 2, mantissa 52, bias 1023, magic 6_755_399_441_055_744.0);
