//! One step per call: the network carries its state from call to call, with the parameters of one moment.

use std::sync::Arc;

use crate::kernel::FlushDenormals;
use crate::time::{Geometry, Scratch, grow};

use super::batch::expect_len;
use super::call::Call;
use super::graph::{NetError, Network, SeqNode};
use super::pool::Pooled;
use super::unit::run_unit;

/// A network that waits for the next step of `rows` sequences.
pub struct Stream<T: Pooled> {
    call: Call<T>,
    geometry: Geometry,
    states: Vec<Vec<T>>,
    scratch: Scratch<T>,
}

impl<T: Pooled> Stream<T> {
    /// Takes the parameters as they are now. A network that reads its input backwards cannot run step by step.
    pub fn new(network: Arc<Network>, arena: &[T], rows: usize) -> Result<Stream<T>, NetError> {
        if network.nodes.iter().any(|node| matches!(node, SeqNode::Reverse(_))) {
            let text = "a bidirectional network reads its input to the end before its first output; it cannot stream";
            return Err(NetError::Config(text.into()));
        }
        let too_many =
            || NetError::Config(format!("batch is {rows}; expected a number of rows that fits memory"));
        let mut states = Vec::new();
        for &width in &network.states {
            let mut state = Vec::new();
            grow(&mut state, rows.checked_mul(width).ok_or_else(too_many)?);
            states.push(state);
        }
        let mut lengths: Vec<usize> = Vec::new();
        lengths.try_reserve_exact(rows).map_err(|_| too_many())?;
        lengths.resize(rows, 1);
        let call = Call::new(network, arena, false, 0)?;
        Ok(Stream { call, geometry: Geometry::new(lengths), states, scratch: Scratch::new() })
    }

    pub fn rows(&self) -> usize {
        self.geometry.rows
    }

    pub fn network(&self) -> &Network {
        self.call.network()
    }

    /// (rows, width) per state slot.
    pub fn states(&self) -> &[Vec<T>] {
        &self.states
    }

    /// Replaces a state.
    pub fn set_state(&mut self, slot: usize, values: &[T]) -> Result<(), NetError> {
        expect_len("state", values.len(), self.states[slot].len())?;
        self.states[slot].copy_from_slice(values);
        Ok(())
    }

    /// Sets every state to zeros.
    pub fn reset(&mut self) {
        self.states.iter_mut().for_each(|state| state.fill(T::ZERO));
    }

    /// Sets the states of the rows that `resets` marks to zeros.
    pub fn reset_rows(&mut self, resets: &[bool]) -> Result<(), NetError> {
        let rows = self.rows();
        expect_len("resets", resets.len(), rows)?;
        for (state, width) in self.states.iter_mut().zip(&self.call.network().states) {
            let marked = (0..rows).filter(|&row| resets[row]);
            marked.for_each(|row| state[row * width..][..*width].fill(T::ZERO));
        }
        Ok(())
    }

    /// Features (rows, width) as the input of a step.
    pub fn features(&self, x: &[T]) -> Result<Vec<T>, NetError> {
        let width = self.network().feature_input();
        let width = width.ok_or_else(|| NetError::Shape("x holds features; expected ids (N,)".into()))?;
        expect_len("x", x.len(), self.rows() * width)?;
        Ok(x.to_vec())
    }

    /// Ids (rows,) as the input of a step.
    pub fn ids(&self, x: &[i64]) -> Result<Vec<T>, NetError> {
        let SeqNode::Index { limit } = self.network().nodes[0] else {
            return Err(NetError::Shape("x holds ids; expected features (N, F)".into()));
        };
        expect_len("x", x.len(), self.rows())?;
        let checked = x.iter().enumerate().map(|(row, &id)| match id {
            id if (0..limit as i64).contains(&id) => Ok(T::from_f64(id as f64)),
            id => Err(NetError::Config(format!("x[{row}] is {id}; expected an id from 0 to {}", limit - 1))),
        });
        checked.collect()
    }

    /// Runs one step; the states move on. Returns (rows, width of the output).
    pub fn step(&mut self, input: Vec<T>) -> Result<Vec<T>, NetError> {
        let _flush = FlushDenormals::new();
        let output = self.network().output()?;
        let width = self.network().widths[output];
        let shared = self.call.shared();
        let run = run_unit(&shared, &self.geometry, input, &self.states, false, &mut self.scratch);
        let view = run.view(shared.network, output, &self.geometry);
        let mut values = Vec::with_capacity(self.geometry.rows * width);
        for row in 0..self.geometry.rows {
            // SAFETY: the view has one row of `width` elements for each sequence.
            values.extend_from_slice(unsafe {
                std::slice::from_raw_parts(view.ptr.add(row * view.stride), width)
            });
        }
        self.states = run.retired(&mut self.scratch);
        Ok(values)
    }
}
