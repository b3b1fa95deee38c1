//! A rule over arrays: tile by tile through the first cache, chunk by chunk over the threads.

use std::sync::{Mutex, PoisonError};

use crate::kernel::{Dst, Float, Kernels, Link, LinkSource, Src};
use crate::team::{self, Stop};

use super::operation::{Action, Operation, Place};
use super::rule::Rule;
use super::stages::{Joint, JointSource, Stage};

/// Bytes of one array that go through all passes before the next do: half a dozen such fit the first cache.
const TILE_BYTES: usize = 4096;

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
    /// The scratch of idle threads.
    idle: Mutex<Vec<Workspace<T>>>,
    tables: Mutex<(Vec<f64>, Vec<T>)>,
}

/// The scratch of a thread.
struct Workspace<T> {
    /// A tile for each temporary of the rule.
    temps: Vec<T>,
    /// Room for the links of a chain.
    links: Vec<Link<T>>,
}

// SAFETY: the links are written anew before they are read.
unsafe impl<T: Send> Send for Workspace<T> {}

/// The pointers of segments, which several threads use.
struct SegmentPointers<'a, T>(&'a [Segment<T>]);

// SAFETY: the threads write disjoint chunks of arrays that the caller of `step` vouches for.
unsafe impl<T: Send> Sync for SegmentPointers<'_, T> {}

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
    /// overlap no other; no other code uses them meanwhile.
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
        let shared = SegmentPointers(segments);
        let work = |unit: usize, _: usize| {
            let shared = &shared;
            let mut unit = unit;
            for segment in shared.0 {
                if unit < chunks(segment) {
                    let start = unit * chunk;
                    let mut workspace = self.workspace();
                    let span = start..(start + chunk).min(segment.len);
                    // SAFETY: the chunk lies in the segment, and no other unit is this chunk.
                    unsafe { self.run(segment, span, table, &mut workspace) };
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
                    return;
                }
                unit -= chunks(segment);
            }
        };
        let lanes = if bytes < SMALL_BYTES { 1 } else { team::lanes() };
        team::run_on(lanes, units, &work, &mut || false)
    }

    fn workspace(&self) -> Workspace<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let temps = || vec![T::ZERO; self.rule.temps * tile::<T>()];
        idle.unwrap_or_else(|| Workspace { temps: temps(), links: Vec::new() })
    }

    /// All operations on the elements `span` of a segment.
    ///
    /// # Safety
    /// As `step`; the workspace was made for the rule.
    unsafe fn run(
        &self,
        segment: &Segment<T>,
        span: std::ops::Range<usize>,
        table: &[T],
        workspace: &mut Workspace<T>,
    ) {
        let Workspace { temps, links } = workspace;
        let temps = temps.as_mut_ptr();
        let mut at = span.start;
        while at < span.end {
            let count = tile::<T>().min(span.end - at);
            let memory = |place: Place| match place {
                Place::Stream(stream) => segment.streams[stream].wrapping_add(at),
                Place::Temp(temp) => temps.wrapping_add(temp * tile::<T>()),
                Place::Scalar(slot) => table.as_ptr().wrapping_add(slot).cast_mut(),
            };
            for stage in &self.rule.stages {
                // SAFETY: `at + count` does not go beyond the segment, nor `count` beyond a tile.
                unsafe {
                    match stage {
                        Stage::Chain(joints) => {
                            links.clear();
                            links.extend(joints.iter().map(|joint| link(joint, table, &memory)));
                            (self.kernels.chain)(count, links);
                        }
                        Stage::One(operation) => apply(self.kernels, operation, count, &memory),
                    }
                }
            }
            at += count;
        }
    }
}

/// Elements of a tile.
const fn tile<T>() -> usize {
    TILE_BYTES / size_of::<T>()
}

/// A joint at a tile.
fn link<T: Float>(joint: &Joint, table: &[T], memory: &impl Fn(Place) -> *mut T) -> Link<T> {
    let source = |source: JointSource| match source {
        JointSource::Before => LinkSource::Before,
        JointSource::At(Place::Scalar(slot)) => LinkSource::Value(table[slot]),
        JointSource::At(place) => LinkSource::Elements(memory(place).cast_const()),
        JointSource::Fresh(place) => LinkSource::Fresh(memory(place).cast_const()),
    };
    let dst = joint.dst.map_or(std::ptr::null_mut(), memory);
    Link { op: joint.op, sources: joint.sources.map(source), dst }
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
