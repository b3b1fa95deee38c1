//! What nodes without a program compute: moves of elements forwards and backwards, each meaning written once. May use
//! `graph`, `batch`, `time`.

mod arrivals;
mod moves;

pub use arrivals::Arrivals;
pub use moves::{RowMaps, derive, source_rows};
