//! Networks over sequences: definition, inference and training. May use every folder except `store` and `update`.
//!
//! Folders, each of which uses only the ones before it: `graph` (data) <- `batch` (row groups) <- `values` (nodes without a
//! program) <- `group` (forward and backward pass of one row group) <- `bptt` (BPTT modes) <- `call` (a whole batch) <-
//! `decode` (outputs that are fed back).

mod batch;
mod bptt;
mod call;
mod decode;
mod graph;
mod group;
mod locks;
mod values;

pub use batch::{AxisExtent, Batch, End, Extent, Input, Packed, States};
pub use bptt::{Budget, GroupSchedule, Schedule, ThroughTime, checkpoint_plan};
pub use call::{
    Arriving, Call, Engine, Evaluated, Given, Gradients, Inferred, Poll, Pooled, Record, StepEngine, Stream,
    TrainingMemory, Weights, explain, training_memory,
};
pub use decode::{Beam, Found, Method, Penalty, Sampling, Search, decode, log_probabilities};
pub use graph::{
    Axis, GRAPH_FORMAT_VERSION, InputPort, Layer, LayerParts, LayerSummary, NetError, Network, Node,
    NodeKind, OutputPort, kinds,
};
pub use group::{Loss, LossTarget, Prepared, Reduction, Share};
