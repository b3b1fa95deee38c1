//! A batch as the engine sees it: sequences sorted by length, cut into units, packed by time.

use std::ops::Range;

use crate::kernel::Float;
use crate::time::Geometry;

use super::graph::NetError;

/// Rows of a unit at most. Fixed by the shape of the batch alone, never by the number of threads, so that sums of
/// gradients do not depend on it.
const UNIT_ROWS: usize = 16;
/// From this many rows on there are at least two units.
const SPLIT_ROWS: usize = 8;
/// Gradients are summed in at most this many partial sums, each over every so-manieth unit.
const MAX_GROUPS: usize = 8;

/// A sequence as the engine sees it: a row of the caller's from its beginning, or from a reset, to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// The caller's row.
    pub row: usize,
    /// Its first step in that row.
    pub first: usize,
    pub length: usize,
    /// Whether it takes up the row's initial state; after a reset it begins with zeros.
    pub head: bool,
    /// Whether it leaves the row's final state.
    pub tail: bool,
}

/// What a batch may say beside its numbers of rows and steps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent<'a> {
    /// (N,); none where every row has all steps.
    pub lengths: Option<&'a [i64]>,
    /// (N, T): true where a row's state is set to zeros before the step.
    pub resets: Option<&'a [bool]>,
    /// What the first step counts as, for noise.
    pub first_step: usize,
}

/// A network's input, (N, T, F) row-major or (N, T) ids.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T> {
    Features { data: &'a [T], width: usize },
    Ids { data: &'a [i64] },
}

#[derive(Debug, Clone)]
pub struct Unit {
    /// Its rows in `Batch::sequences`.
    pub rows: Range<usize>,
    pub geometry: Geometry,
}

#[derive(Debug, Clone)]
pub struct Batch {
    pub rows: usize,
    pub steps: usize,
    /// Longest first; those of one length in the order of the caller's rows and steps.
    pub sequences: Vec<Sequence>,
    pub units: Vec<Unit>,
}

impl Batch {
    pub fn new(rows: usize, steps: usize, extent: Extent) -> Result<Batch, NetError> {
        let lengths = checked_lengths(rows, steps, extent.lengths)?;
        if let Some(resets) = extent.resets {
            expect_len("resets", resets.len(), rows * steps)?;
        }
        let mut sequences = Vec::with_capacity(rows);
        for (row, &length) in lengths.iter().enumerate() {
            let resets = extent.resets.map(|resets| &resets[row * steps..][..length]);
            between_resets(row, length, resets, &mut sequences);
        }
        sequences.sort_by_key(|sequence| std::cmp::Reverse(sequence.length));
        let count = sequences.len();
        let units = count.div_ceil(UNIT_ROWS).max(usize::from(count > 0) + usize::from(count >= SPLIT_ROWS));
        let units = (0..units)
            .map(|unit| {
                let range = unit * count / units..(unit + 1) * count / units;
                let of = |what: fn(&Sequence) -> usize| sequences[range.clone()].iter().map(what);
                let geometry = Geometry::new(of(|s| s.length).collect()).called(
                    of(|s| s.row).collect(),
                    of(|s| s.first).map(|first| extent.first_step + first).collect(),
                );
                Unit { rows: range, geometry }
            })
            .collect();
        Ok(Batch { rows, steps, sequences, units })
    }

    /// Units that share a partial sum of gradients.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let count = self.units.len().min(MAX_GROUPS);
        (0..count).map(|group| (group..self.units.len()).step_by(count).collect()).collect()
    }

    /// Where each packed row of a unit lies in the caller's (N, T) order.
    fn places<'a>(&'a self, unit: &'a Unit) -> impl Iterator<Item = usize> + 'a {
        let geometry = &unit.geometry;
        (0..geometry.steps()).flat_map(move |t| {
            let alive = &self.sequences[unit.rows.start..][..geometry.alive(t)];
            alive.iter().map(move |sequence| sequence.row * self.steps + sequence.first + t)
        })
    }

    /// Takes the rows of a unit out of (N, T, width), packed by time. Padding is never read.
    pub fn pack<T: Copy>(&self, unit: &Unit, data: &[T], width: usize) -> Vec<T> {
        let mut packed = Vec::with_capacity(unit.geometry.total() * width);
        for place in self.places(unit) {
            packed.extend_from_slice(&data[place * width..(place + 1) * width]);
        }
        packed
    }

    /// The ids of a unit as numbers, each checked against `limit`.
    pub fn pack_ids<T: Float>(
        &self,
        unit: &Unit,
        ids: &[i64],
        limit: usize,
        what: &str,
    ) -> Result<Vec<T>, NetError> {
        (self.places(unit))
            .map(|place| match ids[place] {
                id if (0..limit as i64).contains(&id) => Ok(T::from_f64(id as f64)),
                id => Err(NetError::Config(format!(
                    "{what}[{}, {}] is {id}; expected an id from 0 to {}",
                    place / self.steps,
                    place % self.steps,
                    limit - 1
                ))),
            })
            .collect()
    }

    /// Writes packed rows of a unit to their places in (N, T, width).
    ///
    /// `stride` is the length of a packed row in memory.
    pub fn unpack<T: Copy>(&self, unit: &Unit, packed: &[T], stride: usize, width: usize, data: &mut [T]) {
        for (row, place) in self.places(unit).enumerate() {
            data[place * width..(place + 1) * width]
                .copy_from_slice(&packed[row * stride..row * stride + width]);
        }
    }

    /// Takes the rows of a unit out of (N, width): of initial states, or of what belongs to final ones.
    pub fn pack_state<T: Float>(&self, unit: &Unit, data: &[T], width: usize, end: End) -> Vec<T> {
        let mut packed = vec![T::ZERO; unit.rows.len() * width];
        for (position, row) in self.rows_at(unit, end) {
            packed[position * width..][..width].copy_from_slice(&data[row * width..][..width]);
        }
        packed
    }

    /// Writes the rows of a unit to their places in (N, width).
    pub fn unpack_state<T: Copy>(&self, unit: &Unit, values: &[T], width: usize, end: End, data: &mut [T]) {
        for (position, row) in self.rows_at(unit, end) {
            data[row * width..][..width].copy_from_slice(&values[position * width..][..width]);
        }
    }

    /// The rows of a unit that begin or end a row of the caller's, with that row.
    fn rows_at(&self, unit: &Unit, end: End) -> impl Iterator<Item = (usize, usize)> {
        let sequences = self.sequences[unit.rows.clone()].iter().enumerate();
        let at = move |sequence: &Sequence| if end == End::Initial { sequence.head } else { sequence.tail };
        sequences
            .filter(move |(_, sequence)| at(sequence))
            .map(|(position, sequence)| (position, sequence.row))
    }
}

/// Which states of a row are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Initial,
    Final,
}

fn checked_lengths(rows: usize, steps: usize, lengths: Option<&[i64]>) -> Result<Vec<usize>, NetError> {
    let Some(lengths) = lengths else { return Ok(vec![steps; rows]) };
    if lengths.len() != rows {
        return Err(NetError::Shape(format!("lengths has {} entries; expected {rows}", lengths.len())));
    }
    let valid = |&length: &i64| usize::try_from(length).ok().filter(|&length| length <= steps);
    let bad = |(row, length)| NetError::Shape(format!("lengths[{row}] is {length}; expected 0 to {steps}"));
    let checked =
        lengths.iter().enumerate().map(|(row, length)| valid(length).ok_or_else(|| bad((row, length))));
    checked.collect()
}

/// The sequences of a row; `resets` are those within its length.
fn between_resets(row: usize, length: usize, resets: Option<&[bool]>, sequences: &mut Vec<Sequence>) {
    let resets = resets.unwrap_or_default();
    let (mut first, mut head) = (0, true);
    for t in (0..resets.len()).filter(|&t| resets[t]) {
        if t > first {
            sequences.push(Sequence { row, first, length: t - first, head, tail: false });
        }
        (first, head) = (t, false);
    }
    sequences.push(Sequence { row, first, length: length - first, head, tail: true });
}

/// Refuses data of another length than its shape says.
pub(super) fn expect_len(what: &str, got: usize, expected: usize) -> Result<(), NetError> {
    if got == expected {
        Ok(())
    } else {
        Err(NetError::Shape(format!("{what} has {got} elements; expected {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_and_unpacking_give_back_what_is_not_padding() {
        let batch = Batch::new(3, 4, Extent { lengths: Some(&[2, 0, 4]), ..Extent::default() }).unwrap();
        let data: Vec<f32> = (0..3 * 4 * 2).map(|x| x as f32).collect();
        let mut back = vec![0.0; data.len()];
        for unit in &batch.units {
            batch.unpack(unit, &batch.pack(unit, &data, 2), 2, 2, &mut back);
        }
        let expected: Vec<f32> = (data.iter().enumerate())
            .map(|(at, &x)| if at / 2 % 4 < [2, 0, 4][at / 8] { x } else { 0.0 })
            .collect();
        assert_eq!(back, expected);
    }

    #[test]
    fn units_depend_on_the_batch_alone() {
        for (rows, units) in [(0, 0), (1, 1), (7, 1), (8, 2), (32, 2), (33, 3), (128, 8)] {
            assert_eq!(Batch::new(rows, 5, Extent::default()).unwrap().units.len(), units, "{rows} rows");
        }
    }

    #[test]
    fn lengths_out_of_range_are_named() {
        for lengths in [[1, 5], [-1, 2]] {
            let extent = Extent { lengths: Some(&lengths), ..Extent::default() };
            assert!(
                matches!(Batch::new(2, 4, extent), Err(NetError::Shape(text)) if text.contains("lengths["))
            );
        }
    }

    #[test]
    fn a_reset_ends_a_sequence_and_begins_another() {
        // row 0 begins anew at 2; row 1 at once and at 3; what is said beyond the length of row 2 is not read
        let resets = [[0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]].map(|row| row.map(|x| x == 1)).concat();
        let extent = Extent { lengths: Some(&[4, 4, 1]), resets: Some(&resets), ..Extent::default() };
        let batch = Batch::new(3, 4, extent).unwrap();
        let found: Vec<_> =
            batch.sequences.iter().map(|s| (s.row, s.first, s.length, s.head, s.tail)).collect();
        let expected = [
            (1, 0, 3, false, false),
            (0, 0, 2, true, false),
            (0, 2, 2, false, true),
            (1, 3, 1, false, true),
            (2, 0, 1, true, true),
        ];
        assert_eq!(found, expected);
        let unit = &batch.units[0];
        assert_eq!(batch.pack_state(unit, &[1.0, 2.0, 3.0], 1, End::Initial), [0.0, 1.0, 0.0, 0.0, 3.0]);
        assert_eq!(batch.pack_state(unit, &[1.0, 2.0, 3.0], 1, End::Final), [0.0, 0.0, 1.0, 2.0, 3.0]);
    }
}
