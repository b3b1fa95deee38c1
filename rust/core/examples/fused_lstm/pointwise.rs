//! The pointwise part of an LSTM's step, fused by hand in AVX-512: one loop over the units, nothing stored in between.
//!
//! The functions are those of `kernel::math`, formula by formula, so that what is measured is the fusing and nothing else.

use std::arch::x86_64::*;

/// Cephes expf (S. Moshier), as in `kernel::math::f32`.
const EXPM1: [f32; 6] = [0.5, 0.166_666_65, 0.041_665_796, 0.008_333_452, 0.001_398_199_9, 0.000_198_756_92];
const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];
const LANES: usize = 16;

/// The rows of one step of forwards: gates (rows, 4H) hold sums and receive activations; c and h are (rows, H).
pub struct Forward {
    pub gates: *mut f32,
    pub c_before: *const f32,
    pub c: *mut f32,
    pub h: *mut f32,
}

/// The rows of one step of the backward pass. `d_c` is read and written in place.
pub struct Backward {
    pub gates: *const f32,
    pub c_before: *const f32,
    pub c: *const f32,
    /// Of the outputs, and of h by way of the next step.
    pub d_output: *const f32,
    pub d_h: *const f32,
    pub d_c: *mut f32,
    /// (rows, 4H): of the sums.
    pub d_gates: *mut f32,
}

/// i, f, g, o; c' = f c + i g; h' = o tanh(c').
///
/// # Safety
/// The machine has AVX-512 F; the pointers are valid for `rows` rows; `hidden` is a multiple of 16.
#[target_feature(enable = "avx512f")]
pub unsafe fn forward(rows: usize, hidden: usize, x: &Forward) {
    for row in 0..rows {
        for unit in (0..hidden).step_by(LANES) {
            // SAFETY: the caller vouches for rows of 4 and 1 times `hidden`.
            unsafe {
                let gates = x.gates.add(row * 4 * hidden + unit);
                let at = row * hidden + unit;
                let i = sigmoid(_mm512_loadu_ps(gates));
                let f = sigmoid(_mm512_loadu_ps(gates.add(hidden)));
                let g = tanh(_mm512_loadu_ps(gates.add(2 * hidden)));
                let o = sigmoid(_mm512_loadu_ps(gates.add(3 * hidden)));
                let c = _mm512_fmadd_ps(f, _mm512_loadu_ps(x.c_before.add(at)), _mm512_mul_ps(i, g));
                _mm512_storeu_ps(gates, i);
                _mm512_storeu_ps(gates.add(hidden), f);
                _mm512_storeu_ps(gates.add(2 * hidden), g);
                _mm512_storeu_ps(gates.add(3 * hidden), o);
                _mm512_storeu_ps(x.c.add(at), c);
                _mm512_storeu_ps(x.h.add(at), _mm512_mul_ps(o, tanh(c)));
            }
        }
    }
}

/// The adjoint; tanh(c') is computed again rather than kept, as the planner has it.
///
/// # Safety
/// As [`forward`].
#[target_feature(enable = "avx512f")]
pub unsafe fn backward(rows: usize, hidden: usize, x: &Backward) {
    let one = _mm512_set1_ps(1.0);
    for row in 0..rows {
        for unit in (0..hidden).step_by(LANES) {
            // SAFETY: the caller vouches for rows of 4 and 1 times `hidden`.
            unsafe {
                let gates = x.gates.add(row * 4 * hidden + unit);
                let d_gates = x.d_gates.add(row * 4 * hidden + unit);
                let at = row * hidden + unit;
                let i = _mm512_loadu_ps(gates);
                let f = _mm512_loadu_ps(gates.add(hidden));
                let g = _mm512_loadu_ps(gates.add(2 * hidden));
                let o = _mm512_loadu_ps(gates.add(3 * hidden));
                let bent = tanh(_mm512_loadu_ps(x.c.add(at)));
                let d_h = _mm512_add_ps(_mm512_loadu_ps(x.d_output.add(at)), _mm512_loadu_ps(x.d_h.add(at)));
                // y (1 - y) of the sigmoids, 1 - y y of the hyperbolic tangents
                let slope = |y| _mm512_fnmadd_ps(y, y, y);
                let bend = |y| _mm512_fnmadd_ps(y, y, one);
                let d_c = _mm512_fmadd_ps(_mm512_mul_ps(d_h, o), bend(bent), _mm512_loadu_ps(x.d_c.add(at)));
                let d_i = _mm512_mul_ps(_mm512_mul_ps(d_c, g), slope(i));
                let d_f = _mm512_mul_ps(_mm512_mul_ps(d_c, _mm512_loadu_ps(x.c_before.add(at))), slope(f));
                let d_g = _mm512_mul_ps(_mm512_mul_ps(d_c, i), bend(g));
                let d_o = _mm512_mul_ps(_mm512_mul_ps(d_h, bent), slope(o));
                _mm512_storeu_ps(d_gates, d_i);
                _mm512_storeu_ps(d_gates.add(hidden), d_f);
                _mm512_storeu_ps(d_gates.add(2 * hidden), d_g);
                _mm512_storeu_ps(d_gates.add(3 * hidden), d_o);
                _mm512_storeu_ps(x.d_c.add(at), _mm512_mul_ps(d_c, f));
            }
        }
    }
}

/// n and exp(r) - 1 with x = n ln 2 + r.
#[inline]
#[target_feature(enable = "avx512f")]
fn parts(x: __m512) -> (__m512, __m512) {
    let n = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(_mm512_mul_ps(
        x,
        _mm512_set1_ps(std::f32::consts::LOG2_E),
    ));
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN_2[0]), x);
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN_2[1]), r);
    let mut p = _mm512_set1_ps(EXPM1[5]);
    for k in (0..5).rev() {
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(EXPM1[k]));
    }
    (n, _mm512_fmadd_ps(_mm512_mul_ps(r, r), p, r))
}

/// c - c e / (1 + e) with e = exp(-|x|) and c = (x < 0 ? e : 1).
#[inline]
#[target_feature(enable = "avx512f")]
fn sigmoid(x: __m512) -> __m512 {
    let one = _mm512_set1_ps(1.0);
    let size = _mm512_min_ps(_mm512_set1_ps(104.0), _mm512_abs_ps(x));
    let (n, m) = parts(_mm512_sub_ps(_mm512_setzero_ps(), size));
    let power = _mm512_scalef_ps(one, n);
    let e = _mm512_fmadd_ps(power, m, power);
    let q = _mm512_div_ps(e, _mm512_add_ps(e, one));
    let c = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps()), one, e);
    _mm512_fnmadd_ps(c, q, c)
}

/// q / (q + 2) with q = exp(2 |x|) - 1, and the sign of x.
#[inline]
#[target_feature(enable = "avx512f")]
fn tanh(x: __m512) -> __m512 {
    let one = _mm512_set1_ps(1.0);
    let size = _mm512_min_ps(_mm512_set1_ps(9.02), _mm512_abs_ps(x)); // 1.0f32 beyond
    let (n, m) = parts(_mm512_add_ps(size, size));
    let power = _mm512_scalef_ps(one, n);
    let q = _mm512_fmadd_ps(power, m, _mm512_sub_ps(power, one));
    let y = _mm512_castps_si512(_mm512_div_ps(q, _mm512_add_ps(q, _mm512_set1_ps(2.0))));
    let sign = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(i32::MIN));
    _mm512_castsi512_ps(_mm512_or_si512(y, sign))
}
