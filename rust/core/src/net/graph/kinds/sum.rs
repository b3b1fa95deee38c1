//! The sum over the valid steps.

use super::kind::{Kind, Rows, reduced};

pub const SUM: Kind = Kind { name: "sum", make: |parts| reduced(parts, Rows::Sum) };
