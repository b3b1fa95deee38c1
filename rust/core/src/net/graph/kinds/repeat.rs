//! A value per row, repeated at every step of its sequence.

use super::super::axis::Axis;
use super::kind::{Definition, Kind, Part, Rows, moved, only};

pub const REPEAT: Kind = Kind { name: "repeat", make };

fn make(parts: &[Part]) -> Result<Definition, String> {
    let part = only(parts)?;
    match part.axis {
        Axis::Row => Ok(moved(part, Rows::Repeat, Axis::Time)),
        Axis::Time => Err("takes a value of a row; this one is a sequence already".into()),
    }
}
