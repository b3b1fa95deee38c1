//! Graphs of layers over sequences: run, differentiate, explain. This room may use every room but `store`.

mod abreast;
mod batch;
mod binomial;
mod call;
mod checkpointed;
mod footprint;
mod gathered;
mod graph;
mod inference;
mod itinerary;
mod layerwise;
mod limits;
mod loss;
mod optimal;
mod passage;
mod penalty;
mod pool;
mod schedule;
mod stream;
mod through_time;
mod trained;
mod training_memory;
mod truncated;
mod unit;
mod unit_back;

pub use batch::{Batch, End, Extent, Input};
pub use call::{Call, Evaluated, Gradients, Packed, States};
pub use graph::{Layer, NetError, Network, SeqNode};
pub use inference::Inferred;
pub use loss::{Loss, LossTarget, Prepared, Reduction};
pub use pool::Pooled;
pub use schedule::{Schedule, UnitSchedule, checkpoint_plan};
pub use stream::Stream;
pub use through_time::{Budget, ThroughTime};
pub use trained::{Arriving, Trained};
pub use training_memory::{TrainingMemory, training_memory};
