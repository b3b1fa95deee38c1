//! Calls of a network: inference, training, streams, and the memory that is reused between calls. May use all folders of
//! `net`.

mod arguments;
mod engine;
mod explain;
mod given;
mod infer;
mod lanes;
mod pools;
mod record;
mod results;
mod schedule_cache;
mod steps;
mod stream;
mod training_memory;

pub use arguments::{Call, Poll};
pub use engine::Engine;
pub use explain::explain;
pub use given::{Given, StepEngine, Weights};
pub use infer::Inferred;
pub use pools::Pooled;
pub use record::{Arriving, Record};
pub use results::{Evaluated, Gradients};
pub use steps::Steps;
pub use stream::Stream;
pub use training_memory::{TrainingMemory, training_memory};
