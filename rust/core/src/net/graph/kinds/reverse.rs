//! A sequence reversed, each row within its own length.

use super::super::axis::Axis;
use super::kind::{Definition, Kind, Part, Rows, moved, only};

pub const REVERSE: Kind = Kind { name: "reverse", make };

fn make(parts: &[Part]) -> Result<Definition, String> {
    let part = only(parts)?;
    match part.axis {
        Axis::Sequence(_) => Ok(moved(part, Rows::Mirror, part.axis)),
        Axis::Row => Err("takes a sequence; this value has no time axis".into()),
    }
}
