//! Models out of files, for programs without Python: the public interface of the crate.

mod error;
mod file;
#[allow(clippy::module_inception)]
mod model;
mod number;
mod ports;
mod stream;
#[cfg(test)]
mod tests;

pub use error::ModelError;
pub use model::{Model, Run};
pub use number::Number;
pub use ports::{Content, Input, InputInfo, OutputInfo, StateInfo};
pub use stream::Stream;
