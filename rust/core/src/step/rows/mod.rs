//! The op table: one row per op with its name, arity, shape rule, kernel, adjoint, tangent and cost.
//!
//! An op is added by one row in the file of its kind (and its eager form in Python's `ops`); the tests of the table
//! (`tests/language`) then check its value, adjoint and tangent.

mod arithmetic;
mod call;
mod entries;
mod linear;
mod matrix;
mod op_row;
mod reduction;
mod run;
mod source;

use std::sync::OnceLock;

use super::OpId;

pub use op_row::{Grad, OpRow, Site, Tangent};
pub use reduction::norm_scale;
pub use run::{Across, MatrixPart, Part, Run};
pub use source::PER_WEIGHTS;

/// The whole table.
pub fn table() -> &'static [OpRow] {
    static TABLE: OnceLock<Vec<OpRow>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let groups = [source::rows(), arithmetic::rows(), linear::rows(), reduction::rows(), entries::rows()];
        (groups.into_iter().chain([call::rows(), matrix::rows()])).flatten().collect()
    })
}

pub fn row(op: OpId) -> &'static OpRow {
    &table()[op]
}

/// The elementwise ops that authors may use.
pub fn elementwise() -> Vec<&'static str> {
    arithmetic::rows().iter().filter(|row| !row.internal).map(|row| row.name).collect()
}

/// Position of the op called `name`.
pub fn find(name: &str) -> Option<OpId> {
    table().iter().position(|row| row.name == name)
}

/// Position of an op that the rules themselves name; tests of the table check that each exists.
pub(super) fn known(name: &'static str) -> OpId {
    find(name).unwrap_or_else(|| panic!("the op table has no row {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (position, row) in table().iter().enumerate() {
            assert_eq!(find(row.name), Some(position), "{} stands twice", row.name);
        }
    }
}
