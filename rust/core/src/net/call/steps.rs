//! The memory of rows that go through a network step by step.
//!
//! All of it is allocated, and every address is fixed, when it is created, for a number of rows. A step may run fewer rows: the
//! first ones. Each row in use has a seat: the row of a batch whose memories and values per row it reads. Several rows may
//! have one seat, as the hypotheses of a sentence do; they share its memories.

use std::sync::Arc;

use crate::kernel::FlushDenormals;
use crate::memory::{copied, grow, resized};
use crate::time::{Entries, Geometry, LayerCall, SeqView, Stepper};

use super::super::batch::Axes;
use super::super::graph::kinds::Rows;
use super::super::graph::{Axis, NetError, Node, NodeKind};
use super::super::values::{RowMaps, derive};
use super::arguments::Call;
use super::given::{Given, Weights};
use super::pools::Pooled;

/// Rows that are ready for the next step.
pub struct Steps<T: Pooled> {
    given: Arc<Given<T>>,
    /// All rows for which there is room.
    room: Geometry,
    /// The rows in use.
    used: Geometry,
    /// By node: the values of inputs, and of values that are not the output of a layer. `steppers` read them in place.
    owned: Vec<Vec<T>>,
    /// By layer.
    steppers: Vec<Stepper<T>>,
    /// By layer: the entries that the rows read, by entries axis of its program.
    entries: Vec<Vec<Entries>>,
    /// By state slot: its layer, and its number there.
    slots: Vec<(usize, usize)>,
    /// By node: whether its value is the same at every step.
    constant: Vec<bool>,
    gathered: Vec<T>,
}

impl<T: Pooled> Steps<T> {
    /// Room for `rows` rows, none of them in use. `call` is a call of `StepEngine::steps`.
    pub fn new(call: &Call<T>, given: Arc<Given<T>>, rows: usize) -> Result<Steps<T>, NetError> {
        let network = call.network();
        let too_many =
            || NetError::Config(format!("batch is {rows}; expected a number of rows that fits memory"));
        let mut lengths: Vec<usize> = Vec::new();
        resized(&mut lengths, rows, 1);
        let mut owned = Vec::new();
        for node in &network.nodes {
            let mut values = Vec::new();
            let is_memory = node.axis.is_sequence() && node.axis != Axis::FIRST;
            if !matches!(node.kind, NodeKind::Layer { .. }) && !is_memory {
                grow(&mut values, rows.checked_mul(node.width).ok_or_else(too_many)?);
            }
            owned.push(values);
        }
        let slots = (network.layers.iter().enumerate())
            .flat_map(|(layer, of)| (0..of.plan.program.row_states().len()).map(move |state| (layer, state)))
            .collect();
        let mut steps = Steps {
            given,
            room: Geometry::new(lengths),
            used: Geometry::new(Vec::new()),
            owned,
            steppers: Vec::new(),
            entries: Vec::new(),
            slots,
            constant: network.nodes.iter().map(is_constant).collect(),
            gathered: Vec::new(),
        };
        steps.settle(call);
        Ok(steps)
    }

    /// Creates the steppers in the order of the nodes, because each stepper reads the outputs of those before it.
    fn settle(&mut self, call: &Call<T>) {
        let network = call.network();
        for layer in 0..network.layers.len() {
            let of = &network.layers[layer];
            let program = &of.plan.program;
            let axis_of = |axis: usize| {
                let memory = (0..of.memories.len()).find(|&k| program.axis_of_memory(k) == axis);
                network_axis(network.nodes[of.memories[memory.unwrap_or(0)]].axis)
            };
            let room = |axis| Entries::with_room(self.room.rows, self.given.most(axis_of(axis)));
            self.entries.push((0..program.entry_axes()).map(room).collect());
            let views: Vec<SeqView<T>> = of.inputs.iter().map(|&at| self.view(call, at)).collect();
            let memories: Vec<SeqView<T>> = of.memories.iter().map(|&at| self.view(call, at)).collect();
            let stepper =
                Stepper::new(&layer_call(call, layer, &self.room, &self.entries[layer]), &views, &memories);
            self.steppers.push(stepper);
        }
    }

    /// The rows in use.
    pub fn rows(&self) -> usize {
        self.used.rows
    }

    /// Puts the first `seats.len()` rows to use: row `r` reads what row `seats[r]` of the batch was given. States are kept.
    pub fn seat(&mut self, call: &Call<T>, seats: &[usize]) {
        debug_assert!(seats.len() <= self.room.rows);
        if seats.len() != self.used.rows {
            self.used.renew(seats.iter().map(|_| (1, 0, 0)));
        }
        let network = call.network();
        for (of, entries) in network.layers.iter().zip(&mut self.entries) {
            for (k, &memory) in of.memories.iter().enumerate() {
                let axis = network_axis(network.nodes[memory].axis);
                let entries = &mut entries[of.plan.program.axis_of_memory(k)];
                for (row, &seat) in seats.iter().enumerate() {
                    let (first, length) = self.given.entries_of(axis, seat);
                    entries.place(row, first, length);
                }
            }
        }
        let mut reads_rows = false;
        for (input, port) in network.inputs.iter().enumerate().skip(1) {
            let node = &network.nodes[port.node];
            if node.axis == Axis::Row {
                reads_rows = true;
                let lines = self.owned[port.node].chunks_exact_mut(node.width);
                lines.zip(seats).for_each(|(line, &seat)| {
                    line.copy_from_slice(self.given.row(input, node.width, seat));
                });
            }
        }
        if reads_rows {
            self.run_nodes(call, true);
        }
    }

    /// Puts the rows that are marked to where a sequence starts: states are zeros, or a value per row.
    pub fn restart(&mut self, call: &Call<T>, marked: impl Fn(usize) -> bool) {
        let rows = self.used.rows;
        for (layer, of) in call.network().layers.iter().enumerate() {
            for state in 0..self.steppers[layer].states() {
                let from = of.initial.get(state).copied().flatten().map(|node| self.view(call, node));
                let values = self.steppers[layer].state_mut(state);
                let width = values.len() / self.room.rows.max(1);
                for row in (0..rows).filter(|&row| marked(row)) {
                    let line = &mut values[row * width..][..width];
                    match from {
                        None => line.fill(T::ZERO),
                        // SAFETY: a value per row has a row for each row in use, as wide as the state, in memory that no state
                        // shares.
                        Some(view) => line.copy_from_slice(unsafe {
                            std::slice::from_raw_parts(view.ptr.add(row * view.stride), width)
                        }),
                    }
                }
            }
        }
    }

    /// Gives each row in use the states that row `parents[row]` has.
    pub fn gather(&mut self, parents: &[usize]) {
        let Steps { steppers, gathered, .. } = self;
        steppers.iter_mut().for_each(|stepper| stepper.gather(parents, gathered));
    }

    /// The fed input of the next step, (room, width): ids are numbers.
    pub fn fed(&mut self, call: &Call<T>) -> &mut [T] {
        &mut self.owned[call.network().inputs[0].node]
    }

    /// Runs one step of the rows in use, and updates their states.
    pub fn step(&mut self, call: &Call<T>) {
        self.run_nodes(call, false);
    }

    /// A copy of all states, by layer; None if no step can panic, because no layer calls a function.
    pub fn kept(&self, call: &Call<T>) -> Option<Vec<Vec<Vec<T>>>> {
        let all =
            |stepper: &Stepper<T>| (0..stepper.states()).map(|state| copied(stepper.state(state))).collect();
        let calls = call.network().layers.iter().any(|layer| layer.plan.program.calls());
        calls.then(|| self.steppers.iter().map(all).collect())
    }

    /// Sets all states to a copy of them.
    pub fn put_back(&mut self, kept: &[Vec<Vec<T>>]) {
        for (stepper, states) in self.steppers.iter_mut().zip(kept) {
            (states.iter().enumerate())
                .for_each(|(state, values)| stepper.state_mut(state).copy_from_slice(values));
        }
    }

    /// The number of state slots.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// (room, width) of a state slot.
    pub fn state(&self, slot: usize) -> &[T] {
        let (layer, state) = self.slots[slot];
        self.steppers[layer].state(state)
    }

    pub fn state_mut(&mut self, slot: usize) -> &mut [T] {
        let (layer, state) = self.slots[slot];
        self.steppers[layer].state_mut(state)
    }

    /// The output of a row after the last step.
    pub fn output(&self, call: &Call<T>, row: usize) -> &[T] {
        let view = self.view(call, call.network().outputs[0].node);
        // SAFETY: the view has one row of `width` elements for each row in use.
        unsafe { std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width) }
    }

    /// One number for each entry of a row, after the last step.
    pub fn weights(&self, of: Weights, row: usize) -> &[T] {
        let entries = &self.entries[of.layer][of.axis];
        &self.steppers[of.layer].state(of.state)[row * entries.most..][..entries.lengths[row]]
    }

    /// Computes the nodes that are constant, or the others.
    fn run_nodes(&mut self, call: &Call<T>, constant: bool) {
        let _flush = FlushDenormals::new();
        for number in 0..self.constant.len() {
            if self.constant[number] == constant {
                self.run_node(call, number);
            }
        }
    }

    fn run_node(&mut self, call: &Call<T>, number: usize) {
        let network = call.network();
        match &network.nodes[number].kind {
            NodeKind::Layer { layer, output: 0 } => {
                let Steps { used, steppers, entries, .. } = self;
                // SAFETY: the stepper was created for this network, with views of memory that these steps own or share.
                unsafe { steppers[*layer].step(&layer_call(call, *layer, used, &entries[*layer])) };
            }
            NodeKind::Derived { moves, .. } => {
                let mut values = std::mem::take(&mut self.owned[number]);
                values.fill(T::ZERO);
                let axes = Axes { time: &self.used, row: &self.used, others: &[] };
                let maps = RowMaps { axes, mirror: &[] };
                derive(moves, |from| self.view(call, from), maps, &mut values, network.width(number));
                self.owned[number] = values;
            }
            _ => {}
        }
    }

    /// The view of a node's value, the same after every step.
    fn view(&self, call: &Call<T>, node: usize) -> SeqView<T> {
        let network = call.network();
        let of = &network.nodes[node];
        match of.kind {
            NodeKind::Layer { layer, output } => {
                self.steppers[layer].output(network.layers[layer].plan(false), output, &self.room)
            }
            NodeKind::Input(input) if of.axis.is_sequence() && of.axis != Axis::FIRST => {
                self.given.memory(input, of.width)
            }
            _ => SeqView::of(&self.owned[node], of.width),
        }
    }
}

/// The call of a layer over the rows of a geometry of one step.
fn layer_call<'a, T: Pooled>(
    call: &'a Call<T>,
    layer: usize,
    rows: &'a Geometry,
    entries: &'a [Entries],
) -> LayerCall<'a, T> {
    let axes = Axes { time: rows, row: rows, others: &[] };
    LayerCall { entries, ..call.shared().call(layer, axes, false) }
}

/// The number of an axis of sequences.
fn network_axis(axis: Axis) -> usize {
    match axis {
        Axis::Sequence(number) => number,
        Axis::Row => unreachable!("a memory is a sequence"),
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
