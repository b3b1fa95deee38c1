//! Noise by address: a number is a function of (seed, stream, step, row, unit), so forward, backward and recomputation
//! agree, whatever thread they run on and in whatever order. Nothing is stored and nothing advances.
//!
//! This room uses no other.

mod noise;
mod philox;

pub use noise::{Noise, Place};
