//! What is copied between the caller's arrays and the packed rows while a block of time is in the cache.

use std::ops::Range;

use super::memory::PassMemory;
use super::view::SeqView;

/// Copies the values of one layer block by block. A block is small enough for the second cache; copies of the whole sequence
/// before and after the pass would go through memory once more.
pub trait Exchange<T> {
    /// Writes the inputs of these steps, before the pass reads them.
    fn before(&self, steps: &Range<usize>, inputs: &[SeqView<T>]);

    /// Takes the outputs of these steps, after the pass has written them.
    fn after(&self, steps: &Range<usize>, memory: &PassMemory<T>);
}

/// Every value is where the pass reads it, and stays where it writes it.
pub struct InPlace;

impl<T> Exchange<T> for InPlace {
    fn before(&self, _: &Range<usize>, _: &[SeqView<T>]) {}

    fn after(&self, _: &Range<usize>, _: &PassMemory<T>) {}
}
