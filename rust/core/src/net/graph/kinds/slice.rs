//! Some columns of a value: those of its part.

use super::kind::{Kind, Rows, moved, only};

pub const SLICE: Kind =
    Kind { name: "slice", make: |parts| only(parts).map(|part| moved(part, Rows::Same, part.axis)) };

#[cfg(test)]
mod tests {
    use super::super::super::axis::Axis;
    use super::super::{Definition, Move, Part};
    use super::*;

    #[test]
    fn a_slice_stays_on_its_axis() {
        for axis in [Axis::FIRST, Axis::Sequence(1), Axis::Row] {
            let part = Part { node: 4, first: 2, width: 3, axis, axis_name: "a" };
            let moves = vec![Move { from: 4, first: 2, width: 3, rows: Rows::Same, axis, column: 0 }];
            assert_eq!((SLICE.make)(&[part]), Ok(Definition { width: 3, axis, moves }));
            assert!((SLICE.make)(&[part, part]).is_err());
        }
    }
}
