//! A rule over arrays: tile by tile through the first cache, chunk by chunk over the threads.
//!
//! `check` computes a step and writes nothing; `step` writes over the old values. A caller that wants an update to be
//! whole or not at all calls both: so no copy of the parameters is needed. Reductions are computed by the first of them.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::kernel::{Float, Kernels};
use crate::memory;
use crate::team::{self, Stop};

use super::bounds::{Bounds, is_finite};
use super::compile::{Pass, Spread};
use super::form::Extent;
use super::levels::{Levels, Sum, Target};
use super::operation::Place;
use super::rule::Rule;
use super::segment::Segment;
use super::tile::{Scratch, tile_len};
use super::totals::{Known, Sides, Totals, UnitSums, Units, is_of_columns, of_side};

/// A number that a step would write: not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotFinite {
    /// Which array of the parameter: the parameter itself is 0.
    pub stream: usize,
    pub segment: usize,
    pub element: usize,
}

/// Bytes of one array that a thread takes at a time. Elements are independent, so this shows in no result.
const CHUNK_BYTES: usize = 1 << 17;

/// Numbers of a unit of a reduction, whatever their type.
const SUM_CHUNK: usize = 1 << 15;

/// Arrays with fewer bytes together than this are updated by the calling thread: waking another takes as long.
const SMALL_BYTES: usize = 1 << 18;

/// A rule for parameters of one number type.
pub struct Updater<T: Float> {
    rule: Rule,
    kernels: &'static Kernels<T>,
    /// The scratch of idle threads.
    idle: Mutex<Vec<Scratch<T>>>,
    /// By array of full extent: the tile of the scratch that `check` writes in place of it.
    tile_of: Vec<Option<usize>>,
    shared: Mutex<Shared<T>>,
}

/// The scratch of the calling thread.
struct Shared<T: Float> {
    wide: Vec<f64>,
    table: Vec<T>,
    /// For passes over rows and columns.
    side: Scratch<f64>,
    /// Sums over a whole parameter, by unit and sum.
    wholes: Vec<f64>,
    /// Sums of columns, by unit, sum and column.
    columns: Vec<f64>,
}

/// The pointers of segments, which several threads use.
struct SegmentPointers<'a, T>(&'a [Segment<T>]);

// SAFETY: the threads write disjoint chunks of arrays that the caller of `step` vouches for.
unsafe impl<T: Send> Sync for SegmentPointers<'_, T> {}

/// Memory of which each unit uses a part of its own.
struct Parts(*mut f64);

// SAFETY: the parts are disjoint.
unsafe impl Sync for Parts {}

impl Parts {
    /// Part number `part` of `len` elements.
    ///
    /// # Safety
    /// It lies in the memory, and no other reference to it is alive.
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint")]
    unsafe fn part(&self, part: usize, len: usize) -> &mut [f64] {
        // SAFETY: passed on.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(part * len), len) }
    }
}

/// Work on some elements of a segment: (segment, its number, elements, scratch).
type Work<'a, T> = &'a (dyn Fn(&Segment<T>, usize, Range<usize>, &mut Scratch<T>) + Sync);

/// Arrays that lie beside the numbers of a segment, for a pass over these.
type Beside<'a, T> = Option<&'a Sides<'a, T>>;

impl<T: Float> Updater<T> {
    pub fn new(rule: Rule, kernels: &'static Kernels<T>) -> Updater<T> {
        let is_full = |&(_, &extent): &(&bool, &Extent)| extent == Extent::Full;
        let mut next = full_passes(&rule).map(|pass| pass.temps).max().unwrap_or(0);
        let tile_of = (rule.written.iter().zip(&rule.extents).filter(is_full))
            .map(|(&written, _)| {
                next += usize::from(written);
                written.then(|| next - 1)
            })
            .collect();
        let (mut tiles, mut arrays) = (0, 0);
        if let Some(levels) = &rule.levels {
            let passes = levels.steps.iter().flat_map(|step| step.rows.iter().chain(&step.columns));
            tiles = passes.map(|pass| pass.temps).max().unwrap_or(0);
            arrays = levels.rows.arrays().max(levels.columns.arrays());
        }
        let side = Scratch::new(tiles, arrays);
        let (wide, table, wholes, columns) = Default::default();
        let shared = Mutex::new(Shared { wide, table, side, wholes, columns });
        Updater { rule, kernels, idle: Mutex::default(), tile_of, shared }
    }

    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// One step over all segments. `totals`: what `check` has found out about the same step, or nothing.
    ///
    /// # Safety
    /// Each segment has the arrays of `rule().extents()`, with as many elements as their extents are long; those that the
    /// rule writes may be written and overlap no other; no other code uses them meanwhile.
    pub unsafe fn step(
        &self,
        segments: &[Segment<T>],
        scalars: &[f64],
        totals: &mut Totals,
    ) -> Result<(), Stop> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let work = |segment: &Segment<T>, span, table: &[T], beside: Beside<'_, T>, scratch: &mut _| {
            for tile in tiles::<T>(span) {
                let memory = |stream: usize, _: bool| segment.streams[stream].wrapping_add(tile.start);
                // SAFETY: the tile lies in the segment, and no other unit has it.
                unsafe { self.run(&self.rule.last, &tile, &memory, table, beside, scratch) };
            }
        };
        let Some(levels) = &self.rule.levels else {
            self.evaluate(scalars, &mut shared);
            let table = &shared.table[..];
            return self.each_chunk(segments, &|segment, _, span, scratch| {
                work(segment, span, table, None, scratch);
            });
        };
        // SAFETY: passed on.
        unsafe { self.learn(levels, segments, scalars, totals, &mut shared)? };
        for (segment, known) in segments.iter().zip(&mut totals.segments) {
            self.narrow(known, &mut shared.table);
            let table = &shared.table[..];
            let sides = self.sides(levels, segment, known);
            self.each_chunk(std::slice::from_ref(segment), &|segment, _, span, scratch| {
                work(segment, span, table, Some(&sides), scratch);
            })?;
            // SAFETY: passed on; the values have arrays of their own.
            unsafe {
                for (side, which, len) in levels.sides(segment.rows, segment.columns) {
                    for (slot, &array) in side.becomes.iter().enumerate() {
                        let (from, to) = (sides.at(which(array)), sides.at(which(slot)));
                        to.copy_from_nonoverlapping(from, len);
                    }
                }
                for (&slot, &value) in segment.wholes(&self.rule).zip(&levels.wholes) {
                    *slot = known.table[value];
                }
            }
        }
        totals.are_known = false;
        Ok(())
    }

    /// What a step would write that is not finite, and the number; of several the first, parameters before other arrays.
    /// Writes nothing, except to `totals`.
    ///
    /// # Safety
    /// As for `step`, but no array is written.
    pub unsafe fn check(
        &self,
        segments: &[Segment<T>],
        scalars: &[f64],
        totals: &mut Totals,
    ) -> Result<Option<(NotFinite, f64)>, Stop> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let first: Mutex<Option<(NotFinite, f64)>> = Mutex::new(None);
        let keep = |found: NotFinite, value: f64| {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.is_none_or(|(before, _)| found < before) {
                *first = Some((found, value));
            }
        };
        let work = |segment: &Segment<T>,
                    number: usize,
                    span,
                    table: &[T],
                    beside: Beside<'_, T>,
                    scratch: &mut _| {
            // a long stretch of each array is read faster than a tile of each by turns
            // SAFETY: the span lies in the segment.
            if beside.is_none() && unsafe { self.is_bounded(&segment.streams, &span, table, scratch) } {
                return;
            }
            for tile in tiles::<T>(span) {
                // SAFETY: the tile lies in the segment; the scratch has a tile for each array that the rule writes.
                let found = unsafe { self.check_tile(&segment.streams, &tile, table, beside, scratch) };
                if let Some((stream, place, value)) = found {
                    let stream = self.rule.array(Extent::Full, stream);
                    keep(NotFinite { stream, segment: number, element: tile.start + place }, value);
                }
            }
        };
        if let Some(levels) = &self.rule.levels {
            totals.are_known = false;
            // SAFETY: passed on.
            unsafe { self.learn(levels, segments, scalars, totals, &mut shared)? };
            for (number, (segment, known)) in segments.iter().zip(&mut totals.segments).enumerate() {
                self.narrow(known, &mut shared.table);
                let table = &shared.table[..];
                let sides = self.sides(levels, segment, known);
                self.each_chunk(std::slice::from_ref(segment), &|segment, _, span, scratch| {
                    work(segment, number, span, table, Some(&sides), scratch);
                })?;
                for (side, which, len) in levels.sides(segment.rows, segment.columns) {
                    for (slot, &array) in side.becomes.iter().enumerate() {
                        // SAFETY: an array of this side.
                        let values = unsafe { std::slice::from_raw_parts(sides.at(which(array)), len) };
                        if let Some(element) = values.iter().position(|x| !x.is_finite()) {
                            let stream = self.rule.array(which(slot).extent(), slot);
                            keep(NotFinite { stream, segment: number, element }, values[element]);
                        }
                    }
                }
                for (slot, &value) in levels.wholes.iter().enumerate() {
                    if !known.table[value].is_finite() {
                        let stream = self.rule.array(Extent::Whole, slot);
                        keep(NotFinite { stream, segment: number, element: 0 }, known.table[value]);
                    }
                }
            }
            totals.are_known = true;
        } else {
            self.evaluate(scalars, &mut shared);
            let table = &shared.table[..];
            self.each_chunk(segments, &|segment, number, span, scratch| {
                work(segment, number, span, table, None, scratch);
            })?;
        }
        Ok(first.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fills the table of scalars of a rule without levels.
    fn evaluate(&self, scalars: &[f64], shared: &mut Shared<T>) {
        debug_assert_eq!(scalars.len(), self.rule.scalars());
        self.rule.scalars.evaluate(scalars, self.kernels.isa, &mut shared.wide);
        shared.table.clear();
        shared.table.extend(shared.wide.iter().map(|&x| T::from_f64(x)));
    }

    /// Fills the table of scalars of a segment.
    fn narrow(&self, known: &mut Known, table: &mut Vec<T>) {
        self.rule.scalars.evaluate(&known.given, self.kernels.isa, &mut known.table);
        table.clear();
        table.extend(known.table.iter().map(|&x| T::from_f64(x)));
    }

    fn sides<'a>(&'a self, levels: &'a Levels, segment: &'a Segment<T>, known: &mut Known) -> Sides<'a, T> {
        let (rows, columns) = (known.rows.as_mut_ptr(), known.columns.as_mut_ptr());
        Sides { segment, rule: &self.rule, levels, rows, columns }
    }

    /// Computes what the last pass needs to know of each segment, unless a check has.
    ///
    /// # Safety
    /// As for `check`.
    unsafe fn learn(
        &self,
        levels: &Levels,
        segments: &[Segment<T>],
        scalars: &[f64],
        totals: &mut Totals,
        shared: &mut Shared<T>,
    ) -> Result<(), Stop> {
        if totals.are_known && totals.segments.len() == segments.len() {
            return Ok(());
        }
        memory::resized(&mut totals.segments, segments.len(), Known::default());
        for (segment, known) in segments.iter().zip(&mut totals.segments) {
            known.begin(&self.rule, levels, segment, scalars);
            for level in &levels.steps {
                self.narrow(known, &mut shared.table);
                let sides = self.sides(levels, segment, known);
                let passes = [(&level.rows, segment.rows), (&level.columns, segment.columns)];
                for ((pass, len), (_, which, _)) in passes.into_iter().zip(levels.sides(0, 0)) {
                    let Some(pass) = pass else { continue };
                    for tile in tiles::<f64>(0..len) {
                        let memory = |array: usize, _: bool| sides.at(which(array)).wrapping_add(tile.start);
                        let (kernels, table) = (f64::kernels(self.kernels.isa), &known.table[..]);
                        // SAFETY: the tile lies in the arrays; those that are written are the step's own.
                        unsafe { pass.run(kernels, tile.len(), &memory, table, &mut shared.side) };
                    }
                }
                for &(which, measure, param) in &level.of_sides {
                    let len = if let Spread::Row(_) = which { segment.rows } else { segment.columns };
                    // SAFETY: an array of this side.
                    let values = unsafe { std::slice::from_raw_parts(sides.at(which), len) };
                    known.given[param] = of_side(f64::kernels(self.kernels.isa), values, measure);
                }
                if let Some((pass, sums)) = &level.full {
                    let given = &mut known.given;
                    // SAFETY: passed on.
                    unsafe { self.reduce(pass, sums, &sides, given, shared)? };
                }
            }
        }
        Ok(())
    }

    /// The reductions of one pass over all numbers of a segment.
    ///
    /// # Safety
    /// As for `check`.
    unsafe fn reduce(
        &self,
        pass: &Pass,
        sums: &[Sum],
        sides: &Sides<'_, T>,
        given: &mut [f64],
        shared: &mut Shared<T>,
    ) -> Result<(), Stop> {
        let segment = sides.segment;
        let units = Units::new(segment, sums, SUM_CHUNK);
        let width = segment.columns;
        let of_columns = sums.iter().filter(|sum| is_of_columns(sum)).count() * width;
        memory::resized(&mut shared.wholes, units.count * sums.len(), 0.0);
        memory::resized(&mut shared.columns, units.count * of_columns, 0.0);
        shared.wholes.fill(0.0);
        shared.columns.fill(0.0);
        for sum in sums {
            if let Target::Side(which @ Spread::Row(_)) = sum.to {
                // SAFETY: an array of the step's own.
                unsafe { sides.at(which).write_bytes(0, segment.rows) };
            }
        }
        let (wholes, columns) = (Parts(shared.wholes.as_mut_ptr()), Parts(shared.columns.as_mut_ptr()));
        let table = &shared.table[..];
        let unit = |unit: usize, _: usize| {
            // SAFETY: the part of this unit.
            let (wholes, columns) =
                unsafe { (wholes.part(unit, sums.len()), columns.part(unit, of_columns)) };
            let mut own = UnitSums { sums, wholes, columns, width };
            let mut scratch = self.scratch();
            for tile in tiles::<T>(units.span(unit)) {
                let memory = |stream: usize, _: bool| sides.segment.streams[stream].wrapping_add(tile.start);
                // SAFETY: the tile lies in the segment, and the pass writes temporaries alone.
                unsafe { self.run(pass, &tile, &memory, table, Some(sides), &mut scratch) };
                for (at, &place) in pass.kept.iter().enumerate() {
                    let values = match place {
                        Place::Stream(stream) => memory(stream, false),
                        Place::Temp(temp) => scratch.temp(temp),
                        Place::Scalar(_) => continue, // a value of full extent is none
                    };
                    // SAFETY: the values of the tile; the rows of a unit are its own.
                    unsafe {
                        let values = std::slice::from_raw_parts(values, tile.len());
                        own.add(self.kernels, at, values, tile.start, &|which| sides.at(which));
                    }
                }
            }
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        };
        let bytes = segment.len * segment.streams.len() * size_of::<T>();
        let lanes = if bytes < SMALL_BYTES { 1 } else { team::lanes() };
        team::run_on(lanes, units.count, &unit, &mut || false)?;
        let mut column = 0;
        for (at, sum) in sums.iter().enumerate() {
            match sum.to {
                Target::Whole(param) => {
                    let total = (0..units.count).map(|unit| shared.wholes[unit * sums.len() + at]).sum();
                    given[param] = sum.measure.of(total, segment.len);
                }
                Target::Side(which @ Spread::Row(_)) => {
                    // SAFETY: an array of the step's own.
                    let rows = unsafe { std::slice::from_raw_parts_mut(sides.at(which), segment.rows) };
                    rows.iter_mut().for_each(|row| *row = sum.measure.of(*row, width));
                }
                Target::Side(which @ Spread::Column(_)) => {
                    // SAFETY: as above.
                    let totals = unsafe { std::slice::from_raw_parts_mut(sides.at(which), width) };
                    for (c, total) in totals.iter_mut().enumerate() {
                        let units =
                            (0..units.count).map(|unit| shared.columns[unit * of_columns + column + c]);
                        *total = sum.measure.of(units.sum(), segment.rows);
                    }
                    column += width;
                }
            }
        }
        Ok(())
    }

    /// Calls `work` for each chunk of each segment, on all threads.
    fn each_chunk(&self, segments: &[Segment<T>], work: Work<'_, T>) -> Result<(), Stop> {
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
                    let mut scratch = self.scratch();
                    work(segment, number, start..(start + chunk).min(segment.len), &mut scratch);
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
                    return;
                }
                unit -= chunks(segment);
            }
        };
        let lanes = if bytes < SMALL_BYTES { 1 } else { team::lanes() };
        team::run_on(lanes, units, &unit, &mut || false)
    }

    fn scratch(&self) -> Scratch<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| {
            let temps = full_passes(&self.rule).map(|pass| pass.temps).max().unwrap_or(0);
            Scratch::new(temps + self.tile_of.iter().flatten().count(), self.tile_of.len())
        })
    }

    /// A pass over a tile, with what it reads of rows and columns.
    ///
    /// # Safety
    /// As for `Pass::run`; the tile lies in the segment of `beside`.
    unsafe fn run(
        &self,
        pass: &Pass,
        tile: &Range<usize>,
        memory: &impl Fn(usize, bool) -> *mut T,
        table: &[T],
        beside: Beside<'_, T>,
        scratch: &mut Scratch<T>,
    ) {
        // SAFETY: passed on; the scratch has a tile for each temporary.
        unsafe {
            for (sides, &(which, temp)) in
                beside.into_iter().flat_map(|sides| pass.spreads.iter().map(move |one| (sides, one)))
            {
                sides.spread(which, tile.start, tile.len(), scratch.temp(temp));
            }
            pass.run(self.kernels, tile.len(), memory, table, scratch);
        }
    }

    /// The first number of a tile that is not finite after a step, as (array of full extent, element, number), in scratch.
    ///
    /// # Safety
    /// As `check`; the tile lies in the segment.
    unsafe fn check_tile(
        &self,
        streams: &[*mut T],
        tile: &Range<usize>,
        table: &[T],
        beside: Beside<'_, T>,
        scratch: &mut Scratch<T>,
    ) -> Option<(usize, usize, f64)> {
        let count = tile.len();
        // SAFETY: passed on.
        if beside.is_none() && unsafe { self.is_bounded(streams, tile, table, scratch) } {
            return None;
        }
        let start = scratch.temp(0);
        let memory = |stream: usize, changed: bool| match self.tile_of[stream] {
            Some(place) if changed => start.wrapping_add(place * tile_len::<T>()),
            _ => streams[stream].wrapping_add(tile.start),
        };
        let written = || (0..streams.len()).filter(|&stream| self.tile_of[stream].is_some());
        // SAFETY: all that is written lies in the scratch.
        unsafe { self.run(&self.rule.last, tile, &memory, table, beside, scratch) };
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
            let place = values.iter().position(|x| !x.to_f64().is_finite())?;
            Some((stream, place, values[place].to_f64()))
        })
    }
}

impl<T: Float> Updater<T> {
    /// Whether the least and the largest numbers of a span exclude that a step is not finite there.
    ///
    /// # Safety
    /// As `check`; the span lies in the segment.
    unsafe fn is_bounded(
        &self,
        streams: &[*mut T],
        span: &Range<usize>,
        table: &[T],
        scratch: &mut Scratch<T>,
    ) -> bool {
        for (known, stream) in scratch.known_arrays.iter_mut().zip(streams) {
            let mut range = [T::ZERO; 2];
            // SAFETY: the span lies in the arrays.
            unsafe { (self.kernels.range)(span.len(), stream.add(span.start), &mut range) };
            let [least, largest] = range.map(T::to_f64);
            *known = Bounds::of::<T>(least, largest);
        }
        is_finite(&self.rule.last, table, &mut scratch.known_arrays, &mut scratch.known_temps)
    }
}

/// The passes over all numbers.
fn full_passes(rule: &Rule) -> impl Iterator<Item = &Pass> {
    let before = rule.levels.iter().flat_map(|levels| &levels.steps);
    before.filter_map(|step| step.full.as_ref().map(|(pass, _)| pass)).chain([&rule.last])
}

/// The tiles of a chunk.
fn tiles<T>(span: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = span.end;
    span.step_by(tile_len::<T>()).map(move |start| start..(start + tile_len::<T>()).min(end))
}
