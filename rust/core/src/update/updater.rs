//! A rule over arrays: tile by tile through the first cache, chunk by chunk over the threads.

use std::sync::{Mutex, PoisonError};

use crate::kernel::{Dst, Float, Kernels, Src};
use crate::team::{self, Stop};

use super::rule::{Action, Operation, Place, Rule};

/// Bytes of one array that go through all operations before the next do: a dozen such fit the first cache.
const TILE_BYTES: usize = 2048;

/// Bytes of one array that a thread takes at a time. Elements are independent, so this shows in no result.
const CHUNK_BYTES: usize = 1 << 17;

/// Arrays with fewer bytes together than this are updated by the calling thread: waking another takes as long.
const SMALL_BYTES: usize = 1 << 18;

/// The arrays of one parameter: itself, its gradient, its slots.
#[derive(Debug, Clone)]
pub struct Segment<T> {
    pub streams: Vec<*mut T>,
    pub len: usize,
}

/// A rule for parameters of one number type.
pub struct Updater<T: Float> {
    rule: Rule,
    kernels: &'static Kernels<T>,
    /// Temporary memories of threads that are not at work.
    idle: Mutex<Vec<Vec<T>>>,
    tables: Mutex<(Vec<f64>, Vec<T>)>,
}

/// A segment's pointers on their way to another thread.
struct Shared<'a, T>(&'a [Segment<T>]);

// SAFETY: the threads write disjoint chunks of arrays that the caller of `step` vouches for.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<T: Float> Updater<T> {
    pub fn new(rule: Rule, kernels: &'static Kernels<T>) -> Updater<T> {
        Updater { rule, kernels, idle: Mutex::default(), tables: Mutex::default() }
    }

    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// One step over all segments.
    ///
    /// # Safety
    /// Each segment has `rule().streams()` arrays of `len` elements; those that the rule writes may be written and
    /// overlap no other; nobody else uses them meanwhile.
    pub unsafe fn step(&self, segments: &[Segment<T>], scalars: &[f64]) -> Result<(), Stop> {
        debug_assert_eq!(scalars.len(), self.rule.scalars());
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let (wide, table) = &mut *tables;
        self.rule.scalars.evaluate(scalars, self.kernels.isa, wide);
        table.clear();
        table.extend(wide.iter().map(|&x| T::from_f64(x)));
        let table = &table[..];
        let chunk = CHUNK_BYTES / size_of::<T>();
        let chunks = |segment: &Segment<T>| segment.len.div_ceil(chunk);
        let units: usize = segments.iter().map(chunks).sum();
        let bytes: usize =
            segments.iter().map(|segment| segment.len * segment.streams.len() * size_of::<T>()).sum();
        let shared = Shared(segments);
        let work = |unit: usize, _: usize| {
            let shared = &shared;
            let mut unit = unit;
            for segment in shared.0 {
                if unit < chunks(segment) {
                    let start = unit * chunk;
                    let mut temps = self.temps();
                    // SAFETY: the chunk lies in the segment, and no other unit is this chunk.
                    unsafe { self.run(segment, start..(start + chunk).min(segment.len), table, &mut temps) };
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(temps);
                    return;
                }
                unit -= chunks(segment);
            }
        };
        let lanes = if bytes < SMALL_BYTES { 1 } else { team::lanes() };
        team::run_on(lanes, units, &work, &mut || false)
    }

    fn temps(&self) -> Vec<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| vec![T::ZERO; self.rule.temps * tile::<T>()])
    }

    /// All operations on the elements `span` of a segment.
    ///
    /// # Safety
    /// As `step`; `temps` has a tile for each temporary of the rule.
    unsafe fn run(&self, segment: &Segment<T>, span: std::ops::Range<usize>, table: &[T], temps: &mut [T]) {
        let temps = temps.as_mut_ptr();
        let mut at = span.start;
        while at < span.end {
            let count = tile::<T>().min(span.end - at);
            let memory = |place: Place| match place {
                Place::Stream(stream) => segment.streams[stream].wrapping_add(at),
                Place::Temp(temp) => temps.wrapping_add(temp * tile::<T>()),
                Place::Scalar(slot) => table.as_ptr().wrapping_add(slot).cast_mut(),
            };
            for operation in &self.rule.operations {
                // SAFETY: `at + count` does not go beyond the segment, nor `count` beyond a tile.
                unsafe { apply(self.kernels, operation, count, &memory) };
            }
            at += count;
        }
    }
}

/// Elements of a tile.
const fn tile<T>() -> usize {
    TILE_BYTES / size_of::<T>()
}

/// One operation on a tile.
///
/// # Safety
/// `memory` gives `count` elements for an array or a temporary, and one for a scalar.
#[inline]
unsafe fn apply<T: Float>(
    kernels: &Kernels<T>,
    operation: &Operation,
    count: usize,
    memory: &impl Fn(Place) -> *mut T,
) {
    let source = |place: Place| {
        let col = usize::from(!matches!(place, Place::Scalar(_)));
        Src { ptr: memory(place).cast_const(), row: 0, col }
    };
    let [a, b, c] = operation.args;
    let dst = Dst { ptr: memory(operation.dst), row: 0 };
    // SAFETY: passed on; a destination is a source's memory or apart from it.
    unsafe {
        match operation.action {
            Action::Unary(op, alpha) => {
                (kernels.unary)(op, T::from_f64(alpha), 1, count, dst, source(a));
            }
            Action::Binary(op) => (kernels.binary)(op, 1, count, dst, source(a), source(b)),
            Action::Ternary(op) => {
                (kernels.ternary)(op, 1, count, dst, source(a), source(b), source(c));
            }
        }
    }
}
