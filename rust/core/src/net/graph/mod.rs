//! A network as data: nodes, layers, named inputs and outputs. May use `plan`.

mod again;
mod axis;
mod bridge;
mod by_block;
mod derived;
mod direction;
mod error;
pub mod kinds;
mod layer;
mod limits;
mod network;
mod node;
mod once_per_entry;
mod once_per_id;
mod once_per_row;
mod penalty;
mod steps;
mod summary;
mod text;
mod watched;

pub use axis::Axis;
pub use error::{NetError, expect_len};
pub use layer::{Layer, LayerPart, LayerParts};
pub use limits::{index_limits, noise_layer};
pub use network::Network;
pub use node::{InputPort, Node, NodeKind, OutputPort};
pub use steps::StepParts;
pub use summary::LayerSummary;
pub use text::GRAPH_FORMAT_VERSION;
