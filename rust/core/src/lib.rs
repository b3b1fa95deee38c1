//! The engine of ostinato: write one step; it is repeated through time, forwards and backwards.
//!
//! Rooms, each using only those before it: `memory` <- `kernel`, `team`, `random` <- `step`, `store` <- `adjoint` <- `plan` <-
//! `time` <- `net` <- `model`, `update`. No Python in here.

pub mod adjoint;
pub mod kernel;
pub mod memory;
pub mod model;
pub mod net;
pub mod plan;
pub mod random;
pub mod step;
pub mod store;
pub mod team;
pub mod time;
pub mod update;
