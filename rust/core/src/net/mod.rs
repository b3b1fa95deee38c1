//! Networks over sequences: built, run, differentiated. May use every room but `store` and `update`.
//!
//! Rooms, each using only those before it: `graph` (data) <- `batch` (row groups) <- `values` (nodes without a program) <-
//! `group` (one row group, forwards and backwards) <- `bptt` (through time) <- `call` (a whole batch).

mod batch;
mod bptt;
mod call;
mod graph;
mod group;
mod locks;
mod values;

pub use batch::{Batch, End, Extent, Input, Packed, States};
pub use bptt::{Budget, GroupSchedule, Schedule, ThroughTime, checkpoint_plan};
pub use call::{
    Arriving, Call, Engine, Evaluated, Gradients, Inferred, Poll, Pooled, Record, Stream, TrainingMemory,
    explain, training_memory,
};
pub use graph::{
    Axis, GRAPH_FORMAT_VERSION, InputPort, Layer, LayerParts, NetError, Network, Node, NodeKind, OutputPort,
    kinds,
};
pub use group::{Loss, LossTarget, Prepared, Reduction};
