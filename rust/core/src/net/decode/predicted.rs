//! What a step predicts for the rows of one sentence.

/// By place in the sentence: logits, and weights on the entries of a memory.
#[derive(Clone, Copy)]
pub struct Predicted<'a, T> {
    logits: &'a dyn Fn(usize) -> &'a [T],
    weights: &'a dyn Fn(usize) -> &'a [T],
}

impl<'a, T> Predicted<'a, T> {
    pub fn new(
        logits: &'a dyn Fn(usize) -> &'a [T],
        weights: &'a dyn Fn(usize) -> &'a [T],
    ) -> Predicted<'a, T> {
        Predicted { logits, weights }
    }

    pub fn logits(&self, place: usize) -> &'a [T] {
        (self.logits)(place)
    }

    /// One number for each entry; none if they are not read.
    pub fn weights(&self, place: usize) -> &'a [T] {
        (self.weights)(place)
    }
}
