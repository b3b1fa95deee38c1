//! Graphs of layers over sequences: run, differentiate, explain. This room may use every room but `store`.

mod batch;
mod call;
mod graph;
mod limits;
mod loss;
mod pool;
mod stream;
mod unit;

pub use batch::{Batch, Input};
pub use call::{Call, Evaluated, Gradients, Trained};
pub use graph::{Layer, NetError, Network, SeqNode};
pub use loss::{Loss, LossTarget, Reduction};
pub use pool::Pooled;
pub use stream::Stream;
