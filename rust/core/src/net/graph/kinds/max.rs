//! The maximum over the valid steps, for each feature.

use super::{Kind, Rows, reduced};

pub const MAX: Kind = Kind { name: "max", make: |parts| reduced(parts, Rows::Max) };
