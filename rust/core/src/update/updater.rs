//! A rule over arrays: tile by tile through the first cache, chunk by chunk over the threads.
//!
//! `check` computes a step and writes nothing; `step` writes over the old values. A caller that wants an update to be
//! whole or not at all calls both: so no copy of the parameters is needed.

use std::cell::Cell;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::kernel::{Dst, Float, Kernels, Link, LinkSource, Src};
use crate::memory;
use crate::team::{self, Stop};

use super::operation::{Action, Operation, Place};
use super::rule::Rule;
use super::stages::{Joint, JointSource, Stage};

/// A number that a step would write: not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotFinite {
    /// Which array of the parameter: the parameter itself is 0.
    pub stream: usize,
    pub segment: usize,
    pub element: usize,
}

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
    /// By array of a parameter: the tile of the scratch that `check` writes in place of it.
    tile_of: Vec<Option<usize>>,
    tables: Mutex<(Vec<f64>, Vec<T>)>,
}

/// The scratch of a thread.
struct Workspace<T> {
    /// A tile for each temporary of the rule, then one for each array that a step changes.
    temps: Vec<T>,
    /// Room for the links of a chain.
    links: Vec<Link<T>>,
    /// By array of a parameter: whether an operation on this tile has changed it.
    changed: Vec<Cell<bool>>,
}

// SAFETY: the links are written anew before they are read.
unsafe impl<T: Send> Send for Workspace<T> {}

/// The pointers of segments, which several threads use.
struct SegmentPointers<'a, T>(&'a [Segment<T>]);

// SAFETY: the threads write disjoint chunks of arrays that the caller of `step` vouches for.
unsafe impl<T: Send> Sync for SegmentPointers<'_, T> {}

/// Work on some elements of a segment: (segment, its number, elements, scalars, scratch).
type Work<'a, T> = &'a (dyn Fn(&Segment<T>, usize, Range<usize>, &[T], &mut Workspace<T>) + Sync);

impl<T: Float> Updater<T> {
    pub fn new(rule: Rule, kernels: &'static Kernels<T>) -> Updater<T> {
        let mut next = rule.temps;
        let tile_of = (rule.written().iter())
            .map(|&written| {
                next += usize::from(written);
                written.then(|| next - 1)
            })
            .collect();
        Updater { rule, kernels, idle: Mutex::default(), tile_of, tables: Mutex::default() }
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
        self.each_chunk(segments, scalars, &|segment, _, span, table, workspace| {
            for tile in tiles::<T>(span) {
                let memory = |stream: usize, _: bool| segment.streams[stream].wrapping_add(tile.start);
                // SAFETY: the tile lies in the segment, and no other unit has it.
                unsafe { self.run(tile.len(), &memory, table, workspace) };
            }
        })
    }

    /// What a step would write that is not finite; of several the first, parameters before other arrays. Writes nothing.
    ///
    /// # Safety
    /// Each segment has `rule().streams()` arrays of `len` elements; no other code writes them meanwhile.
    pub unsafe fn check(&self, segments: &[Segment<T>], scalars: &[f64]) -> Result<Option<NotFinite>, Stop> {
        let first: Mutex<Option<NotFinite>> = Mutex::new(None);
        self.each_chunk(segments, scalars, &|segment, number, span, table, workspace| {
            for tile in tiles::<T>(span) {
                // SAFETY: the tile lies in the segment; the scratch has a tile for each array that the rule writes.
                let found = unsafe { self.check_tile(&segment.streams, &tile, table, workspace) };
                if let Some((stream, place)) = found {
                    let found = NotFinite { stream, segment: number, element: tile.start + place };
                    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                    *first = Some(first.map_or(found, |before| before.min(found)));
                }
            }
        })?;
        Ok(first.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls `work` for each chunk of each segment, on all threads.
    fn each_chunk(&self, segments: &[Segment<T>], scalars: &[f64], work: Work<'_, T>) -> Result<(), Stop> {
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
        let unit = |unit: usize, _: usize| {
            let shared = &shared;
            let mut unit = unit;
            for (number, segment) in shared.0.iter().enumerate() {
                if unit < chunks(segment) {
                    let start = unit * chunk;
                    let mut workspace = self.workspace();
                    work(segment, number, start..(start + chunk).min(segment.len), table, &mut workspace);
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
                    return;
                }
                unit -= chunks(segment);
            }
        };
        let lanes = if bytes < SMALL_BYTES { 1 } else { team::lanes() };
        team::run_on(lanes, units, &unit, &mut || false)
    }

    fn workspace(&self) -> Workspace<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| {
            let written = self.tile_of.iter().flatten().count();
            let mut temps = Vec::new();
            memory::resized(&mut temps, (self.rule.temps + written) * tile_len::<T>(), T::ZERO);
            let changed = vec![Cell::new(false); self.tile_of.len()];
            Workspace { temps, links: Vec::new(), changed }
        })
    }

    /// The first number of a tile that is not finite after a step, as (array, element), in scratch.
    ///
    /// # Safety
    /// As `check`; the tile lies in the segment.
    unsafe fn check_tile(
        &self,
        streams: &[*mut T],
        tile: &Range<usize>,
        table: &[T],
        workspace: &mut Workspace<T>,
    ) -> Option<(usize, usize)> {
        let count = tile.len();
        let scratch = workspace.temps.as_mut_ptr();
        let memory = |stream: usize, changed: bool| match self.tile_of[stream] {
            Some(place) if changed => scratch.wrapping_add(place * tile_len::<T>()),
            _ => streams[stream].wrapping_add(tile.start),
        };
        let written = || (0..streams.len()).filter(|&stream| self.tile_of[stream].is_some());
        // SAFETY: all that is written lies in the scratch.
        unsafe { self.run(count, &memory, table, workspace) };
        written().find_map(|stream| {
            let mut finite = true;
            // SAFETY: the tile was written above, from `count` elements on it is not read.
            let values = unsafe {
                (self.kernels.all_finite)(count, memory(stream, true), &mut finite);
                std::slice::from_raw_parts(memory(stream, true), count)
            };
            if finite {
                return None;
            }
            values.iter().position(|x| !x.to_f64().is_finite()).map(|place| (stream, place))
        })
    }

    /// All operations on the `count` elements of a tile; `streams`: where each array of the parameter lies, before an
    /// operation has changed it and afterwards.
    ///
    /// # Safety
    /// `count` elements at each of these may be read, and written where the rule writes; `count` is at most a tile; the
    /// workspace was made for the rule.
    unsafe fn run(
        &self,
        count: usize,
        streams: &impl Fn(usize, bool) -> *mut T,
        table: &[T],
        workspace: &mut Workspace<T>,
    ) {
        let Workspace { temps, links, changed } = workspace;
        let temps = temps.as_mut_ptr();
        changed.iter().for_each(|one| one.set(false));
        let of = |place: Place| match place {
            Place::Stream(stream) => streams(stream, changed[stream].get()),
            Place::Temp(temp) => temps.wrapping_add(temp * tile_len::<T>()),
            Place::Scalar(slot) => table.as_ptr().wrapping_add(slot).cast_mut(),
        };
        let read = |place: Place| of(place).cast_const();
        let write = |place: Place| {
            if let Place::Stream(stream) = place {
                changed[stream].set(true);
            }
            of(place)
        };
        for stage in &self.rule.stages {
            // SAFETY: passed on.
            unsafe {
                match stage {
                    Stage::Chain(joints) => {
                        links.clear();
                        links.extend(joints.iter().map(|joint| link(joint, table, &read, &write)));
                        (self.kernels.chain)(count, links);
                    }
                    Stage::One(operation) => apply(self.kernels, operation, count, &read, &write),
                }
            }
        }
    }
}

/// The tiles of a chunk.
fn tiles<T>(span: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = span.end;
    span.step_by(tile_len::<T>()).map(move |start| start..(start + tile_len::<T>()).min(end))
}

/// Elements of a tile.
const fn tile_len<T>() -> usize {
    TILE_BYTES / size_of::<T>()
}

/// A joint at a tile.
fn link<T: Float>(
    joint: &Joint,
    table: &[T],
    read: &impl Fn(Place) -> *const T,
    write: &impl Fn(Place) -> *mut T,
) -> Link<T> {
    let source = |source: JointSource| match source {
        JointSource::Before => LinkSource::Before,
        JointSource::At(Place::Scalar(slot)) => LinkSource::Value(table[slot]),
        JointSource::At(place) => LinkSource::Elements(read(place)),
        JointSource::Fresh(place) => LinkSource::Fresh(read(place)),
    };
    // the sources first: a result that replaces one of them may lie elsewhere
    let sources = joint.sources.map(source);
    Link { op: joint.op, sources, dst: joint.dst.map_or(std::ptr::null_mut(), write) }
}

/// One operation on a tile.
///
/// # Safety
/// `read` and `write` give `count` elements for an array or a temporary, and one for a scalar.
#[inline]
unsafe fn apply<T: Float>(
    kernels: &Kernels<T>,
    operation: &Operation,
    count: usize,
    read: &impl Fn(Place) -> *const T,
    write: &impl Fn(Place) -> *mut T,
) {
    let source = |place: Place| {
        let col = usize::from(!matches!(place, Place::Scalar(_)));
        Src { ptr: read(place), row: 0, col }
    };
    let [a, b, c] = operation.args.map(source);
    let dst = Dst { ptr: write(operation.dst), row: 0 };
    // SAFETY: passed on; a destination is a source's memory or apart from it.
    unsafe {
        match operation.action {
            Action::Unary(op, alpha) => {
                (kernels.unary)(op, T::from_f64(alpha), 1, count, dst, a);
            }
            Action::Binary(op) => (kernels.binary)(op, 1, count, dst, a, b),
            Action::Ternary(op) => {
                (kernels.ternary)(op, 1, count, dst, a, b, c);
            }
        }
    }
}
