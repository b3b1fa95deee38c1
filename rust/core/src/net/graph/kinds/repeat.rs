//! A value per row, repeated at every step of a sequence: of the second part, or of the first axis.

use super::super::axis::Axis;
use super::kind::{Definition, Kind, Part, Rows, moved};

pub const REPEAT: Kind = Kind { name: "repeat", make };

fn make(parts: &[Part]) -> Result<Definition, String> {
    let (part, axis) = match parts {
        [part] => (*part, Axis::FIRST),
        [part, like] if like.axis.is_sequence() => (*part, like.axis),
        [_, _] => return Err("takes the steps of a sequence; the second value has no time axis".into()),
        _ => return Err(format!("takes one value, and a sequence of whose axis it is; got {}", parts.len())),
    };
    match part.axis {
        Axis::Row => Ok(moved(part, Rows::Repeat, axis)),
        Axis::Sequence(_) => Err("takes a value of a row; this one is a sequence already".into()),
    }
}
