//! The engine of ostinato: write one step; it is repeated through time, forwards and backwards.
//!
//! Rooms, each using only those before it: `kernel`, `team`, `random` <- `step` <- `adjoint` <- `plan` <- `time` <- `net` <-
//! `update`, `store`. No Python in here.

pub mod adjoint;
pub mod kernel;
pub mod net;
pub mod plan;
pub mod random;
pub mod step;
pub mod store;
pub mod team;
pub mod time;
pub mod update;
