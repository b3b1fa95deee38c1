//! What a step knows of each parameter as a whole: reductions, and values of rows and columns.
//!
//! Sums are in float64, of units whose size depends on the parameter's shape alone, then of the units in order: any number
//! of threads gives the same bits.

use std::ops::Range;

use crate::kernel::{Float, Kernels};
use crate::memory;

use super::compile::Spread;
use super::form::Measure;
use super::levels::{Levels, Sum, Target};
use super::rule::Rule;
use super::segment::Segment;

/// The largest number of units where columns are summed: each has a sum for every column.
const MOST_UNITS: usize = 32;

/// What a check has found out about some segments, for the step that follows.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    pub(super) segments: Vec<Known>,
    /// Whether the step may use it.
    pub(super) are_known: bool,
}

impl Totals {
    /// Prepares for another step.
    pub fn forget(&mut self) {
        self.are_known = false;
    }
}

/// One segment's.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The parameters of the program: scalars of the step, slots of one number, reductions.
    pub(super) given: Vec<f64>,
    /// The table of scalars.
    pub(super) table: Vec<f64>,
    /// The arrays that the step keeps, one after the other.
    pub(super) rows: Vec<f64>,
    pub(super) columns: Vec<f64>,
}

impl Known {
    /// Room for a segment, and the numbers that are given.
    pub(super) fn begin<T>(&mut self, rule: &Rule, levels: &Levels, segment: &Segment<T>, scalars: &[f64]) {
        self.given.clear();
        memory::append(&mut self.given, scalars);
        for &slot in segment.wholes(rule).take(levels.numbers - rule.given) {
            // SAFETY: a slot of one number, which the caller of the step vouches for.
            self.given.push(unsafe { *slot });
        }
        memory::resized(&mut self.given, rule.scalars.given(), 0.0);
        memory::resized(&mut self.rows, levels.rows.buffers * segment.rows, 0.0);
        memory::resized(&mut self.columns, levels.columns.buffers * segment.columns, 0.0);
    }
}

/// The arrays of one number for each row or column of a segment: its slots, and what the step keeps.
pub(super) struct Sides<'a, T> {
    pub(super) segment: &'a Segment<T>,
    pub(super) rule: &'a Rule,
    pub(super) levels: &'a Levels,
    /// The arrays that the step keeps.
    pub(super) rows: *mut f64,
    pub(super) columns: *mut f64,
}

// SAFETY: threads write disjoint rows, of memory that the caller of the step vouches for or that the step owns.
unsafe impl<T: Send> Sync for Sides<'_, T> {}

impl<T> Sides<'_, T> {
    /// Where an array lies.
    pub(super) fn at(&self, which: Spread) -> *mut f64 {
        let (side, array, buffers, len) = match which {
            Spread::Row(array) => (&self.levels.rows, array, self.rows, self.segment.rows),
            Spread::Column(array) => (&self.levels.columns, array, self.columns, self.segment.columns),
        };
        match array.checked_sub(side.slots) {
            Some(own) => buffers.wrapping_add(own * len),
            None => self.segment.side_slot(self.rule, which),
        }
    }

    /// Writes the value of an array for each of the `count` numbers from `start` on.
    ///
    /// # Safety
    /// The numbers lie in the segment; `count` elements may be written at `dst`.
    pub(super) unsafe fn spread(&self, which: Spread, start: usize, count: usize, dst: *mut T)
    where
        T: Float,
    {
        let (from, width) = (self.at(which), self.segment.columns);
        let (mut place, mut done) = (start, 0);
        while done < count {
            let (row, column) = (place / width, place % width);
            let own = (width - column).min(count - done);
            // SAFETY: the row and the columns are of these numbers, and so are the elements of the destination.
            unsafe {
                let dst = std::slice::from_raw_parts_mut(dst.add(done), own);
                match which {
                    Spread::Row(_) => dst.fill(T::from_f64(*from.add(row))),
                    Spread::Column(_) => {
                        let values = std::slice::from_raw_parts(from.add(column), own);
                        dst.iter_mut().zip(values).for_each(|(to, &x)| *to = T::from_f64(x));
                    }
                }
            }
            place += own;
            done += own;
        }
    }
}

/// The rows of a matrix, or the numbers of a vector, in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    pub(super) count: usize,
    /// Numbers of a unit; the last has what is left.
    len: usize,
    total: usize,
}

impl Units {
    /// `chunk`: about so many numbers for a unit. Where rows or columns are summed, a unit has whole rows.
    pub(super) fn new<T>(segment: &Segment<T>, sums: &[Sum], chunk: usize) -> Units {
        let has_sides = sums.iter().any(|sum| matches!(sum.to, Target::Side(_)));
        let len = if has_sides && segment.len > 0 {
            let rows = chunk.div_ceil(segment.columns).max(segment.rows.div_ceil(MOST_UNITS));
            rows * segment.columns
        } else {
            chunk
        };
        Units { count: segment.len.div_ceil(len), len, total: segment.len }
    }

    pub(super) fn span(&self, unit: usize) -> Range<usize> {
        unit * self.len..((unit + 1) * self.len).min(self.total)
    }
}

/// The sums of one unit.
pub(super) struct UnitSums<'a> {
    pub(super) sums: &'a [Sum],
    /// By sum, those over the whole parameter.
    pub(super) wholes: &'a mut [f64],
    /// By sum: a number for each column, or nothing.
    pub(super) columns: &'a mut [f64],
    /// The width of the parameter.
    pub(super) width: usize,
}

impl UnitSums<'_> {
    /// Adds the values of a tile that begins at element `start`. `row`: where the sums of the rows lie, by array.
    ///
    /// # Safety
    /// The sums of rows may be written for the rows of the tile.
    pub(super) unsafe fn add<T: Float>(
        &mut self,
        kernels: &Kernels<T>,
        at: usize,
        values: &[T],
        start: usize,
        row: &impl Fn(Spread) -> *mut f64,
    ) {
        let squares = self.sums[at].measure.squares();
        match self.sums[at].to {
            Target::Whole(_) => self.wholes[at] += sum_of(kernels, values, squares),
            Target::Side(which @ Spread::Row(_)) => {
                let sums = row(which);
                let mut place = start;
                let mut rest = values;
                while !rest.is_empty() {
                    let own = (self.width - place % self.width).min(rest.len());
                    // SAFETY: the tile has elements of this row.
                    unsafe { *sums.add(place / self.width) += sum_of(kernels, &rest[..own], squares) };
                    place += own;
                    rest = &rest[own..];
                }
            }
            Target::Side(Spread::Column(_)) => {
                let position = self.sums[..at].iter().filter(|sum| is_of_columns(sum)).count();
                let sums = &mut self.columns[position * self.width..(position + 1) * self.width];
                let mut column = start % self.width;
                let mut rest = values;
                while !rest.is_empty() {
                    let own = (self.width - column).min(rest.len());
                    for (sum, value) in sums[column..].iter_mut().zip(&rest[..own]) {
                        let value = value.to_f64();
                        *sum += if squares { value * value } else { value };
                    }
                    column = 0;
                    rest = &rest[own..];
                }
            }
        }
    }
}

pub(super) fn is_of_columns(sum: &Sum) -> bool {
    matches!(sum.to, Target::Side(Spread::Column(_)))
}

/// The sum of some numbers, or of their squares, in an order that their count alone decides.
pub(super) fn sum_of<T: Float>(kernels: &Kernels<T>, values: &[T], squares: bool) -> f64 {
    if squares {
        let mut sum = 0.0;
        // SAFETY: the slice has as many elements as it says.
        unsafe { (kernels.square_sum)(values.len(), values.as_ptr(), &mut sum) };
        return sum;
    }
    let mut sums = [0.0; 8];
    let (groups, rest) = values.as_chunks::<8>();
    for group in groups {
        for (sum, value) in sums.iter_mut().zip(group) {
            *sum += value.to_f64();
        }
    }
    rest.iter().map(|value| value.to_f64()).sum::<f64>() + sums.iter().sum::<f64>()
}

/// Makes a reduction of an array of one side.
pub(super) fn of_side(kernels: &Kernels<f64>, values: &[f64], measure: Measure) -> f64 {
    measure.of(sum_of(kernels, values, measure.squares()), values.len())
}
