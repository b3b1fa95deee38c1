//! Vectors of 512 bits.

use std::arch::x86_64::*;

use super::Simd;
use super::avx2::{largest_of_4, largest_of_8, sum_of_4, sum_of_8};

/// Proof that the CPU has AVX-512 F, VL, BW and DQ, AVX2 and FMA.
#[derive(Copy, Clone)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has AVX-512 F, VL, BW and DQ, AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Avx512 {
        Avx512(())
    }
}

/// Calls intrinsics.
macro_rules! proven {
    ($calls:expr) => {
        // SAFETY: a token exists only where the CPU has them; the callers of `load` and `store` in all their
        // forms vouch for the memory, and that a partial count is below LANES.
        unsafe { $calls }
    };
}

impl Simd<f32> for Avx512 {
    type V = __m512;
    type M = __mmask16;

    const LANES: usize = 16;
    const TILE_ROWS: usize = 6;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        proven!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        proven!(_mm512_loadu_ps(p))
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: __m512) {
        proven!(_mm512_storeu_ps(p, x))
    }

    #[inline(always)]
    unsafe fn load_partial(self, p: *const f32, count: usize, fill: __m512) -> __m512 {
        proven!(_mm512_mask_loadu_ps(fill, (1 << count) - 1, p))
    }

    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, count: usize, x: __m512) {
        proven!(_mm512_mask_storeu_ps(p, (1 << count) - 1, x))
    }

    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        proven!(_mm_prefetch::<_MM_HINT_T1>(p.cast()))
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_div_ps(a, b))
    }

    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        proven!(_mm512_sqrt_ps(a))
    }

    #[inline(always)]
    fn neg(self, a: __m512) -> __m512 {
        proven!(_mm512_xor_ps(a, _mm512_set1_ps(-0.0)))
    }

    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        proven!(_mm512_abs_ps(a))
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        proven!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn neg_mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        proven!(_mm512_fnmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_min_ps(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn with_sign(self, a: __m512, sign: __m512) -> __m512 {
        proven!(_mm512_or_ps(a, _mm512_and_ps(sign, _mm512_set1_ps(-0.0))))
    }

    #[inline(always)]
    fn lt(self, a: __m512, b: __m512) -> __mmask16 {
        proven!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn le(self, a: __m512, b: __m512) -> __mmask16 {
        proven!(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b))
    }

    #[inline(always)]
    fn eq(self, a: __m512, b: __m512) -> __mmask16 {
        proven!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b))
    }

    #[inline(always)]
    fn or(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }

    #[inline(always)]
    fn all(self, m: __mmask16) -> bool {
        m == __mmask16::MAX
    }

    #[inline(always)]
    fn sum(self, x: __m512) -> f32 {
        proven!(sum_of_8(_mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x))))
    }

    #[inline(always)]
    fn largest(self, x: __m512) -> f32 {
        proven!(largest_of_8(_mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x))))
    }

    #[inline(always)]
    fn select(self, m: __mmask16, a: __m512, b: __m512) -> __m512 {
        proven!(_mm512_mask_blend_ps(m, b, a))
    }

    #[inline(always)]
    fn round(self, x: __m512) -> __m512 {
        proven!(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x))
    }

    #[inline(always)]
    fn scale(self, x: __m512, n: __m512) -> __m512 {
        proven!(_mm512_scalef_ps(x, n))
    }

    #[inline(always)]
    fn split(self, x: __m512) -> (__m512, __m512) {
        proven!((_mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(x), _mm512_getexp_ps(x)))
    }
}

impl Simd<f64> for Avx512 {
    type V = __m512d;
    type M = __mmask8;

    const LANES: usize = 8;
    const TILE_ROWS: usize = 6;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f64) -> __m512d {
        proven!(_mm512_set1_pd(x))
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f64) -> __m512d {
        proven!(_mm512_loadu_pd(p))
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f64, x: __m512d) {
        proven!(_mm512_storeu_pd(p, x))
    }

    #[inline(always)]
    unsafe fn load_partial(self, p: *const f64, count: usize, fill: __m512d) -> __m512d {
        proven!(_mm512_mask_loadu_pd(fill, (1 << count) - 1, p))
    }

    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f64, count: usize, x: __m512d) {
        proven!(_mm512_mask_storeu_pd(p, (1 << count) - 1, x))
    }

    #[inline(always)]
    fn prefetch(self, p: *const f64) {
        proven!(_mm_prefetch::<_MM_HINT_T1>(p.cast()))
    }

    #[inline(always)]
    fn add(self, a: __m512d, b: __m512d) -> __m512d {
        proven!(_mm512_add_pd(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512d, b: __m512d) -> __m512d {
        proven!(_mm512_sub_pd(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512d, b: __m512d) -> __m512d {
        proven!(_mm512_mul_pd(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m512d, b: __m512d) -> __m512d {
        proven!(_mm512_div_pd(a, b))
    }

    #[inline(always)]
    fn sqrt(self, a: __m512d) -> __m512d {
        proven!(_mm512_sqrt_pd(a))
    }

    #[inline(always)]
    fn neg(self, a: __m512d) -> __m512d {
        proven!(_mm512_xor_pd(a, _mm512_set1_pd(-0.0)))
    }

    #[inline(always)]
    fn abs(self, a: __m512d) -> __m512d {
        proven!(_mm512_abs_pd(a))
    }

    #[inline(always)]
    fn mul_add(self, a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        proven!(_mm512_fmadd_pd(a, b, c))
    }

    #[inline(always)]
    fn neg_mul_add(self, a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        proven!(_mm512_fnmadd_pd(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: __m512d, b: __m512d) -> __m512d {
        proven!(_mm512_min_pd(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m512d, b: __m512d) -> __m512d {
        proven!(_mm512_max_pd(a, b))
    }

    #[inline(always)]
    fn with_sign(self, a: __m512d, sign: __m512d) -> __m512d {
        proven!(_mm512_or_pd(a, _mm512_and_pd(sign, _mm512_set1_pd(-0.0))))
    }

    #[inline(always)]
    fn lt(self, a: __m512d, b: __m512d) -> __mmask8 {
        proven!(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn le(self, a: __m512d, b: __m512d) -> __mmask8 {
        proven!(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b))
    }

    #[inline(always)]
    fn eq(self, a: __m512d, b: __m512d) -> __mmask8 {
        proven!(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b))
    }

    #[inline(always)]
    fn or(self, a: __mmask8, b: __mmask8) -> __mmask8 {
        a | b
    }

    #[inline(always)]
    fn all(self, m: __mmask8) -> bool {
        m == __mmask8::MAX
    }

    #[inline(always)]
    fn sum(self, x: __m512d) -> f64 {
        proven!(sum_of_4(_mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd::<1>(x))))
    }

    #[inline(always)]
    fn largest(self, x: __m512d) -> f64 {
        proven!(largest_of_4(_mm256_max_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd::<1>(x))))
    }

    #[inline(always)]
    fn select(self, m: __mmask8, a: __m512d, b: __m512d) -> __m512d {
        proven!(_mm512_mask_blend_pd(m, b, a))
    }

    #[inline(always)]
    fn round(self, x: __m512d) -> __m512d {
        proven!(_mm512_roundscale_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x))
    }

    #[inline(always)]
    fn scale(self, x: __m512d, n: __m512d) -> __m512d {
        proven!(_mm512_scalef_pd(x, n))
    }

    #[inline(always)]
    fn split(self, x: __m512d) -> (__m512d, __m512d) {
        proven!((_mm512_getmant_pd::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(x), _mm512_getexp_pd(x)))
    }
}
