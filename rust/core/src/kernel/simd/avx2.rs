//! Vectors of 256 bits.

use std::arch::x86_64::*;

use super::Simd;

/// Proof that the CPU has AVX2 and FMA.
#[derive(Copy, Clone)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU has AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Avx2 {
        Avx2(())
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

impl Simd<f32> for Avx2 {
    type V = __m256;
    type M = __m256;

    const LANES: usize = 8;
    const TILE_ROWS: usize = 3;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        proven!(_mm256_set1_ps(x))
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m256 {
        proven!(_mm256_loadu_ps(p))
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: __m256) {
        proven!(_mm256_storeu_ps(p, x))
    }

    #[inline(always)]
    unsafe fn load_partial(self, p: *const f32, count: usize, fill: __m256) -> __m256 {
        proven!({
            let mask = lanes_below_f32(count);
            _mm256_blendv_ps(fill, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask))
        })
    }

    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, count: usize, x: __m256) {
        proven!(_mm256_maskstore_ps(p, lanes_below_f32(count), x))
    }

    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        proven!(_mm_prefetch::<_MM_HINT_T1>(p.cast()))
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_div_ps(a, b))
    }

    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        proven!(_mm256_sqrt_ps(a))
    }

    #[inline(always)]
    fn neg(self, a: __m256) -> __m256 {
        proven!(_mm256_xor_ps(a, _mm256_set1_ps(-0.0)))
    }

    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        proven!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a))
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        proven!(_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn neg_mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        proven!(_mm256_fnmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_min_ps(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_max_ps(a, b))
    }

    #[inline(always)]
    fn with_sign(self, a: __m256, sign: __m256) -> __m256 {
        proven!(_mm256_or_ps(a, _mm256_and_ps(sign, _mm256_set1_ps(-0.0))))
    }

    #[inline(always)]
    fn lt(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn le(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_cmp_ps::<_CMP_LE_OQ>(a, b))
    }

    #[inline(always)]
    fn eq(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b))
    }

    #[inline(always)]
    fn or(self, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_or_ps(a, b))
    }

    #[inline(always)]
    fn all(self, m: __m256) -> bool {
        proven!(_mm256_movemask_ps(m) == 0xff)
    }

    #[inline(always)]
    fn sum(self, x: __m256) -> f32 {
        // SAFETY: the token proves AVX2.
        unsafe { sum_of_8(x) }
    }

    #[inline(always)]
    fn largest(self, x: __m256) -> f32 {
        // SAFETY: the token proves AVX2.
        unsafe { largest_of_8(x) }
    }

    #[inline(always)]
    fn select(self, m: __m256, a: __m256, b: __m256) -> __m256 {
        proven!(_mm256_blendv_ps(b, a, m))
    }

    #[inline(always)]
    fn round(self, x: __m256) -> __m256 {
        proven!(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x))
    }

    #[inline(always)]
    fn scale(self, x: __m256, n: __m256) -> __m256 {
        // Two factors, as 2^n alone may be out of range where x 2^n is not.
        proven!({
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            let x = _mm256_mul_ps(x, power_of_two_f32(half));
            _mm256_mul_ps(x, power_of_two_f32(_mm256_sub_epi32(n, half)))
        })
    }

    #[inline(always)]
    fn split(self, x: __m256) -> (__m256, __m256) {
        proven!({
            let bits = _mm256_castps_si256(x);
            let low = _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff));
            let mantissa = _mm256_or_si256(low, _mm256_set1_epi32(0x3f80_0000));
            let exponent = _mm256_sub_epi32(_mm256_srli_epi32::<23>(bits), _mm256_set1_epi32(127));
            (_mm256_castsi256_ps(mantissa), _mm256_cvtepi32_ps(exponent))
        })
    }
}

impl Simd<f64> for Avx2 {
    type V = __m256d;
    type M = __m256d;

    const LANES: usize = 4;
    const TILE_ROWS: usize = 3;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f64) -> __m256d {
        proven!(_mm256_set1_pd(x))
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f64) -> __m256d {
        proven!(_mm256_loadu_pd(p))
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f64, x: __m256d) {
        proven!(_mm256_storeu_pd(p, x))
    }

    #[inline(always)]
    unsafe fn load_partial(self, p: *const f64, count: usize, fill: __m256d) -> __m256d {
        proven!({
            let mask = lanes_below_f64(count);
            _mm256_blendv_pd(fill, _mm256_maskload_pd(p, mask), _mm256_castsi256_pd(mask))
        })
    }

    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f64, count: usize, x: __m256d) {
        proven!(_mm256_maskstore_pd(p, lanes_below_f64(count), x))
    }

    #[inline(always)]
    fn prefetch(self, p: *const f64) {
        proven!(_mm_prefetch::<_MM_HINT_T1>(p.cast()))
    }

    #[inline(always)]
    fn add(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_add_pd(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_sub_pd(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_mul_pd(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_div_pd(a, b))
    }

    #[inline(always)]
    fn sqrt(self, a: __m256d) -> __m256d {
        proven!(_mm256_sqrt_pd(a))
    }

    #[inline(always)]
    fn neg(self, a: __m256d) -> __m256d {
        proven!(_mm256_xor_pd(a, _mm256_set1_pd(-0.0)))
    }

    #[inline(always)]
    fn abs(self, a: __m256d) -> __m256d {
        proven!(_mm256_andnot_pd(_mm256_set1_pd(-0.0), a))
    }

    #[inline(always)]
    fn mul_add(self, a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        proven!(_mm256_fmadd_pd(a, b, c))
    }

    #[inline(always)]
    fn neg_mul_add(self, a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        proven!(_mm256_fnmadd_pd(a, b, c))
    }

    #[inline(always)]
    fn min(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_min_pd(a, b))
    }

    #[inline(always)]
    fn max(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_max_pd(a, b))
    }

    #[inline(always)]
    fn with_sign(self, a: __m256d, sign: __m256d) -> __m256d {
        proven!(_mm256_or_pd(a, _mm256_and_pd(sign, _mm256_set1_pd(-0.0))))
    }

    #[inline(always)]
    fn lt(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_cmp_pd::<_CMP_LT_OQ>(a, b))
    }

    #[inline(always)]
    fn le(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_cmp_pd::<_CMP_LE_OQ>(a, b))
    }

    #[inline(always)]
    fn eq(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_cmp_pd::<_CMP_EQ_OQ>(a, b))
    }

    #[inline(always)]
    fn or(self, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_or_pd(a, b))
    }

    #[inline(always)]
    fn all(self, m: __m256d) -> bool {
        proven!(_mm256_movemask_pd(m) == 0xf)
    }

    #[inline(always)]
    fn sum(self, x: __m256d) -> f64 {
        // SAFETY: the token proves AVX2.
        unsafe { sum_of_4(x) }
    }

    #[inline(always)]
    fn largest(self, x: __m256d) -> f64 {
        // SAFETY: the token proves AVX2.
        unsafe { largest_of_4(x) }
    }

    #[inline(always)]
    fn select(self, m: __m256d, a: __m256d, b: __m256d) -> __m256d {
        proven!(_mm256_blendv_pd(b, a, m))
    }

    #[inline(always)]
    fn round(self, x: __m256d) -> __m256d {
        proven!(_mm256_round_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x))
    }

    #[inline(always)]
    fn scale(self, x: __m256d, n: __m256d) -> __m256d {
        // Two factors, as 2^n alone may be out of range where x 2^n is not.
        proven!({
            let n = _mm256_cvtpd_epi32(n);
            let half = _mm_srai_epi32::<1>(n);
            let x = _mm256_mul_pd(x, power_of_two_f64(half));
            _mm256_mul_pd(x, power_of_two_f64(_mm_sub_epi32(n, half)))
        })
    }

    #[inline(always)]
    fn split(self, x: __m256d) -> (__m256d, __m256d) {
        proven!({
            let bits = _mm256_castpd_si256(x);
            let low = _mm256_and_si256(bits, _mm256_set1_epi64x(0x000f_ffff_ffff_ffff));
            let mantissa = _mm256_or_si256(low, _mm256_set1_epi64x(0x3ff0_0000_0000_0000));
            // AVX2 has no conversion from 64-bit integers: as the last bits of 2^52 they are a number.
            let exponent =
                _mm256_or_si256(_mm256_srli_epi64::<52>(bits), _mm256_set1_epi64x(0x4330_0000_0000_0000));
            let exponent = _mm256_sub_pd(
                _mm256_castsi256_pd(exponent),
                _mm256_set1_pd(4_503_599_627_370_496.0 + 1023.0),
            );
            (_mm256_castsi256_pd(mantissa), exponent)
        })
    }
}

/// The sum of eight lanes, as a tree.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn sum_of_8(x: __m256) -> f32 {
    proven!({
        let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
        _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
    })
}

/// The sum of four lanes, as a tree.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn sum_of_4(x: __m256d) -> f64 {
    proven!({
        let x = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
        _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)))
    })
}

/// The largest of eight lanes.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn largest_of_8(x: __m256) -> f32 {
    proven!({
        let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
        _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)))
    })
}

/// The largest of four lanes.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn largest_of_4(x: __m256d) -> f64 {
    proven!({
        let x = _mm_max_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
        _mm_cvtsd_f64(_mm_max_sd(x, _mm_unpackhi_pd(x, x)))
    })
}

/// All bits of the first `count` of eight lanes.
#[inline(always)]
fn lanes_below_f32(count: usize) -> __m256i {
    static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    debug_assert!(count <= 8);
    proven!(_mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast()))
}

/// All bits of the first `count` of four lanes.
#[inline(always)]
fn lanes_below_f64(count: usize) -> __m256i {
    static MASKS: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    debug_assert!(count <= 4);
    proven!(_mm256_loadu_si256(MASKS.as_ptr().add(4 - count).cast()))
}

/// 2^n for -127 < n < 128.
#[inline(always)]
fn power_of_two_f32(n: __m256i) -> __m256 {
    proven!(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127)))))
}

/// 2^n for -1023 < n < 1024.
#[inline(always)]
fn power_of_two_f64(n: __m128i) -> __m256d {
    proven!({
        let n = _mm256_cvtepi32_epi64(_mm_add_epi32(n, _mm_set1_epi32(1023)));
        _mm256_castsi256_pd(_mm256_slli_epi64::<52>(n))
    })
}
