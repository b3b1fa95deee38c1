//! Decoding: the output of a network, logits of ids, decides on the id that it is fed next. May use `call`.
//!
//! `search` says what is asked, `driver` runs it: the hypotheses of several sentences are rows of the same steps, and a
//! sentence that is done leaves its rows to the next one. What a sentence does with the logits of its rows is in `beam` and
//! `sampler`; no other sentence changes it.

mod beam;
mod candidates;
mod driver;
mod hypotheses;
mod penalty;
mod predicted;
mod sampler;
mod search;

pub use candidates::log_probabilities;
pub use driver::decode;
pub use hypotheses::Found;
pub use penalty::Penalty;
pub use search::{Beam, Method, Sampling, Search};
