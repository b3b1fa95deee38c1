//! The kinds of nodes that move elements and have no parameters: each has one file and one row in `KINDS`.
//!
//! A kind defines its result as a list of moves. `values` implements the forward pass, the backward pass and the memory of
//! moves once for all kinds.

mod add;
mod concat;
mod first;
mod kind;
mod last;
mod max;
mod mean;
mod repeat;
mod reverse;
mod slice;
mod sum;

pub use kind::{Definition, Kind, Move, Part, Rows, two_axes};

/// All kinds.
pub const KINDS: &[Kind] = &[
    add::ADD,
    concat::CONCAT,
    first::FIRST,
    last::LAST,
    max::MAX,
    mean::MEAN,
    repeat::REPEAT,
    reverse::REVERSE,
    slice::SLICE,
    sum::SUM,
];

/// A kind by its name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::axis::Axis;
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_refuses_nothing_and_too_much() {
        for kind in KINDS {
            assert_eq!(KINDS.iter().filter(|other| other.name == kind.name).count(), 1);
            assert!(find(kind.name).is_some());
            assert!((kind.make)(&[]).is_err(), "{} of nothing", kind.name);
        }
    }

    #[test]
    fn moves_fill_the_columns_of_the_result() {
        for kind in KINDS {
            for axis in [Axis::FIRST, Axis::Sequence(1), Axis::Row] {
                let part = |node, first| Part { node, first, width: 3, axis, axis_name: "a" };
                let parts = [part(7, 0), part(4, 2)];
                for given in [&parts[..1], &parts] {
                    let Ok(made) = (kind.make)(given) else { continue };
                    let mut columns = vec![false; made.width];
                    made.moves.iter().for_each(|one| columns[one.column..one.column + one.width].fill(true));
                    assert!(columns.iter().all(|filled| *filled), "{}", kind.name);
                }
            }
        }
    }
}
