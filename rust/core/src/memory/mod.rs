//! Memory that may run out: requests that unwind instead of ending the process.
//!
//! - What grows with the caller's data is requested through `reserve`, `grow` and the functions beside them. They unwind
//!   with [`OutOfMemory`], which `team::guard` turns into an error.
//! - Everything else is small, and there is much of it: strings, lists of nodes, boxes. A program that makes [`Allocator`]
//!   its global allocator gets these from a reserve when the system has no memory; [`check`] unwinds before the reserve
//!   is used up. It also gives large requests huge pages.

mod allocator;
mod fallible;
mod pages;
mod reserve;
mod vectors;

pub use allocator::Allocator;
pub use fallible::{OutOfMemory, ensure, out_of_memory};
pub use reserve::{check, prepare, set_block};
pub use vectors::{
    Zero, append, copied, grow, lengthen, lengthen_often_read, made, make_room, often_read, push, reserve,
    reserve_often_read, resized, with_room, zeros,
};
