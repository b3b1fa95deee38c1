//! One row group through the network: forward pass, losses, backward pass. May use `graph`, `batch`, `values`, `time`.

mod backward;
mod bridges;
mod copies;
mod forward;
mod layer_parallel;
mod loss;
mod memories;
mod origin;
mod penalty;
mod reduction;
mod share;
mod shared;
mod step_scales;
mod training;
mod workspace;

pub use backward::{BackwardStart, GroupGradients, back_group};
pub use bridges::{final_gradients, initial_of};
pub use copies::{Arrays, ByBlock};
pub use forward::{GroupRun, run_group};
pub use layer_parallel::is_shared;
pub use loss::{Loss, LossTarget, Prepared, Want};
pub use memories::{Memories, entries_of, memory_gradient};
pub use penalty::{Terms, WeightPenalties, step_gradient};
pub use reduction::Reduction;
pub use share::Share;
pub use shared::Shared;
pub use step_scales::StepScales;
pub use training::{GroupResult, StoredPiece, Training};
pub use workspace::Workspace;
