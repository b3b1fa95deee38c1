//! Vectors of 128 bits on 64-bit Arm.

use std::arch::aarch64::*;

use super::Simd;

/// Proof that the CPU has NEON.
#[derive(Copy, Clone)]
pub(crate) struct Neon(());

impl Neon {
    /// # Safety
    /// The CPU has NEON.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Neon {
        Neon(())
    }
}

/// Calls intrinsics.
macro_rules! proven {
    ($calls:expr) => {
        // SAFETY: a token exists only where the CPU has it; the callers of `load` and `store` in all their
        // forms vouch for the memory, and that a partial count is below LANES.
        unsafe { $calls }
    };
}

impl Simd<f32> for Neon {
    type V = float32x4_t;
    type M = uint32x4_t;

    const LANES: usize = 4;
    const TILE_ROWS: usize = 6;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        proven!(vdupq_n_f32(x))
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> float32x4_t {
        proven!(vld1q_f32(p))
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: float32x4_t) {
        proven!(vst1q_f32(p, x))
    }

    #[inline(always)]
    unsafe fn load_partial(self, p: *const f32, count: usize, fill: float32x4_t) -> float32x4_t {
        proven!({
            let mut lanes = [0.0; 4];
            vst1q_f32(lanes.as_mut_ptr(), fill);
            for (i, lane) in lanes.iter_mut().enumerate().take(count) {
                *lane = *p.add(i);
            }
            vld1q_f32(lanes.as_ptr())
        })
    }

    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, count: usize, x: float32x4_t) {
        proven!({
            let mut lanes = [0.0; 4];
            vst1q_f32(lanes.as_mut_ptr(), x);
            for (i, lane) in lanes.iter().enumerate().take(count) {
                *p.add(i) = *lane;
            }
        })
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        proven!(vaddq_f32(a, b))
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        proven!(vsubq_f32(a, b))
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        proven!(vmulq_f32(a, b))
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        proven!(vdivq_f32(a, b))
    }

    #[inline(always)]
    fn sqrt(self, a: float32x4_t) -> float32x4_t {
        proven!(vsqrtq_f32(a))
    }

    #[inline(always)]
    fn neg(self, a: float32x4_t) -> float32x4_t {
        proven!(vnegq_f32(a))
    }

    #[inline(always)]
    fn abs(self, a: float32x4_t) -> float32x4_t {
        proven!(vabsq_f32(a))
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        proven!(vfmaq_f32(c, a, b))
    }

    #[inline(always)]
    fn neg_mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        proven!(vfmsq_f32(c, a, b))
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        proven!(vminq_f32(a, b))
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        proven!(vmaxq_f32(a, b))
    }

    #[inline(always)]
    fn with_sign(self, a: float32x4_t, sign: float32x4_t) -> float32x4_t {
        proven!(vbslq_f32(vdupq_n_u32(1 << 31), sign, a))
    }

    #[inline(always)]
    fn lt(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        proven!(vcltq_f32(a, b))
    }

    #[inline(always)]
    fn le(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        proven!(vcleq_f32(a, b))
    }

    #[inline(always)]
    fn eq(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        proven!(vceqq_f32(a, b))
    }

    #[inline(always)]
    fn or(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        proven!(vorrq_u32(a, b))
    }

    #[inline(always)]
    fn all(self, m: uint32x4_t) -> bool {
        proven!(vminvq_u32(m) == u32::MAX)
    }

    #[inline(always)]
    fn sum(self, x: float32x4_t) -> f32 {
        proven!({
            let halves = vadd_f32(vget_low_f32(x), vget_high_f32(x));
            vget_lane_f32::<0>(halves) + vget_lane_f32::<1>(halves)
        })
    }

    #[inline(always)]
    fn largest(self, x: float32x4_t) -> f32 {
        proven!(vmaxvq_f32(x))
    }

    #[inline(always)]
    fn select(self, m: uint32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        proven!(vbslq_f32(m, a, b))
    }

    #[inline(always)]
    fn round(self, x: float32x4_t) -> float32x4_t {
        proven!(vrndnq_f32(x))
    }

    #[inline(always)]
    fn scale(self, x: float32x4_t, n: float32x4_t) -> float32x4_t {
        // Two factors, as 2^n alone may be out of range where x 2^n is not.
        proven!({
            let n = vcvtq_s32_f32(n);
            let half = vshrq_n_s32::<1>(n);
            let x = vmulq_f32(x, power_of_two_f32(half));
            vmulq_f32(x, power_of_two_f32(vsubq_s32(n, half)))
        })
    }

    #[inline(always)]
    fn split(self, x: float32x4_t) -> (float32x4_t, float32x4_t) {
        proven!({
            let bits = vreinterpretq_u32_f32(x);
            let mantissa = vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x007f_ffff)), vdupq_n_u32(0x3f80_0000));
            let exponent = vreinterpretq_s32_u32(vshrq_n_u32::<23>(bits));
            let exponent = vsubq_s32(exponent, vdupq_n_s32(127));
            (vreinterpretq_f32_u32(mantissa), vcvtq_f32_s32(exponent))
        })
    }
}

impl Simd<f64> for Neon {
    type V = float64x2_t;
    type M = uint64x2_t;

    const LANES: usize = 2;
    const TILE_ROWS: usize = 6;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f64) -> float64x2_t {
        proven!(vdupq_n_f64(x))
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f64) -> float64x2_t {
        proven!(vld1q_f64(p))
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f64, x: float64x2_t) {
        proven!(vst1q_f64(p, x))
    }

    #[inline(always)]
    unsafe fn load_partial(self, p: *const f64, count: usize, fill: float64x2_t) -> float64x2_t {
        proven!({
            let mut lanes = [0.0; 2];
            vst1q_f64(lanes.as_mut_ptr(), fill);
            for (i, lane) in lanes.iter_mut().enumerate().take(count) {
                *lane = *p.add(i);
            }
            vld1q_f64(lanes.as_ptr())
        })
    }

    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f64, count: usize, x: float64x2_t) {
        proven!({
            let mut lanes = [0.0; 2];
            vst1q_f64(lanes.as_mut_ptr(), x);
            for (i, lane) in lanes.iter().enumerate().take(count) {
                *p.add(i) = *lane;
            }
        })
    }

    #[inline(always)]
    fn add(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        proven!(vaddq_f64(a, b))
    }

    #[inline(always)]
    fn sub(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        proven!(vsubq_f64(a, b))
    }

    #[inline(always)]
    fn mul(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        proven!(vmulq_f64(a, b))
    }

    #[inline(always)]
    fn div(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        proven!(vdivq_f64(a, b))
    }

    #[inline(always)]
    fn sqrt(self, a: float64x2_t) -> float64x2_t {
        proven!(vsqrtq_f64(a))
    }

    #[inline(always)]
    fn neg(self, a: float64x2_t) -> float64x2_t {
        proven!(vnegq_f64(a))
    }

    #[inline(always)]
    fn abs(self, a: float64x2_t) -> float64x2_t {
        proven!(vabsq_f64(a))
    }

    #[inline(always)]
    fn mul_add(self, a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
        proven!(vfmaq_f64(c, a, b))
    }

    #[inline(always)]
    fn neg_mul_add(self, a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
        proven!(vfmsq_f64(c, a, b))
    }

    #[inline(always)]
    fn min(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        proven!(vminq_f64(a, b))
    }

    #[inline(always)]
    fn max(self, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        proven!(vmaxq_f64(a, b))
    }

    #[inline(always)]
    fn with_sign(self, a: float64x2_t, sign: float64x2_t) -> float64x2_t {
        proven!(vbslq_f64(vdupq_n_u64(1 << 63), sign, a))
    }

    #[inline(always)]
    fn lt(self, a: float64x2_t, b: float64x2_t) -> uint64x2_t {
        proven!(vcltq_f64(a, b))
    }

    #[inline(always)]
    fn le(self, a: float64x2_t, b: float64x2_t) -> uint64x2_t {
        proven!(vcleq_f64(a, b))
    }

    #[inline(always)]
    fn eq(self, a: float64x2_t, b: float64x2_t) -> uint64x2_t {
        proven!(vceqq_f64(a, b))
    }

    #[inline(always)]
    fn or(self, a: uint64x2_t, b: uint64x2_t) -> uint64x2_t {
        proven!(vorrq_u64(a, b))
    }

    #[inline(always)]
    fn all(self, m: uint64x2_t) -> bool {
        proven!((vgetq_lane_u64::<0>(m) & vgetq_lane_u64::<1>(m)) == u64::MAX)
    }

    #[inline(always)]
    fn sum(self, x: float64x2_t) -> f64 {
        proven!(vgetq_lane_f64::<0>(x) + vgetq_lane_f64::<1>(x))
    }

    #[inline(always)]
    fn largest(self, x: float64x2_t) -> f64 {
        proven!(vmaxvq_f64(x))
    }

    #[inline(always)]
    fn select(self, m: uint64x2_t, a: float64x2_t, b: float64x2_t) -> float64x2_t {
        proven!(vbslq_f64(m, a, b))
    }

    #[inline(always)]
    fn round(self, x: float64x2_t) -> float64x2_t {
        proven!(vrndnq_f64(x))
    }

    #[inline(always)]
    fn scale(self, x: float64x2_t, n: float64x2_t) -> float64x2_t {
        // Two factors, as 2^n alone may be out of range where x 2^n is not.
        proven!({
            let n = vcvtq_s64_f64(n);
            let half = vshrq_n_s64::<1>(n);
            let x = vmulq_f64(x, power_of_two_f64(half));
            vmulq_f64(x, power_of_two_f64(vsubq_s64(n, half)))
        })
    }

    #[inline(always)]
    fn split(self, x: float64x2_t) -> (float64x2_t, float64x2_t) {
        proven!({
            let bits = vreinterpretq_u64_f64(x);
            let mantissa = vorrq_u64(
                vandq_u64(bits, vdupq_n_u64(0x000f_ffff_ffff_ffff)),
                vdupq_n_u64(0x3ff0_0000_0000_0000),
            );
            let exponent = vreinterpretq_s64_u64(vshrq_n_u64::<52>(bits));
            let exponent = vsubq_s64(exponent, vdupq_n_s64(1023));
            (vreinterpretq_f64_u64(mantissa), vcvtq_f64_s64(exponent))
        })
    }
}

/// 2^n for -127 < n < 128.
#[inline(always)]
fn power_of_two_f32(n: int32x4_t) -> float32x4_t {
    proven!(vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127)))))
}

/// 2^n for -1023 < n < 1024.
#[inline(always)]
fn power_of_two_f64(n: int64x2_t) -> float64x2_t {
    proven!(vreinterpretq_f64_s64(vshlq_n_s64::<52>(vaddq_s64(n, vdupq_n_s64(1023)))))
}
