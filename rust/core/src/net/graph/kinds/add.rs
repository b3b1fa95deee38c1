//! The sum of two values of the same width and axis.

use super::kind::{Definition, Kind, Part, Rows, same_axis};

pub const ADD: Kind = Kind { name: "add", make };

fn make(parts: &[Part]) -> Result<Definition, String> {
    let &[a, b] = parts else { return Err(format!("takes two values, got {}", parts.len())) };
    let axis = same_axis(parts)?;
    if a.width != b.width {
        return Err(format!("cannot add values of {} and {} features", a.width, b.width));
    }
    let moves = parts.iter().map(|part| part.to(Rows::Same, axis, 0)).collect();
    Ok(Definition { width: a.width, axis, moves })
}
