//! The maximum over the valid steps, for each feature.

use super::kind::{Kind, Rows, reduced};

pub const MAX: Kind = Kind { name: "max", make: |parts| reduced(parts, Rows::Max) };
