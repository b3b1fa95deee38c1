//! Concatenates values of one axis along the features.

use super::kind::{Definition, Kind, Part, Rows, same_axis};

pub const CONCAT: Kind = Kind { name: "concat", make };

fn make(parts: &[Part]) -> Result<Definition, String> {
    let axis = same_axis(parts)?;
    let mut width = 0;
    let mut moves = Vec::with_capacity(parts.len());
    for part in parts {
        moves.push(part.to(Rows::Same, axis, width));
        width = part.width.saturating_add(width);
    }
    Ok(Definition { width, axis, moves })
}
