//! The addresses that ops over entries read and write for one row.

use crate::kernel::Float;
use crate::memory::{reserve, resized};
use crate::plan::{Pass, Ref};

use super::entries::Entries;

/// The buffers of one row at one step, for one thread.
#[derive(Debug)]
pub(super) struct Row<T> {
    pub here: Vec<*mut T>,
    pub stride: Vec<usize>,
    /// The number of its entries.
    pub count: usize,
    /// Room for the entries of one feature.
    pub line: Vec<T>,
}

impl<T: Float> Row<T> {
    pub fn new() -> Row<T> {
        Row { here: Vec::new(), stride: Vec::new(), count: 0, line: Vec::new() }
    }

    /// Makes room for the rows of a pass.
    pub fn renew(&mut self, pass: &Pass, entries: &[Entries]) {
        self.here.clear();
        resized(&mut self.here, pass.buffers.len(), std::ptr::null_mut());
        self.stride.clear();
        resized(&mut self.stride, pass.buffers.len(), 0);
        self.line.clear();
        reserve(&mut self.line, entries.iter().map(|entries| entries.most).max().unwrap_or(0));
    }
}

impl<T> Row<T> {
    pub fn at(&self, place: Ref) -> *mut T {
        self.here[place.buffer].wrapping_add(place.col)
    }
}
