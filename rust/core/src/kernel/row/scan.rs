//! Linear recurrences along time, element by element, with the states in registers.

use crate::kernel::args::{Along, ScanState};
use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// Vectors of one state side by side in registers: enough chains of multiply-adds to hide their latency.
const VECTORS: usize = 4;

/// `s'[i] = sum over j of factors[i][j] * (s[j] + shift[j]) + rest[i]`, step after step, for one or two states.
///
/// Lanes do not see each other, so the order of operations of an element is the same in every chunk and tail.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn scan<T: Math, S: Simd<T>>(
    s: S,
    steps: usize,
    rows: usize,
    cols: usize,
    states: &[ScanState<T>],
) {
    // SAFETY: passed on.
    unsafe {
        match states {
            [one] => lines::<T, S, 1>(s, steps, rows, cols, [one]),
            [one, two] => lines::<T, S, 2>(s, steps, rows, cols, [one, two]),
            _ => {}
        }
    }
}

#[inline(always)]
unsafe fn lines<T: Math, S: Simd<T>, const N: usize>(
    s: S,
    steps: usize,
    rows: usize,
    cols: usize,
    states: [&ScanState<T>; N],
) {
    for r in 0..rows {
        let mut c = 0;
        // SAFETY: row r < rows exists, columns below cols exist, and a tail is shorter than a vector.
        unsafe {
            while c + VECTORS * S::LANES <= cols {
                chunk::<T, S, N, VECTORS>(s, steps, r, c, S::LANES, states);
                c += VECTORS * S::LANES;
            }
            while c < cols {
                chunk::<T, S, N, 1>(s, steps, r, c, S::LANES.min(cols - c), states);
                c += S::LANES;
            }
        }
    }
}

/// All steps of `W` vectors of columns from column `c` of row `r`; of a single vector only `count` lanes may exist.
#[inline(always)]
unsafe fn chunk<T: Math, S: Simd<T>, const N: usize, const W: usize>(
    s: S,
    steps: usize,
    r: usize,
    c: usize,
    count: usize,
    states: [&ScanState<T>; N],
) {
    let zero = s.splat(T::ZERO);
    let load = |at: *const T| {
        // SAFETY: the caller vouches for W vectors, or for `count` elements of one.
        unsafe { if count == S::LANES { s.load(at) } else { s.load_partial(at, count, zero) } }
    };
    let store = |at: *mut T, x: S::V| {
        // SAFETY: as `load`.
        unsafe { if count == S::LANES { s.store(at, x) } else { s.store_partial(at, count, x) } }
    };
    let lane = |w: usize| c + w * S::LANES;
    let mut state = [[zero; N]; W];
    for (w, state) in state.iter_mut().enumerate() {
        for (x, one) in state.iter_mut().zip(states) {
            *x = load(one.start.wrapping_add(r * one.start_row + lane(w)));
        }
    }
    for t in 0..steps as isize {
        let at = |along: &Along<T>| along.ptr.wrapping_offset(t * along.step).wrapping_add(r * along.row + c);
        for (w, state) in state.iter_mut().enumerate() {
            let here = w * S::LANES;
            let mut seen = *state;
            for (seen, one) in seen.iter_mut().zip(states) {
                if !one.shift.ptr.is_null() {
                    *seen = s.add(*seen, load(at(&one.shift).wrapping_add(here)));
                }
                if !one.seen.ptr.is_null() {
                    store(at(&one.seen).cast_mut().wrapping_add(here), *seen);
                }
            }
            for (x, one) in state.iter_mut().zip(states) {
                let mut next = zero;
                if !one.rest.ptr.is_null() {
                    next = load(at(&one.rest).wrapping_add(here));
                }
                for (&seen, factor) in seen.iter().zip(&one.factors).rev() {
                    if !factor.ptr.is_null() {
                        next = s.mul_add(load(at(factor).wrapping_add(here)), seen, next);
                    }
                }
                *x = next;
                if !one.update.ptr.is_null() {
                    store(at(&one.update).cast_mut().wrapping_add(here), next);
                }
            }
        }
    }
    for (w, state) in state.iter().enumerate() {
        for (&x, one) in state.iter().zip(states).filter(|(_, one)| !one.end.is_null()) {
            store(one.end.wrapping_add(r * one.start_row + lane(w)), x);
        }
    }
}
