//! One step per call: the network carries its state from call to call, with a fixed copy of the parameters. What does not
//! change from step to step, such as the memories of a decoder and values per row, is given once; the steps read it.
//!
//! A step allocates nothing. It runs the same kernels in the same order as a run of one step, so its
//! results are bit-identical to the run.

use std::sync::Arc;

use crate::memory::{copied, made};
use crate::team;

use super::super::graph::{NetError, Network, expect_len};
use super::arguments::Call;
use super::given::{Given, StepEngine};
use super::pools::Pooled;
use super::steps::Steps;

/// A network that is ready for the next step of `rows` sequences.
pub struct Stream<T: Pooled> {
    engine: Arc<StepEngine>,
    call: Call<T>,
    steps: Steps<T>,
}

impl<T: Pooled> Stream<T> {
    /// Copies the current parameters. Every row of `given` has a row here.
    pub fn new(engine: Arc<StepEngine>, arena: &[T], given: Arc<Given<T>>) -> Result<Stream<T>, NetError> {
        let call = Call::new(Arc::clone(&engine.steps), arena, false, 0)?;
        let steps = seated(&call, given)?;
        Ok(Stream { engine, call, steps })
    }

    /// Starts every row anew, from other values. `given` has the rows of this stream, and was computed with its parameters.
    pub fn start(&mut self, given: Arc<Given<T>>) -> Result<(), NetError> {
        expect_len("given", given.rows(), self.rows())?;
        self.steps = seated(&self.call, given)?;
        Ok(())
    }

    /// Copies the current parameters; the states are kept. `given` is computed with the same parameters, for the same rows.
    pub fn refresh(&mut self, arena: &[T], given: Arc<Given<T>>) -> Result<(), NetError> {
        expect_len("given", given.rows(), self.rows())?;
        let mut other = Stream::new(Arc::clone(&self.engine), arena, given)?;
        (0..self.steps.slots())
            .for_each(|slot| other.steps.state_mut(slot).copy_from_slice(self.steps.state(slot)));
        *self = other;
        Ok(())
    }

    pub fn rows(&self) -> usize {
        self.steps.rows()
    }

    /// The network of the steps.
    pub fn network(&self) -> &Network {
        self.call.network()
    }

    pub fn engine(&self) -> &StepEngine {
        &self.engine
    }

    /// (rows, width) of a state slot of the steps.
    pub fn state(&self, slot: usize) -> &[T] {
        self.steps.state(slot)
    }

    /// (rows, width) per state slot of the steps.
    pub fn states(&self) -> Vec<Vec<T>> {
        (0..self.steps.slots()).map(|slot| copied(self.state(slot))).collect()
    }

    /// Replaces a state.
    pub fn set_state(&mut self, slot: usize, values: &[T]) -> Result<(), NetError> {
        expect_len("state", values.len(), self.state(slot).len())?;
        self.steps.state_mut(slot).copy_from_slice(values);
        Ok(())
    }

    /// Sets every state to where a sequence starts: zeros, or a value per row.
    pub fn reset(&mut self) {
        self.steps.restart(&self.call, |_| true);
    }

    /// The same for the rows that `resets` marks.
    pub fn reset_rows(&mut self, resets: &[bool]) -> Result<(), NetError> {
        expect_len("resets", resets.len(), self.rows())?;
        self.steps.restart(&self.call, |row| resets[row]);
        Ok(())
    }

    /// The same for one row.
    pub fn reset_row(&mut self, row: usize) {
        self.steps.restart(&self.call, |other| other == row);
    }

    /// Sets the input of the next step from features (rows, width).
    pub fn features(&mut self, x: &[T]) -> Result<(), NetError> {
        let port = &self.network().inputs[0];
        if port.limit.is_some() {
            return Err(NetError::Shape(format!("{} holds features; expected ids (N,)", port.name)));
        }
        expect_len(&port.name, x.len(), self.rows() * self.network().width(port.node))?;
        self.steps.fed(&self.call).copy_from_slice(x);
        Ok(())
    }

    /// Sets the input of the next step from ids (rows,).
    pub fn ids(&mut self, x: &[i64]) -> Result<(), NetError> {
        let port = &self.network().inputs[0];
        let Some(limit) = port.limit else {
            return Err(NetError::Shape(format!("{} holds ids; expected features (N, F)", port.name)));
        };
        expect_len(&port.name, x.len(), self.rows())?;
        if let Some((row, id)) = x.iter().enumerate().find(|&(_, id)| !(0..limit as i64).contains(id)) {
            let text = format!("{}[{row}] is {id}; expected an id from 0 to {}", port.name, limit - 1);
            return Err(NetError::Config(text));
        }
        let fed = self.steps.fed(&self.call);
        fed.iter_mut().zip(x).for_each(|(to, &id)| *to = T::from_f64(id as f64));
        Ok(())
    }

    /// Runs `act`. If it panics, the states are as before, and the panic goes on.
    pub fn undone_on_panic<R>(&mut self, act: impl FnOnce(&mut Stream<T>) -> R) -> R {
        let Some(before) = self.steps.kept(&self.call) else { return act(self) };
        team::guard(|| act(self)).unwrap_or_else(|panic| {
            self.steps.put_back(&before);
            team::raise(panic)
        })
    }

    /// Runs one step and updates the states.
    pub fn step(&mut self) {
        self.steps.step(&self.call);
    }

    /// Copies the output of the last step to `out`, (rows, width).
    pub fn output(&self, out: &mut [T]) -> Result<(), NetError> {
        let width = self.output_width();
        expect_len("out", out.len(), self.rows() * width)?;
        for (row, line) in out.chunks_exact_mut(width.max(1)).enumerate() {
            line.copy_from_slice(self.steps.output(&self.call, row));
        }
        Ok(())
    }

    /// The numbers on entries of a row after the last step; None if the engine has none.
    pub fn weights(&self, row: usize) -> Option<&[T]> {
        self.engine.weights.map(|weights| self.steps.weights(weights, row))
    }

    /// The number of features of the output.
    pub fn output_width(&self) -> usize {
        self.network().width(self.network().outputs[0].node)
    }

    /// The number of features of the input; None for ids.
    pub fn feature_input(&self) -> Option<usize> {
        self.engine.fed_features()
    }
}

/// Steps of all rows of `given`, at the start of their sequences.
fn seated<T: Pooled>(call: &Call<T>, given: Arc<Given<T>>) -> Result<Steps<T>, NetError> {
    let rows = given.rows();
    let mut steps = Steps::new(call, given, rows)?;
    steps.seat(call, &made(0..rows));
    steps.restart(call, |_| true);
    Ok(steps)
}
