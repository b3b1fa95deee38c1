//! The forward and backward pass of moves.

use crate::kernel::Float;
use crate::memory::{copied, made, with_room};
use crate::time::{Geometry, SeqView};

use super::super::batch::Axes;
use super::super::graph::Axis;
use super::super::graph::kinds::{Move, Rows};

/// The context of moves: the packed rows along all axes, and for each packed row of the first axis the packed row at the
/// mirrored time.
#[derive(Debug, Clone, Copy)]
pub struct RowMaps<'a> {
    pub axes: Axes<'a>,
    pub mirror: &'a [usize],
}

impl<'a> RowMaps<'a> {
    fn mirror(&self, axis: Axis) -> &'a [usize] {
        self.axes.mirror(axis).unwrap_or(self.mirror)
    }

    fn along(&self, axis: Axis) -> Along<'a> {
        Along { time: self.axes.of(axis), order: self.axes.order(axis) }
    }
}

/// The sequences of a row group on one axis, and the position of each among the values of rows.
#[derive(Clone, Copy)]
struct Along<'a> {
    time: &'a Geometry,
    order: Option<&'a [usize]>,
}

impl Along<'_> {
    fn place(&self, sequence: usize) -> usize {
        self.order.map_or(sequence, |order| order[sequence])
    }
}

/// Adds the moves of a node to `values`: packed rows of `width` elements, initially zeros. `view` returns the values of a
/// node.
pub fn derive<T: Float>(
    moves: &[Move],
    view: impl Fn(usize) -> SeqView<T>,
    maps: RowMaps,
    values: &mut [T],
    width: usize,
) {
    for one in moves {
        let source = view(one.from).columns(one.first, one.width);
        match one.rows {
            Rows::Same => add_rows(&source, None, values, width, one.column),
            Rows::Mirror => add_rows(&source, Some(maps.mirror(one.axis)), values, width, one.column),
            Rows::Max => each_max(maps.along(one.axis), &source, |found| {
                let line =
                    &mut values[found.place * width + one.column + found.first..][..found.largest.len()];
                line.iter_mut().zip(found.largest).for_each(|(sum, x)| *sum += *x);
            }),
            rows => pairs(rows, maps.along(one.axis), |to, from, share: T| {
                // SAFETY: the source has row `from`.
                let source = unsafe { row_of(&source, from) };
                let line = &mut values[to * width + one.column..][..source.len()];
                line.iter_mut().zip(source).for_each(|(sum, x)| *sum += share * *x);
            }),
        }
    }
}

/// Adds to the gradient of a move's source (`sum`, packed rows of `width` elements) the gradient `d` of the result.
pub(super) fn add_back<T: Float>(
    one: Move,
    d: &SeqView<T>,
    source: SeqView<T>,
    maps: RowMaps,
    sum: &mut [T],
    width: usize,
) {
    let (d, source) = (&d.columns(one.column, one.width), source.columns(one.first, one.width));
    match one.rows {
        Rows::Same => add_rows(d, None, sum, width, one.first),
        Rows::Mirror => add_rows(d, Some(maps.mirror(one.axis)), sum, width, one.first),
        Rows::Max => each_max(maps.along(one.axis), &source, |found| {
            // SAFETY: a gradient has the rows and columns of its node.
            let d = unsafe { &row_of(d, found.place)[found.first..] };
            found.add_at_first(d, sum, width, one.first);
        }),
        rows => pairs(rows, maps.along(one.axis), |to, from, share: T| {
            // SAFETY: a gradient has the rows of its node.
            let d = unsafe { row_of(d, to) };
            let line = &mut sum[from * width + one.first..][..d.len()];
            line.iter_mut().zip(d).for_each(|(sum, d)| *sum += share * *d);
        }),
    }
}

/// The rows of the source that become the `wanted` packed rows of the result, a sequence.
pub fn source_rows(one: Move, maps: RowMaps, wanted: &[usize]) -> Vec<usize> {
    match one.rows {
        Rows::Same => copied(wanted),
        Rows::Mirror => made(wanted.iter().map(|&row| maps.mirror(one.axis)[row])),
        Rows::Repeat => {
            let along = maps.along(one.axis);
            // a piece of time begins later, but its rows are those of the whole
            made(wanted.iter().map(|&row| along.place(along.time.place(row).1)))
        }
        rows => unreachable!("{rows:?} does not lead to a sequence"),
    }
}

/// Calls `pair` with each row of the result, a source row that contributes to it, and its factor.
fn pairs<T: Float>(rows: Rows, along: Along, mut pair: impl FnMut(usize, usize, T)) {
    let Along { time, .. } = along;
    let alive = |t: usize| (0..time.alive(t)).map(move |row| (along.place(row), time.offset[t] + row));
    match rows {
        Rows::Last => {
            for (row, &length) in time.lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
                pair(along.place(row), time.offset[length - 1] + row, T::ONE);
            }
        }
        Rows::First => {
            if time.steps() > 0 {
                alive(0).for_each(|(row, packed)| pair(row, packed, T::ONE));
            }
        }
        Rows::Sum => (0..time.steps()).flat_map(alive).for_each(|(row, packed)| pair(row, packed, T::ONE)),
        Rows::Mean => {
            for t in 0..time.steps() {
                for row in 0..time.alive(t) {
                    let share = T::from_f64(1.0 / time.lengths[row] as f64);
                    pair(along.place(row), time.offset[t] + row, share);
                }
            }
        }
        Rows::Repeat => (0..time.steps()).flat_map(alive).for_each(|(row, packed)| pair(packed, row, T::ONE)),
        Rows::Same | Rows::Mirror | Rows::Max => unreachable!("{rows:?} is no list of pairs"),
    }
}

/// Columns whose maxima are found together: the loops over them run on vectors.
const COLUMNS: usize = 64;

/// The largest values of a sequence in some columns: NaN where there is one.
struct Largest<'a, T> {
    source: &'a SeqView<T>,
    time: &'a Geometry,
    /// The sequence, and its position among the values of rows.
    row: usize,
    place: usize,
    /// The first of the columns.
    first: usize,
    largest: &'a [T],
}

/// Calls `take` for each sequence that has a step, and some columns of the source at a time.
fn each_max<T: Float>(along: Along, source: &SeqView<T>, mut take: impl FnMut(&Largest<T>)) {
    let Along { time, .. } = along;
    for (row, &length) in time.lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
        for first in (0..source.width).step_by(COLUMNS) {
            let mut largest = [T::ZERO; COLUMNS];
            let largest = &mut largest[..COLUMNS.min(source.width - first)];
            // SAFETY: a source has all packed rows of its sequences.
            let line = |t: usize| unsafe { &row_of(source, time.offset[t] + row)[first..] };
            largest.iter_mut().zip(line(0)).for_each(|(largest, x)| *largest = *x);
            for t in 1..length {
                let each = largest.iter_mut().zip(line(t));
                each.for_each(|(largest, &x)| *largest = if is_larger(x, *largest) { x } else { *largest });
            }
            take(&Largest { source, time, row, place: along.place(row), first, largest });
        }
    }
}

/// Whether x comes before y as a maximum, which a NaN does before any number.
#[allow(clippy::eq_op, clippy::neg_cmp_op_on_partial_ord)] // a NaN differs from itself, and is not `<=`
fn is_larger<T: Float>(x: T, y: T) -> bool {
    !(x <= y) & (y == y)
}

impl<T: Float> Largest<'_, T> {
    /// Adds `d` where the maxima are: at the first step of equal ones, or of the first NaN. The columns of the source are those
    /// from `column` on in packed rows of `width` elements.
    #[allow(clippy::eq_op)] // a NaN differs from itself
    fn add_at_first(&self, d: &[T], sum: &mut [T], width: usize, column: usize) {
        let Largest { source, time, row, first, largest, .. } = *self;
        // what has found no place yet: zero after the first one, in place of a branch
        let mut left = [T::ZERO; COLUMNS];
        left.iter_mut().zip(d).for_each(|(left, d)| *left = *d);
        for t in 0..time.lengths[row] {
            let packed = time.offset[t] + row;
            // SAFETY: a source has all packed rows of its sequences.
            let line = unsafe { &row_of(source, packed)[first..] };
            let sum = &mut sum[packed * width + column + first..][..largest.len()];
            for (((sum, left), &x), &largest) in sum.iter_mut().zip(&mut left).zip(line).zip(largest) {
                let is_here = (x == largest) | ((x != x) & (largest != largest));
                *sum += if is_here { *left } else { T::ZERO };
                *left = if is_here { T::ZERO } else { *left };
            }
        }
    }
}

/// The first `rows` rows of a view, which has as many, one after the other.
pub fn copy_rows<T: Float>(view: &SeqView<T>, rows: usize) -> Vec<T> {
    let mut values = with_room(rows * view.width);
    append_rows(view, rows, &mut values);
    values
}

/// Appends the first `rows` rows of a view, which has as many.
pub fn append_rows<T: Float>(view: &SeqView<T>, rows: usize, values: &mut Vec<T>) {
    // SAFETY: the view has these rows.
    (0..rows).for_each(|row| values.extend_from_slice(unsafe { row_of(view, row) }));
}

/// One row of a view.
///
/// # Safety
/// The view has this row, and nothing writes to it.
unsafe fn row_of<'a, T>(view: &SeqView<T>, row: usize) -> &'a [T] {
    // SAFETY: the caller's guarantee.
    unsafe { std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width) }
}

/// Adds the rows of a view to columns of packed rows; if `from` is given, row `r` comes from row `from[r]`.
pub fn add_rows<T: Float>(
    view: &SeqView<T>,
    from: Option<&[usize]>,
    values: &mut [T],
    width: usize,
    column: usize,
) {
    if width == 0 {
        return;
    }
    for (row, line) in values.chunks_exact_mut(width).enumerate() {
        let source = from.map_or(row, |from| from[row]);
        // SAFETY: a view has as many rows as the group has packed rows, which is also the length of `values`.
        let source = unsafe { row_of(view, source) };
        line[column..column + view.width].iter_mut().zip(source).for_each(|(sum, x)| *sum += *x);
    }
}

/// Adds row `r` of a view to row `to[r]` of packed rows: the transpose of `add_rows`.
pub fn scatter_rows<T: Float>(view: &SeqView<T>, to: &[usize], values: &mut [T]) {
    for (row, &to) in to.iter().enumerate() {
        // SAFETY: a view of states has a row for each sequence of the group, as `to` has.
        let source = unsafe { row_of(view, row) };
        values[to * view.width..][..view.width].iter_mut().zip(source).for_each(|(sum, x)| *sum += *x);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::batch::{AxisExtent, AxisRows, AxisSteps};
    use super::*;

    /// Rows of 3, 1 and 0 steps; packed row r holds r + 1 and its square.
    fn case() -> (Geometry, Geometry, Vec<f64>) {
        let values = (1..=4).flat_map(|x| [f64::from(x), f64::from(x * x)]).collect();
        (Geometry::new(vec![3, 1, 0]), Geometry::new(vec![1, 1, 1]), values)
    }

    fn whole(rows: Rows) -> Move {
        Move { from: 0, first: 0, width: 2, rows, axis: Axis::FIRST, column: 0 }
    }

    fn moved(rows: Rows, values: &[f64], result_rows: usize) -> Vec<f64> {
        let (time, row, _) = case();
        let mirror = time.mirror();
        let maps = RowMaps { axes: Axes { time: &time, row: &row, others: &[] }, mirror: &mirror };
        let mut result = vec![0.0; result_rows * 2];
        derive(&[whole(rows)], |_| SeqView::of(values, 2), maps, &mut result, 2);
        result
    }

    #[test]
    fn rows_go_where_they_are_said_to() {
        let (_, _, values) = case(); // step 0: rows 1, 2; step 1: row 3; step 2: row 4
        assert_eq!(moved(Rows::Mirror, &values, 4), [4.0, 16.0, 2.0, 4.0, 3.0, 9.0, 1.0, 1.0]);
        assert_eq!(moved(Rows::Last, &values, 3), [4.0, 16.0, 2.0, 4.0, 0.0, 0.0]);
        assert_eq!(moved(Rows::First, &values, 3), [1.0, 1.0, 2.0, 4.0, 0.0, 0.0]);
        assert_eq!(moved(Rows::Sum, &values, 3), [8.0, 26.0, 2.0, 4.0, 0.0, 0.0]);
        assert_eq!(
            moved(Rows::Max, &[1.0, 9.0, 2.0, -4.0, 5.0, 9.0, 3.0, 1.0], 3),
            [5.0, 9.0, 2.0, -4.0, 0.0, 0.0]
        );
        let mean = moved(Rows::Mean, &values, 3);
        assert!((mean[0] - 8.0 / 3.0).abs() < 1e-15 && mean[2..] == [2.0, 4.0, 0.0, 0.0]);
        assert_eq!(moved(Rows::Repeat, &values[..6], 4), [1.0, 1.0, 2.0, 4.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn moves_of_another_axis_go_to_the_rows_in_its_order() {
        let (_, row, values) = case();
        let time = Geometry::new(vec![1, 1, 1]);
        // sequences of 3, 1 and 0 steps are the rows 2, 0 and 1 of the group
        let mut other = [AxisRows::default()];
        let mut steps = AxisSteps::default();
        steps.renew(3, &AxisExtent { steps: 3, lengths: Some(&[1, 0, 3]), mask: None });
        other[0].renew(&steps, |position| position, 3, (0, 0));
        let axes = Axes { time: &time, row: &row, others: &other };
        let maps = RowMaps { axes, mirror: &[] };
        let moved = |rows: Rows, values: &[f64], result_rows: usize| {
            let mut result = vec![0.0; result_rows * 2];
            let one = Move { axis: Axis::Sequence(1), ..whole(rows) };
            derive(&[one], |_| SeqView::of(values, 2), maps, &mut result, 2);
            result
        };
        assert_eq!(moved(Rows::Last, &values, 3), [2.0, 4.0, 0.0, 0.0, 4.0, 16.0]);
        assert_eq!(moved(Rows::Max, &values, 3), [2.0, 4.0, 0.0, 0.0, 4.0, 16.0]);
        assert_eq!(moved(Rows::Sum, &values, 3), [2.0, 4.0, 0.0, 0.0, 8.0, 26.0]);
        assert_eq!(moved(Rows::Mirror, &values, 4), [4.0, 16.0, 2.0, 4.0, 3.0, 9.0, 1.0, 1.0]);
        assert_eq!(moved(Rows::Repeat, &values[..6], 4), [3.0, 9.0, 1.0, 1.0, 3.0, 9.0, 3.0, 9.0]);
        let mean = moved(Rows::Mean, &values, 3);
        assert!((mean[4] - 8.0 / 3.0).abs() < 1e-15 && mean[..4] == [2.0, 4.0, 0.0, 0.0]);
        let mut scattered = [0.0; 6];
        scatter_rows(&SeqView::of(&values[..6], 2), axes.order(Axis::Sequence(1)).unwrap(), &mut scattered);
        assert_eq!(scattered, [2.0, 4.0, 3.0, 9.0, 1.0, 1.0]);
    }

    /// Many columns, with equal values and NaNs, against one column at a time.
    #[test]
    fn the_maximum_is_the_first_of_equal_values_or_the_first_nan() {
        let (time, row, _) = case();
        let maps = RowMaps { axes: Axes { time: &time, row: &row, others: &[] }, mirror: &[] };
        let width = 2 * COLUMNS + 3;
        let source: Vec<f32> = (0..time.total() * width)
            .map(|at| match at * 7919 % 11 {
                0 => f32::NAN,
                1 => f32::NEG_INFINITY,
                some => (some % 4) as f32 - 2.0,
            })
            .collect();
        let d: Vec<f32> = (0..time.rows * width).map(|at| 1.0 + at as f32).collect();
        let one = Move { width, ..whole(Rows::Max) };
        let view = SeqView::of(&source, width);
        let (mut found, mut back) = (vec![0.0; d.len()], vec![0.0; source.len()]);
        derive(&[one], |_| view, maps, &mut found, width);
        add_back(one, &SeqView::of(&d, width), view, maps, &mut back, width);
        let (mut expected, mut expected_back) = (vec![0.0; d.len()], vec![0.0; source.len()]);
        for (row, &length) in time.lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            for column in 0..width {
                let place = |t: usize| (time.offset[t] + row) * width + column;
                let before = |best: usize, t: usize| {
                    let (best, x) = (source[place(best)], source[place(t)]);
                    !best.is_nan() && (x > best || x.is_nan())
                };
                let best = (1..length).fold(0, |best, t| if before(best, t) { t } else { best });
                expected[row * width + column] = source[place(best)];
                expected_back[place(best)] = d[row * width + column];
            }
        }
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&expected));
        assert_eq!(bits(&back), bits(&expected_back));
    }

    #[test]
    fn the_backward_pass_is_the_transpose_of_the_forward_pass() {
        let (time, row, values) = case();
        let mirror = time.mirror();
        let maps = RowMaps { axes: Axes { time: &time, row: &row, others: &[] }, mirror: &mirror };
        for rows in [
            Rows::Same,
            Rows::Mirror,
            Rows::Last,
            Rows::First,
            Rows::Sum,
            Rows::Mean,
            Rows::Max,
            Rows::Repeat,
        ] {
            let (from, to) = match rows {
                Rows::Same | Rows::Mirror => (4, 4),
                Rows::Repeat => (3, 4),
                _ => (4, 3),
            };
            let source = &values[..from * 2];
            // all columns, and the second column alone, into the last of three columns
            for one in [whole(rows), Move { first: 1, width: 1, column: 2, ..whole(rows) }] {
                let d: Vec<f64> = (0..to * 3).map(|x| 0.5 + x as f64).collect();
                let mut result = vec![0.0; to * 3];
                derive(&[one], |_| SeqView::of(source, 2), maps, &mut result, 3);
                let mut back = vec![0.0; from * 2];
                add_back(one, &SeqView::of(&d, 3), SeqView::of(source, 2), maps, &mut back, 2);
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                assert!((dot(&d, &result) - dot(&back, source)).abs() < 1e-12, "{one:?}");
            }
        }
    }
}
