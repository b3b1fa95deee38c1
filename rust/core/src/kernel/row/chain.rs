//! Several elementwise operations in one pass: values stay in registers between operations.
//!
//! With one pass per operation, each pass reads and writes the first cache, and no memory is fetched while a pass
//! computes on cached values. A chain loads all its operands within a few hundred instructions, so the
//! processor fetches them while it divides.

use super::maps::{self, Map};
use crate::kernel::args::{Link, LinkSource, Short};
use crate::kernel::math::Math;
use crate::kernel::simd::Simd;

/// How far ahead fresh memory is prefetched. To try another distance, change it here and measure Adam with `python benches/steady.py`. On a Zen 4 less than 1 KiB was clearly slower, 4 KiB no faster.
const AHEAD_BYTES: usize = 2048;

/// All links for the elements below `count`.
///
/// # Safety
/// As [`crate::kernel::Kernels`].
#[inline(always)]
pub(in crate::kernel) unsafe fn chain<T: Math, S: Simd<T>>(s: S, count: usize, links: &[Link<T>]) {
    let mut at = 0;
    // SAFETY: the blocks lie below `count` each, and the last is shorter than a vector.
    unsafe {
        // three sets of vectors live at a time: both operands and the result
        if S::TILE_ROWS >= 6 {
            while at + 8 * S::LANES <= count {
                block::<T, S, 8>(s, links, at, S::LANES);
                at += 8 * S::LANES;
            }
        } else {
            while at + 4 * S::LANES <= count {
                block::<T, S, 4>(s, links, at, S::LANES);
                at += 4 * S::LANES;
            }
        }
        while at + S::LANES <= count {
            block::<T, S, 1>(s, links, at, S::LANES);
            at += S::LANES;
        }
        if at < count {
            block::<T, S, 1>(s, links, at, count - at);
        }
    }
}

/// All links for N vectors from element `at` on, each of which has `lanes` elements.
///
/// # Safety
/// As [`chain`]; the vectors are full, or N is 1.
#[inline(always)]
unsafe fn block<T: Math, S: Simd<T>, const N: usize>(s: S, links: &[Link<T>], at: usize, lanes: usize) {
    let is_full = N > 1 || lanes == S::LANES;
    let mut values = [s.splat(T::ONE); N];
    for link in links {
        // SAFETY: passed on.
        let (a, b) = unsafe {
            let [a, b] = &link.sources;
            (read(s, a, values, at, lanes), read(s, b, values, at, lanes))
        };
        values = match link.op {
            Short::Copy => a,
            Short::Neg => each(s, maps::Neg, a),
            Short::Sqrt => each(s, maps::Sqrt, a),
            Short::Abs => each(s, maps::Abs, a),
            Short::Sign => each(s, maps::Sign, a),
            Short::Relu => each(s, maps::Relu, a),
            Short::Add => pairs(s, maps::Add, a, b),
            Short::Sub => pairs(s, maps::Sub, a, b),
            Short::Mul => pairs(s, maps::Mul, a, b),
            Short::Div => pairs(s, maps::Div, a, b),
            Short::Min => pairs(s, maps::Min, a, b),
            Short::Max => pairs(s, maps::Max, a, b),
        };
        if !link.dst.is_null() {
            for (j, vector) in values.iter().enumerate() {
                // SAFETY: as for the operands.
                unsafe {
                    let to = link.dst.add(at + j * S::LANES);
                    if is_full { s.store(to, *vector) } else { s.store_partial(to, lanes, *vector) }
                }
            }
        }
    }
}

/// The operand of N vectors.
///
/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn read<T: Math, S: Simd<T>, const N: usize>(
    s: S,
    source: &LinkSource<T>,
    before: [S::V; N],
    at: usize,
    lanes: usize,
) -> [S::V; N] {
    match *source {
        LinkSource::Before => before,
        LinkSource::Value(x) => [s.splat(x); N],
        LinkSource::Elements(from) | LinkSource::Fresh(from) => {
            if N > 1 && matches!(source, LinkSource::Fresh(_)) {
                let ahead = from.wrapping_add(at + AHEAD_BYTES / size_of::<T>());
                (0..N).for_each(|j| s.prefetch(ahead.wrapping_add(j * S::LANES)));
            }
            let mut vectors = [s.splat(T::ONE); N];
            for (j, vector) in vectors.iter_mut().enumerate() {
                // SAFETY: the vectors exist, the last one as far as `lanes`.
                *vector = unsafe {
                    let from = from.add(at + j * S::LANES);
                    if N > 1 || lanes == S::LANES {
                        s.load(from)
                    } else {
                        s.load_partial(from, lanes, *vector)
                    }
                };
            }
            vectors
        }
    }
}

#[inline(always)]
fn each<T: Math, S: Simd<T>, F: Map<T, 1>, const N: usize>(s: S, f: F, mut a: [S::V; N]) -> [S::V; N] {
    for a in &mut a {
        *a = f.apply(s, [*a]);
    }
    a
}

#[inline(always)]
fn pairs<T: Math, S: Simd<T>, F: Map<T, 2>, const N: usize>(
    s: S,
    f: F,
    mut a: [S::V; N],
    b: [S::V; N],
) -> [S::V; N] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = f.apply(s, [*a, b]);
    }
    a
}
