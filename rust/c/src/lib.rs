//! `libostinato`: trained networks of Ostinato in C. The header is `include/ostinato.h`, the page `docs/c.md`.
//!
//! - Every function that can fail returns a [`Status`]; [`ostinato_last_error`] has the text. No panic crosses the border.
//! - A call that fails changes nothing.
//! - A model may be used by several threads at the same time; a stream by one at a time, and a second one gets
//!   [`Status::Busy`].
//! - A step of a stream allocates nothing, waits for no lock and makes no system call.

mod arrays;
mod entry;
mod last_error;
mod library;
mod model;
mod status;
mod stream;

pub use arrays::{AxisSteps, InputArray, OutputArray};
pub use last_error::ostinato_last_error;
pub use library::{ostinato_set_threads, ostinato_version};
pub use model::{
    ModelHandle, Port, ostinato_axis_count, ostinato_axis_name, ostinato_close, ostinato_input_count,
    ostinato_input_info, ostinato_open, ostinato_output_count, ostinato_output_info, ostinato_run,
    ostinato_run_on, ostinato_state_count, ostinato_state_info,
};
pub use status::Status;
pub use stream::{
    StreamHandle, ostinato_stream_free, ostinato_stream_new, ostinato_stream_new_on, ostinato_stream_reset,
    ostinato_stream_reset_row, ostinato_stream_set_state, ostinato_stream_state, ostinato_stream_state_count,
    ostinato_stream_state_info, ostinato_stream_step, ostinato_stream_step_ids,
};
