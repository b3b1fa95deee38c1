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

/// A network's input, (N, T, F) row-major or (N, T) ids.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T> {
    Features { data: &'a [T], width: usize },
    Ids { data: &'a [i64] },
}

#[derive(Debug, Clone)]
pub struct Unit {
    /// Its rows in `Batch::order`.
    pub rows: Range<usize>,
    pub geometry: Geometry,
}

#[derive(Debug, Clone)]
pub struct Batch {
    pub rows: usize,
    pub steps: usize,
    /// The caller's rows, longest first; rows of one length keep their order.
    pub order: Vec<usize>,
    pub units: Vec<Unit>,
}

impl Batch {
    /// `lengths`: none where every row has `steps` steps.
    pub fn new(rows: usize, steps: usize, lengths: Option<&[i64]>) -> Result<Batch, NetError> {
        let lengths: Vec<usize> = match lengths {
            None => vec![steps; rows],
            Some(lengths) if lengths.len() != rows => {
                return Err(NetError::Shape(format!(
                    "lengths has {} entries; expected {rows}",
                    lengths.len()
                )));
            }
            Some(lengths) => {
                let valid = |&length: &i64| usize::try_from(length).ok().filter(|&length| length <= steps);
                let bad = |(row, length)| {
                    NetError::Shape(format!("lengths[{row}] is {length}; expected 0 to {steps}"))
                };
                (lengths.iter().enumerate())
                    .map(|(row, length)| valid(length).ok_or_else(|| bad((row, length))))
                    .collect::<Result<_, _>>()?
            }
        };
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
        let count = rows.div_ceil(UNIT_ROWS).max(usize::from(rows > 0) + usize::from(rows >= SPLIT_ROWS));
        let units = (0..count)
            .map(|unit| {
                let range = unit * rows / count..(unit + 1) * rows / count;
                let callers = order[range.clone()].to_vec();
                let geometry =
                    Geometry::new(callers.iter().map(|&row| lengths[row]).collect()).called(callers);
                Unit { rows: range, geometry }
            })
            .collect();
        Ok(Batch { rows, steps, order, units })
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
            (0..geometry.alive(t)).map(move |b| self.order[unit.rows.start + b] * self.steps + t)
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

    /// Takes the rows of a unit out of (N, width).
    pub fn pack_state<T: Copy>(&self, unit: &Unit, data: &[T], width: usize) -> Vec<T> {
        let rows = self.order[unit.rows.clone()].iter();
        rows.flat_map(|&row| data[row * width..(row + 1) * width].iter().copied()).collect()
    }

    /// Writes the rows of a unit to their places in (N, width).
    pub fn unpack_state<T: Copy>(&self, unit: &Unit, values: &[T], width: usize, data: &mut [T]) {
        for (position, &row) in self.order[unit.rows.clone()].iter().enumerate() {
            data[row * width..(row + 1) * width]
                .copy_from_slice(&values[position * width..(position + 1) * width]);
        }
    }
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
        let batch = Batch::new(3, 4, Some(&[2, 0, 4])).unwrap();
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
            assert_eq!(Batch::new(rows, 5, None).unwrap().units.len(), units, "{rows} rows");
        }
    }

    #[test]
    fn lengths_out_of_range_are_named() {
        for lengths in [[1, 5], [-1, 2]] {
            assert!(
                matches!(Batch::new(2, 4, Some(&lengths)), Err(NetError::Shape(text)) if text.contains("lengths["))
            );
        }
    }
}
