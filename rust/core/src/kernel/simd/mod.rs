//! Vectors: one trait, and a token for each instruction set.
//!
//! A token is a value that exists only where the CPU has its instruction set, so its methods are safe to
//! call. Every method is `#[inline(always)]` and must end up inside a function that enables the instruction
//! set (the trampolines of `table`); elsewhere it would still compute the same, slowly.

mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

pub(super) use portable::Portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;

/// The most lanes that any instruction set has: the length of a buffer that holds any vector.
pub(super) const MAX_LANES: usize = 16;

/// Vectors of `T` in one instruction set.
pub(super) trait Simd<T: Copy>: Copy {
    /// A vector.
    type V: Copy;
    /// One truth value for each lane.
    type M: Copy;

    /// Elements in a vector, at most [`MAX_LANES`].
    const LANES: usize;
    /// Rows of a tile of a matrix product, at most 6.
    const TILE_ROWS: usize;
    /// Vectors side by side in a tile of a matrix product, at most 4: a panel is so many vectors wide.
    const TILE_VECTORS: usize;

    fn splat(self, x: T) -> Self::V;

    /// # Safety
    /// `LANES` elements are readable at `p`.
    unsafe fn load(self, p: *const T) -> Self::V;

    /// # Safety
    /// `LANES` elements are writable at `p`.
    unsafe fn store(self, p: *mut T, x: Self::V);

    /// The first `count` lanes from memory, the others from `fill`.
    ///
    /// # Safety
    /// `count` elements are readable at `p`, and `count < LANES`.
    unsafe fn load_partial(self, p: *const T, count: usize, fill: Self::V) -> Self::V;

    /// Stores the first `count` lanes alone.
    ///
    /// # Safety
    /// `count` elements are writable at `p`, and `count < LANES`.
    unsafe fn store_partial(self, p: *mut T, count: usize, x: Self::V);

    /// Prefetches the cache line of `p` into the second cache. A hint: any address is allowed.
    #[inline(always)]
    fn prefetch(self, _p: *const T) {}

    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    fn neg(self, a: Self::V) -> Self::V;
    fn abs(self, a: Self::V) -> Self::V;
    /// a b + c, fused where the instruction set can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// c - a b, fused where the instruction set can.
    fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller; NaN where `b` is NaN, unspecified where only `a` is.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger; NaN where `b` is NaN, unspecified where only `a` is.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The magnitude of `a`, which is not negative, with the sign of `sign`.
    fn with_sign(self, a: Self::V, sign: Self::V) -> Self::V;

    /// a < b; false for NaN, as are `le` and `eq`.
    fn lt(self, a: Self::V, b: Self::V) -> Self::M;
    fn le(self, a: Self::V, b: Self::V) -> Self::M;
    fn eq(self, a: Self::V, b: Self::V) -> Self::M;
    fn or(self, a: Self::M, b: Self::M) -> Self::M;
    fn all(self, m: Self::M) -> bool;
    /// The sum of the lanes, as a tree: the upper half is added to the lower until one is left.
    fn sum(self, x: Self::V) -> T;
    /// The largest lane, of lanes that are no NaN.
    fn largest(self, x: Self::V) -> T;
    /// m ? a : b
    fn select(self, m: Self::M, a: Self::V, b: Self::V) -> Self::V;

    /// To the nearest whole number, ties to even, for |x| < 2^22 (f32) or 2^51 (f64).
    fn round(self, x: Self::V) -> Self::V;
    /// x 2^n for whole n, |n| <= 250 (f32) or 2000 (f64), with overflow to infinity and gradual underflow
    /// (or to zero where denormals are switched off).
    fn scale(self, x: Self::V, n: Self::V) -> Self::V;
    /// (m, e) with x = m 2^e and 1 <= m < 2, for positive normal x; other x give some numbers.
    fn split(self, x: Self::V) -> (Self::V, Self::V);
}

/// Whether this machine has what [`Avx2`] needs.
pub(super) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Whether this machine has what [`Avx512`] needs.
pub(super) fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        has_avx2()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Whether this machine has what [`Neon`] needs.
pub(super) fn has_neon() -> bool {
    // Every 64-bit Arm that Rust's targets admit has it.
    cfg!(target_arch = "aarch64")
}
