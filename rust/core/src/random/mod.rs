//! Counter-based noise: a number is a function of (seed, stream, step, row, unit). So forward pass, backward pass and
//! recomputation use the same numbers, on any thread and in any order. Nothing is stored, and there is no generator state.
//!
//! This folder uses no other.

mod noise;
mod philox;

pub use noise::{Noise, Place};
pub use philox::address_words;
