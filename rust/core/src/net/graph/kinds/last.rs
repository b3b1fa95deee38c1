//! The last valid step of each sequence.

use super::kind::{Kind, Rows, reduced};

pub const LAST: Kind = Kind { name: "last", make: |parts| reduced(parts, Rows::Last) };
