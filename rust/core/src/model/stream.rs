//! A model that takes one step per call.

use crate::net;

use super::error::ModelError;
use super::number::Number;
use super::ports::{Input, StateInfo};

/// A network that runs one step of `rows` sequences per call and carries their states. [`Model::stream`] makes it.
///
/// The outputs are bit-identical to those of a whole run. A step allocates nothing and waits for no lock; after an error of
/// `step`, nothing has changed. A stream has its own copy of the parameters and lives on without the model. One thread at a
/// time can use it; another thread can own it.
///
/// [`Model::stream`]: crate::Model::stream
pub struct Stream<T: Number = f32> {
    inner: net::Stream<T>,
    states: Vec<StateInfo>,
}

impl<T: Number> std::fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("rows", &self.rows()).field("states", &self.states).finish()
    }
}

impl<T: Number> Stream<T> {
    pub(super) fn new(inner: net::Stream<T>, states: Vec<StateInfo>) -> Stream<T> {
        Stream { inner, states }
    }

    /// The number of sequences.
    pub fn rows(&self) -> usize {
        self.inner.rows()
    }

    /// The number of features per row of the output.
    pub fn output_width(&self) -> usize {
        self.inner.output_width()
    }

    /// Runs one step: `x` is (rows, features), or ids (rows,); the output is written to `out`, (rows, output width).
    ///
    /// Fails with [`Shape`](ModelError::Shape) for an array of another size, with [`Config`](ModelError::Config) for an id that
    /// is out of range.
    pub fn step<'a>(&mut self, x: impl Into<Input<'a, T>>, out: &mut [T]) -> Result<(), ModelError> {
        self.expect_out(out.len())?;
        self.feed(x.into())?;
        self.advance(out)
    }

    /// The first half of `step`: copies the input of the next step.
    #[doc(hidden)]
    pub fn feed(&mut self, x: Input<'_, T>) -> Result<(), ModelError> {
        match x {
            Input::Features(x) => self.inner.features(x)?,
            Input::Ids(x) => self.inner.ids(x)?,
        }
        Ok(())
    }

    /// The second half of `step`.
    #[doc(hidden)]
    pub fn advance(&mut self, out: &mut [T]) -> Result<(), ModelError> {
        self.expect_out(out.len())?;
        self.inner.step();
        Ok(self.inner.output(out)?)
    }

    /// Returns an error unless an array for the output has the right number of elements.
    #[doc(hidden)]
    pub fn expect_out(&self, got: usize) -> Result<(), ModelError> {
        let (rows, width) = (self.rows(), self.output_width());
        if got == rows * width {
            return Ok(());
        }
        Err(ModelError::Shape(format!(
            "out has {got} elements; expected {}: {rows} rows of {width}",
            rows * width
        )))
    }

    /// Starts a new sequence in every row: all states are zeros, or the values of rows from which the network starts them.
    pub fn reset(&mut self) {
        self.inner.reset();
    }

    /// The same for one row. Fails with [`Shape`](ModelError::Shape) if there is no such row.
    pub fn reset_row(&mut self, row: usize) -> Result<(), ModelError> {
        if row >= self.rows() {
            let text = format!("row {row} does not exist; this stream has {} rows", self.rows());
            return Err(ModelError::Shape(text));
        }
        self.inner.reset_row(row);
        Ok(())
    }

    /// The states that the stream carries. For a network of one sequence, these are [`Model::states`](crate::Model::states).
    pub fn states(&self) -> &[StateInfo] {
        &self.states
    }

    /// A state after the last step, (rows, width). Fails with [`Shape`](ModelError::Shape) if there is no such state.
    pub fn state(&self, slot: usize) -> Result<&[T], ModelError> {
        self.expect_slot(slot)?;
        Ok(self.inner.state(slot))
    }

    /// Replaces a state, (rows, width): to continue another stream, or a run. Fails with [`Shape`](ModelError::Shape) for an
    /// array of another size, or if there is no such state.
    pub fn set_state(&mut self, slot: usize, values: &[T]) -> Result<(), ModelError> {
        self.expect_slot(slot)?;
        Ok(self.inner.set_state(slot, values)?)
    }

    fn expect_slot(&self, slot: usize) -> Result<(), ModelError> {
        if slot < self.states.len() {
            return Ok(());
        }
        Err(ModelError::Shape(format!("state {slot} does not exist; this stream has {}", self.states.len())))
    }
}
