//! The first step of each sequence.

use super::kind::{Kind, Rows, reduced};

pub const FIRST: Kind = Kind { name: "first", make: |parts| reduced(parts, Rows::First) };
