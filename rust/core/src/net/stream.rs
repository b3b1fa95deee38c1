//! One step per call: the network carries its state from call to call, with the parameters of one moment.
//!
//! All memory is taken when the stream is made, and every place in it is settled then: a step allocates nothing, and is
//! the same kernels in the same order as a run of one step, so its bits are those of a run.

use std::sync::Arc;

use crate::kernel::FlushDenormals;
use crate::time::{Geometry, SeqView, Stepper, grow};

use super::batch::expect_len;
use super::call::Call;
use super::graph::{NetError, Network, SeqNode};
use super::pool::Pooled;
use super::unit::add_rows;

/// A network that waits for the next step of `rows` sequences.
pub struct Stream<T: Pooled> {
    call: Call<T>,
    geometry: Geometry,
    /// By node: the values of sequences that are not the output of a layer. `steppers` read them where they lie.
    owned: Vec<Vec<T>>,
    /// By layer.
    steppers: Vec<Stepper<T>>,
    /// By state slot: its layer, and its number there.
    slots: Vec<(usize, usize)>,
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
        let mut lengths: Vec<usize> = Vec::new();
        lengths.try_reserve_exact(rows).map_err(|_| too_many())?;
        lengths.resize(rows, 1);
        let mut owned = Vec::new();
        for (node, &width) in network.nodes.iter().zip(&network.widths) {
            let mut values = Vec::new();
            if !matches!(node, SeqNode::Layer(_)) {
                grow(&mut values, rows.checked_mul(width).ok_or_else(too_many)?);
            }
            owned.push(values);
        }
        let slots = (network.layers.iter().enumerate())
            .flat_map(|(layer, of)| (0..of.plan.program.states.len()).map(move |state| (layer, state)))
            .collect();
        let call = Call::new(network, arena, false, 0)?;
        let mut stream =
            Stream { call, geometry: Geometry::new(lengths), owned, steppers: Vec::new(), slots };
        stream.settle();
        Ok(stream)
    }

    /// Takes the parameters as they are now; the states go on.
    pub fn refresh(&mut self, arena: &[T]) -> Result<(), NetError> {
        let network = self.call.shared_network();
        self.call = Call::new(network, arena, false, 0)?;
        let states: Vec<Vec<T>> = (0..self.slots.len()).map(|slot| self.state(slot).to_vec()).collect();
        self.settle();
        states.iter().enumerate().for_each(|(slot, values)| self.state_mut(slot).copy_from_slice(values));
        Ok(())
    }

    /// Makes the steppers, in the order of the nodes, as each reads what those before it write.
    fn settle(&mut self) {
        self.steppers.clear();
        let network = self.call.shared_network();
        let shared = self.call.shared();
        for node in &network.nodes {
            if let SeqNode::Layer(layer) = node {
                let inner = &network.layers[*layer];
                let views: Vec<SeqView<T>> = inner.inputs.iter().map(|&at| self.view(at)).collect();
                let weights = &shared.weights[*layer];
                let stepper =
                    Stepper::new(inner.plan(false), weights, &self.geometry, &views, shared.kernels);
                self.steppers.push(stepper);
            }
        }
    }

    pub fn rows(&self) -> usize {
        self.geometry.rows
    }

    pub fn network(&self) -> &Network {
        self.call.network()
    }

    /// (rows, width) of a state slot.
    pub fn state(&self, slot: usize) -> &[T] {
        let (layer, state) = self.slots[slot];
        self.steppers[layer].state(state)
    }

    fn state_mut(&mut self, slot: usize) -> &mut [T] {
        let (layer, state) = self.slots[slot];
        self.steppers[layer].state_mut(state)
    }

    /// (rows, width) per state slot.
    pub fn states(&self) -> Vec<Vec<T>> {
        (0..self.slots.len()).map(|slot| self.state(slot).to_vec()).collect()
    }

    /// Replaces a state.
    pub fn set_state(&mut self, slot: usize, values: &[T]) -> Result<(), NetError> {
        expect_len("state", values.len(), self.state(slot).len())?;
        self.state_mut(slot).copy_from_slice(values);
        Ok(())
    }

    /// Sets every state to zeros.
    pub fn reset(&mut self) {
        (0..self.slots.len()).for_each(|slot| self.state_mut(slot).fill(T::ZERO));
    }

    /// Sets the states of the rows that `resets` marks to zeros.
    pub fn reset_rows(&mut self, resets: &[bool]) -> Result<(), NetError> {
        let rows = self.rows();
        expect_len("resets", resets.len(), rows)?;
        for slot in 0..self.slots.len() {
            let state = self.state_mut(slot);
            let width = state.len() / rows.max(1);
            let marked = (0..rows).filter(|&row| resets[row]);
            marked.for_each(|row| state[row * width..][..width].fill(T::ZERO));
        }
        Ok(())
    }

    /// Features (rows, width) become the input of the next step.
    pub fn features(&mut self, x: &[T]) -> Result<(), NetError> {
        if self.network().feature_input().is_none() {
            return Err(NetError::Shape("x holds features; expected ids (N,)".into()));
        }
        expect_len("x", x.len(), self.owned[0].len())?;
        self.owned[0].copy_from_slice(x);
        Ok(())
    }

    /// Ids (rows,) become the input of the next step.
    pub fn ids(&mut self, x: &[i64]) -> Result<(), NetError> {
        let SeqNode::Index { limit } = self.network().nodes[0] else {
            return Err(NetError::Shape("x holds ids; expected features (N, F)".into()));
        };
        expect_len("x", x.len(), self.rows())?;
        if let Some((row, id)) = x.iter().enumerate().find(|&(_, id)| !(0..limit as i64).contains(id)) {
            let text = format!("x[{row}] is {id}; expected an id from 0 to {}", limit - 1);
            return Err(NetError::Config(text));
        }
        self.owned[0].iter_mut().zip(x).for_each(|(to, &id)| *to = T::from_f64(id as f64));
        Ok(())
    }

    /// Runs one step; the states move on.
    pub fn step(&mut self) {
        let _flush = FlushDenormals::new();
        for number in 0..self.network().nodes.len() {
            self.run_node(number);
        }
    }

    /// The output of the last step into `out`, (rows, width).
    pub fn output(&self, out: &mut [T]) -> Result<(), NetError> {
        let output = self.network().output()?;
        let width = self.network().widths[output];
        expect_len("out", out.len(), self.rows() * width)?;
        let view = self.view(output);
        for (row, line) in out.chunks_exact_mut(width.max(1)).enumerate() {
            // SAFETY: the view has one row of `width` elements for each sequence.
            line.copy_from_slice(unsafe {
                std::slice::from_raw_parts(view.ptr.add(row * view.stride), width)
            });
        }
        Ok(())
    }

    fn run_node(&mut self, number: usize) {
        let shared = self.call.shared();
        let width = shared.network.widths[number];
        match &shared.network.nodes[number] {
            SeqNode::Input | SeqNode::Index { .. } | SeqNode::Reverse(_) => {}
            SeqNode::Layer(layer) => {
                let (plan, weights) = (shared.network.layers[*layer].plan(false), &shared.weights[*layer]);
                // SAFETY: the stepper was made with these, and with views of what this stream owns.
                unsafe { self.steppers[*layer].step(plan, weights, &self.geometry, shared.kernels) };
            }
            SeqNode::Concat(parts) => {
                // the parts fill all columns between them
                let mut values = std::mem::take(&mut self.owned[number]);
                values.fill(T::ZERO);
                let mut col = 0;
                for &part in parts {
                    add_rows(&self.view(part), None, &mut values, width, col);
                    col += shared.network.widths[part];
                }
                self.owned[number] = values;
            }
            SeqNode::Add(a, b) => {
                let mut values = std::mem::take(&mut self.owned[number]);
                values.fill(T::ZERO);
                add_rows(&self.view(*a), None, &mut values, width, 0);
                add_rows(&self.view(*b), None, &mut values, width, 0);
                self.owned[number] = values;
            }
        }
    }

    /// Where the value of a sequence lies, after every step.
    fn view(&self, node: usize) -> SeqView<T> {
        let network = self.network();
        match network.nodes[node] {
            SeqNode::Layer(layer) => {
                self.steppers[layer].output(network.layers[layer].plan(false), &self.geometry)
            }
            _ => SeqView::of(&self.owned[node], network.widths[node]),
        }
    }
}
