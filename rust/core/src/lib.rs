//! Runs trained networks of Ostinato, a framework for recurrent networks, without Python.
//!
//! A model file holds the equations of a network, not only its weights. So this crate runs every network of equations, with
//! cells of plugins and cells of your own, and its outputs are bit-identical to those in Python. It runs on the CPU.
//!
//! ```no_run
//! use ostinato_core::Model;
//!
//! let model = Model::open("model.safetensors")?; // saved in Python: net.save("model.safetensors")
//! let x = [0.5; 2 * 7 * 3]; // 2 rows of 7 steps of 3 features
//! let run = model.run(&x, 2, 7, Some(&[7, 4]))?; // row 1 has 4 valid steps
//! println!("{:?}", run.outputs[0]);
//!
//! let mut stream = model.stream(1)?; // one step at a time
//! let mut out = vec![0.0; stream.output_width()];
//! stream.step(&[0.1, 0.2, 0.3], &mut out)?;
//! stream.reset();
//! # Ok::<(), ostinato_core::ModelError>(())
//! ```
//!
//! - [`Model::open`] reads a file; nothing in a file names code to run, and a damaged file is an error.
//! - [`Model::run`] runs whole sequences, on several threads: see [`set_num_threads`].
//! - [`Model::stream`] makes a [`Stream`], whose step allocates nothing and waits for no lock.
//! - Every call with wrong arguments returns a [`ModelError`] and changes nothing.
//!
//! What is not on this page is internal and may change in any release: the modules are public for the Python package and for
//! the project's own tests. Each uses only those before it: `memory` <- `kernel`, `team`, `random` <- `step`, `store` <-
//! `adjoint` <- `plan` <- `time` <- `net` <- `model`, `update`.

#![warn(missing_docs)]

#[doc(hidden)]
pub mod adjoint;
#[doc(hidden)]
#[allow(rustdoc::broken_intra_doc_links)] // x[c] is an element there, no link
pub mod kernel;
#[doc(hidden)]
pub mod memory;
mod model;
#[doc(hidden)]
pub mod net;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod random;
#[doc(hidden)]
pub mod step;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod team;
#[doc(hidden)]
pub mod time;
#[doc(hidden)]
pub mod update;

pub use model::{Content, Input, InputInfo, Model, ModelError, Number, OutputInfo, Run, StateInfo, Stream};
pub use net::AxisExtent;
pub use team::{MAX_THREADS, num_threads, set_num_threads};

/// The code of the page, compiled by `cargo test --doc`.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
struct Page;
