//! One step per call: the network carries its state from call to call, with a fixed copy of the parameters. Values per row, such
//! as static features, are computed when they are given; the steps read them.
//!
//! All memory is allocated, and every address is fixed, when the stream is created. A step allocates nothing. It runs the
//! same kernels in the same order as a run of one step, so its results are bit-identical to the run.

use std::sync::Arc;

use crate::kernel::FlushDenormals;
use crate::memory::{copied, grow, resized};
use crate::team;
use crate::time::{Geometry, SeqView, Stepper};

use super::super::batch::Axes;
use super::super::graph::kinds::Rows;
use super::super::graph::{Axis, NetError, Network, Node, NodeKind, expect_len};
use super::super::values::{RowMaps, derive};
use super::arguments::Call;
use super::engine::Engine;
use super::pools::Pooled;

/// A network that is ready for the next step of `rows` sequences.
pub struct Stream<T: Pooled> {
    call: Call<T>,
    geometry: Geometry,
    /// By node: the values of sequences that are not the output of a layer. `steppers` read them in place.
    owned: Vec<Vec<T>>,
    /// By layer.
    steppers: Vec<Stepper<T>>,
    /// By state slot: its layer, and its number there.
    slots: Vec<(usize, usize)>,
    /// By node: whether its value is the same at every step.
    constant: Vec<bool>,
    /// The number of the input that is a sequence.
    input: usize,
}

impl<T: Pooled> Stream<T> {
    /// Copies the current parameters. Inputs per row are zeros until they are set: see `start`. A network that reads its input
    /// backward, or makes a value per row of a whole sequence, cannot run step by step.
    pub fn new(engine: Arc<Engine>, arena: &[T], rows: usize) -> Result<Stream<T>, NetError> {
        let network = &engine.network;
        let input = streamed_input(network)?;
        let too_many =
            || NetError::Config(format!("batch is {rows}; expected a number of rows that fits memory"));
        let mut lengths: Vec<usize> = Vec::new();
        resized(&mut lengths, rows, 1);
        let mut owned = Vec::new();
        for node in &network.nodes {
            let mut values = Vec::new();
            if !matches!(node.kind, NodeKind::Layer { .. }) {
                grow(&mut values, rows.checked_mul(node.width).ok_or_else(too_many)?);
            }
            owned.push(values);
        }
        let slots = (network.layers.iter().enumerate())
            .flat_map(|(layer, of)| (0..of.plan.program.row_states().len()).map(move |state| (layer, state)))
            .collect();
        let constant = network.nodes.iter().map(is_constant).collect();
        let call = Call::new(engine, arena, false, 0)?;
        let geometry = Geometry::new(lengths);
        let mut stream = Stream { call, geometry, owned, steppers: Vec::new(), slots, constant, input };
        stream.settle();
        stream.start();
        Ok(stream)
    }

    /// Copies the current parameters; the states are kept.
    pub fn refresh(&mut self, arena: &[T]) -> Result<(), NetError> {
        let engine = self.call.shared_engine();
        self.call = Call::new(engine, arena, false, 0)?;
        let states: Vec<Vec<T>> = (0..self.slots.len()).map(|slot| copied(self.state(slot))).collect();
        self.settle();
        self.run_nodes(true);
        states.iter().enumerate().for_each(|(slot, values)| self.state_mut(slot).copy_from_slice(values));
        Ok(())
    }

    /// Creates the steppers in the order of the nodes, because each stepper reads the outputs of those before it.
    fn settle(&mut self) {
        self.steppers.clear();
        let engine = self.call.shared_engine();
        for node in 0..engine.nodes.len() {
            if let Some(layer) = engine.layer_at(node) {
                let inner = &engine.layers[layer];
                let views: Vec<SeqView<T>> = inner.inputs.iter().map(|&at| self.view(at)).collect();
                let stepper = Stepper::new(&self.call.shared().call(layer, self.axes(), false), &views);
                self.steppers.push(stepper);
            }
        }
    }

    /// A step has one row for each sequence, along time and along rows.
    fn axes(&self) -> Axes<'_> {
        Axes { time: &self.geometry, row: &self.geometry, others: &[] }
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
        (0..self.slots.len()).map(|slot| copied(self.state(slot))).collect()
    }

    /// Replaces a state.
    pub fn set_state(&mut self, slot: usize, values: &[T]) -> Result<(), NetError> {
        expect_len("state", values.len(), self.state(slot).len())?;
        self.state_mut(slot).copy_from_slice(values);
        Ok(())
    }

    /// Sets every state to where a sequence starts: zeros, or a value per row.
    pub fn reset(&mut self) {
        (0..self.slots.len()).for_each(|slot| self.restart(slot, |_| true));
    }

    /// The same for the rows that `resets` marks.
    pub fn reset_rows(&mut self, resets: &[bool]) -> Result<(), NetError> {
        expect_len("resets", resets.len(), self.rows())?;
        (0..self.slots.len()).for_each(|slot| self.restart(slot, |row| resets[row]));
        Ok(())
    }

    /// Computes what depends on the inputs per row, and sets every state to where a sequence starts.
    pub fn start(&mut self) {
        self.run_nodes(true);
        self.reset();
    }

    fn restart(&mut self, slot: usize, marked: impl Fn(usize) -> bool) {
        let (layer, state) = self.slots[slot];
        let from = self.network().layers[layer].initial[state].map(|node| self.view(node));
        let rows = self.rows();
        let values = self.state_mut(slot);
        let width = values.len() / rows.max(1);
        for row in (0..rows).filter(|&row| marked(row)) {
            let line = &mut values[row * width..][..width];
            match from {
                None => line.fill(T::ZERO),
                // SAFETY: a value per row has a row for each sequence, as wide as the state, in memory that no state shares.
                Some(view) => line.copy_from_slice(unsafe {
                    std::slice::from_raw_parts(view.ptr.add(row * view.stride), width)
                }),
            }
        }
    }

    /// Sets the input of the next step from features (rows, width).
    pub fn features(&mut self, x: &[T]) -> Result<(), NetError> {
        self.set_features(self.input, x)
    }

    /// Sets the input of the next step from ids (rows,).
    pub fn ids(&mut self, x: &[i64]) -> Result<(), NetError> {
        self.set_ids(self.input, x)
    }

    /// Sets an input, by its number, from features (rows, width). Inputs per row take effect in `start`.
    pub fn set_features(&mut self, input: usize, x: &[T]) -> Result<(), NetError> {
        let port = &self.network().inputs[input];
        let node = port.node;
        if port.limit.is_some() {
            return Err(NetError::Shape(format!("{} holds features; expected ids (N,)", port.name)));
        }
        expect_len(&port.name, x.len(), self.owned[node].len())?;
        self.owned[node].copy_from_slice(x);
        Ok(())
    }

    /// Sets an input, by its number, from ids (rows,). Inputs per row take effect in `start`.
    pub fn set_ids(&mut self, input: usize, x: &[i64]) -> Result<(), NetError> {
        let port = &self.network().inputs[input];
        let node = port.node;
        let Some(limit) = port.limit else {
            return Err(NetError::Shape(format!("{} holds ids; expected features (N, F)", port.name)));
        };
        expect_len(&port.name, x.len(), self.rows())?;
        if let Some((row, id)) = x.iter().enumerate().find(|&(_, id)| !(0..limit as i64).contains(id)) {
            let text = format!("{}[{row}] is {id}; expected an id from 0 to {}", port.name, limit - 1);
            return Err(NetError::Config(text));
        }
        self.owned[node].iter_mut().zip(x).for_each(|(to, &id)| *to = T::from_f64(id as f64));
        Ok(())
    }

    /// Runs `act`. If it panics, the states are as before, and the panic goes on. Only a layer that calls a function can panic
    /// in a step, so other networks copy no states.
    pub fn undone_on_panic<R>(&mut self, act: impl FnOnce(&mut Stream<T>) -> R) -> R {
        if !self.network().layers.iter().any(|layer| layer.plan.program.calls()) {
            return act(self);
        }
        let before = self.states();
        team::guard(|| act(self)).unwrap_or_else(|panic| {
            before.iter().enumerate().for_each(|(slot, values)| self.state_mut(slot).copy_from_slice(values));
            team::raise(panic)
        })
    }

    /// Runs one step and updates the states.
    pub fn step(&mut self) {
        self.run_nodes(false);
    }

    /// Computes the nodes that are constant, or the others.
    fn run_nodes(&mut self, constant: bool) {
        let _flush = FlushDenormals::new();
        for number in 0..self.constant.len() {
            if self.constant[number] == constant {
                self.run_node(number);
            }
        }
    }

    /// Copies the output of the last step to `out`, (rows, width).
    pub fn output(&self, out: &mut [T]) -> Result<(), NetError> {
        let output = self.network().outputs[0].node;
        let width = self.network().width(output);
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
        let engine = self.call.shared_engine();
        match &engine.nodes[number].kind {
            NodeKind::Layer { layer, output: 0 } => {
                let Stream { call, geometry, steppers, .. } = self;
                let axes = Axes { time: geometry, row: geometry, others: &[] };
                // SAFETY: the stepper was created with this call, and with views of memory that this stream owns.
                unsafe { steppers[*layer].step(&call.shared().call(*layer, axes, false)) };
            }
            NodeKind::Derived { moves, .. } => {
                let mut values = std::mem::take(&mut self.owned[number]);
                values.fill(T::ZERO);
                let maps = RowMaps { axes: self.axes(), mirror: &[] };
                derive(moves, |from| self.view(from), maps, &mut values, engine.width(number));
                self.owned[number] = values;
            }
            _ => {}
        }
    }

    /// The view of a node's value, the same after every step.
    fn view(&self, node: usize) -> SeqView<T> {
        let network = self.network();
        match network.nodes[node].kind {
            NodeKind::Layer { layer, output } => {
                self.steppers[layer].output(network.layers[layer].plan(false), output, &self.geometry)
            }
            _ => SeqView::of(&self.owned[node], network.width(node)),
        }
    }

    /// The number of features of the output.
    pub fn output_width(&self) -> usize {
        self.network().width(self.network().outputs[0].node)
    }

    /// The number of features of the input; None for ids.
    pub fn feature_input(&self) -> Option<usize> {
        let port = &self.network().inputs[self.input];
        port.limit.is_none().then(|| self.network().width(port.node))
    }
}

/// The number of the input that a stream reads step by step. Returns an error for a network that cannot stream.
fn streamed_input(network: &Network) -> Result<usize, NetError> {
    let refuse = |text: String| Err(NetError::Config(text));
    if network.has_reversed() {
        let text =
            "a bidirectional network reads its input to the end before its first output; it cannot stream";
        return refuse(text.into());
    }
    if network.axes.len() > 1 {
        let axes = network.axes.join(", ");
        let text = "the sequences of this network lie on several axes";
        return refuse(format!("{text} ({axes}), which have no steps in common; it cannot stream"));
    }
    if network.has_memories() {
        let text = "a layer of this network reads a whole sequence at each step (a memory); it cannot stream";
        return refuse(text.into());
    }
    if let Some(what) = network.reads_whole_rows() {
        return refuse(format!("{what} depends on all steps of a row; a network with one cannot stream"));
    }
    let along = |node: usize| network.nodes[node].axis.is_sequence();
    let mut inputs = (0..network.inputs.len()).filter(|&number| along(network.inputs[number].node));
    match (inputs.next(), inputs.next(), &network.outputs[..]) {
        (Some(input), None, [output]) if along(output.node) => Ok(input),
        _ => refuse(
            "only a network with one input and one output along time, besides inputs per row, can stream"
                .into(),
        ),
    }
}

/// Whether the value of a node is the same at every step: a value per row, or one that is repeated.
fn is_constant(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Derived { moves, .. } if node.axis.is_sequence() => {
            moves.iter().all(|one| one.rows == Rows::Repeat)
        }
        _ => node.axis == Axis::Row,
    }
}
