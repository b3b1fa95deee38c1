//! The mean over the valid steps.

use super::kind::{Kind, Rows, reduced};

pub const MEAN: Kind = Kind { name: "mean", make: |parts| reduced(parts, Rows::Mean) };
