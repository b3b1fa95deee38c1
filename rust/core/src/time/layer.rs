//! One layer over one row group: the forward and the backward pass.

use crate::kernel::{Float, Kernels};
use crate::memory::with_room;
use crate::plan::{Class, LayerPlan, Pass};

use super::Geometry;
use super::entries::Entries;
use super::exchange::{Exchange, InPlace};
use super::memory::{PassMemory, Scratch, watched_mark};
use super::runner::{Outside, PassCall, Runner, SavedPass, start_state};
use super::slot_gradients::SlotGradients;
use super::vec_pool::VecPool;
use super::view::SeqView;
use super::weights::Weights;

/// A layer with its parameters, and the rows of a geometry to run over.
#[derive(Clone, Copy)]
pub struct LayerCall<'a, T: Float> {
    pub plan: &'a LayerPlan,
    pub weights: &'a Weights<T>,
    pub geometry: &'a Geometry,
    /// The entries of its memories, by entries axis.
    pub entries: &'a [Entries],
    pub kernels: &'a Kernels<T>,
}

/// The result of a forward pass: its memory, and the last value of each state for each row of the group. The values of states on
/// entries follow if the pass started from some.
pub struct Forward<T> {
    pub memory: PassMemory<T>,
    pub finals: Vec<Vec<T>>,
}

/// The result of a backward pass: the memory that holds the input gradients, and the gradient of each initial state. Those of
/// states on entries follow if the pass started from some.
pub struct Backward<T> {
    pub memory: PassMemory<T>,
    pub d_initial: Vec<Vec<T>>,
}

/// The forward values that a backward pass reads: the inputs, packed by time, and the memory of the forward pass.
#[derive(Clone, Copy)]
pub struct Saved<'a, T> {
    pub inputs: &'a [SeqView<T>],
    /// The memories, in the order of `Entries`.
    pub memories: &'a [SeqView<T>],
    pub memory: &'a PassMemory<T>,
}

/// The gradients from which a backward pass starts: of each output, and of each final state.
#[derive(Clone, Copy)]
pub struct IncomingGradients<'a, T> {
    pub outputs: &'a [SeqView<T>],
    /// Those of states on entries may follow; without them they are zeros.
    pub finals: &'a [Vec<T>],
    /// By memory: the sum of its gradient over later steps, for each entry. Without sums, they are zeros.
    pub memories: &'a [Vec<T>],
}

impl<T: Float> Forward<T> {
    /// Memory for a run of a pass from `initial`, `rows * width` numbers per state. The values of states on entries may follow, a
    /// vector for each; without them these states start from zeros.
    pub fn new(
        pass: &Pass,
        geometry: &Geometry,
        entries: &[Entries],
        initial: &[Vec<T>],
        scratch: &mut Scratch<T>,
    ) -> Forward<T> {
        let mut memory: PassMemory<T> = PassMemory::new(pass, geometry, entries, scratch);
        for (state, (class, width)) in pass.states.iter().enumerate() {
            if let Class::History(_) = class {
                let first = memory.history(state);
                let places = pass.state_entries[state].map_or(geometry.rows, |axis| entries[axis].count());
                // SAFETY: a history starts with the initial values of all rows, or of all entries.
                unsafe { start_state(first, initial.get(state), places * width) };
            } else if pass.has_marks(state) && memory.watch.is_some() {
                let first = memory.history(state).wrapping_add(watched_mark(geometry) * width);
                // SAFETY: the watched values are one for each row.
                unsafe { start_state(first, initial.get(state), geometry.rows * width) };
            }
        }
        Forward { memory, finals: room_for_states(pass, geometry, scratch) }
    }
}

impl<T: Float> Backward<T> {
    /// Memory for the backward pass of a layer.
    pub fn new(
        plan: &LayerPlan,
        geometry: &Geometry,
        entries: &[Entries],
        scratch: &mut Scratch<T>,
    ) -> Backward<T> {
        let memory = PassMemory::new(&plan.back, geometry, entries, scratch);
        Backward { memory, d_initial: room_for_states(&plan.back, geometry, scratch) }
    }
}

impl<'a, T: Float> LayerCall<'a, T> {
    /// Runs the forward pass of a layer without memories, in memory from `scratch`. `inputs` are packed by time.
    pub fn forward(
        &self,
        inputs: &[SeqView<T>],
        initial: &[Vec<T>],
        training: bool,
        scratch: &mut Scratch<T>,
    ) -> Forward<T> {
        let pass = if training { &self.plan.train } else { &self.plan.infer };
        let mut run = Forward::new(pass, self.geometry, self.entries, initial, scratch);
        self.run_forward(&mut run, inputs, &[], initial, training, &InPlace, scratch);
        run
    }

    /// Runs the forward pass in memory that `Forward::new` allocated, and has `exchange` copy its inputs and outputs block by
    /// block. Any thread may run it.
    #[allow(clippy::too_many_arguments)] // what a pass reads, and where
    pub fn run_forward(
        &self,
        run: &mut Forward<T>,
        inputs: &[SeqView<T>],
        memories: &[SeqView<T>],
        initial: &[Vec<T>],
        training: bool,
        exchange: &impl Exchange<T>,
        scratch: &mut Scratch<T>,
    ) {
        let Forward { memory, finals } = run;
        let (pass, packs) = match training {
            true => (&self.plan.train, &self.weights.train),
            false => (&self.plan.infer, &self.weights.infer),
        };
        let outside = Outside { inputs, memories, d_outputs: &[], saved: None };
        {
            let mut runner = Runner::new(self.pass(pass, packs), &outside, memory, initial, scratch);
            runner.run(None, &|steps| exchange.before(steps, inputs), &|steps| exchange.after(steps, memory));
            finals.iter_mut().enumerate().for_each(|(state, values)| runner.carried(state, values));
        }
        let of_rows = pass.states.iter().take(pass.row_states());
        for (state, (&(class, width), values)) in of_rows.zip(&mut *finals).enumerate() {
            if let Class::History(_) = class {
                values_after(memory, state, width, self.geometry, self.geometry.steps(), values);
            }
        }
        for state in pass.row_states()..initial.len() {
            let values = self.entry_values(memory, pass, state);
            finals.push(values);
        }
    }

    /// Runs the gradient equations from the last step to the first, in memory from `scratch`.
    pub fn backward(
        &self,
        saved: Saved<T>,
        arrived: IncomingGradients<T>,
        slots: Option<&mut SlotGradients<T>>,
        scratch: &mut Scratch<T>,
    ) -> Backward<T> {
        let mut back = Backward::new(self.plan, self.geometry, self.entries, scratch);
        self.run_backward(&mut back, saved, arrived, slots, scratch);
        back
    }

    /// Runs the backward pass in memory that `Backward::new` allocated. Adds to `slots` if the gradients of parameters are
    /// required. Any thread may run it.
    pub fn run_backward(
        &self,
        back: &mut Backward<T>,
        saved: Saved<T>,
        arrived: IncomingGradients<T>,
        slots: Option<&mut SlotGradients<T>>,
        scratch: &mut Scratch<T>,
    ) {
        let Backward { memory, d_initial } = back;
        let outside = Outside {
            inputs: saved.inputs,
            memories: saved.memories,
            d_outputs: arrived.outputs,
            saved: Some(SavedPass {
                memory: saved.memory,
                pass: &self.plan.train,
                d_memories: arrived.memories,
            }),
        };
        let call = self.pass(&self.plan.back, &self.weights.back);
        let mut runner = Runner::new(call, &outside, memory, arrived.finals, scratch);
        runner.run(slots, &|_| {}, &|_| {});
        d_initial.resize_with(d_initial.len().max(arrived.finals.len()), Vec::new);
        d_initial.iter_mut().enumerate().for_each(|(state, values)| runner.carried(state, values));
    }

    /// The last value of a state on entries, for each entry of all rows, from its history.
    fn entry_values(&self, memory: &PassMemory<T>, pass: &Pass, state: usize) -> Vec<T> {
        let ((_, width), geometry) = (pass.states[state], self.geometry);
        let Some(entries) = pass.state_entries[state].map(|axis| &self.entries[axis]) else {
            unreachable!("states on entries come after those of the row");
        };
        let history = memory.history_slice(state, (entries.count() + entries.total()) * width);
        let mut values = with_room(entries.count() * width);
        for (row, &length) in geometry.lengths.iter().enumerate() {
            let before = entries.previous(length);
            values.extend_from_slice(
                &history[(before + entries.start[row]) * width..(before + entries.start[row + 1]) * width],
            );
        }
        values
    }

    fn pass(&self, pass: &'a Pass, packs: &'a super::weights::PassWeights<T>) -> PassCall<'a, T> {
        let LayerCall { weights, geometry, entries, kernels, .. } = *self;
        PassCall { pass, weights, packs, geometry, entries, kernels }
    }
}

/// Appends the states after `steps` steps of a training run, in which `Scratch::watch` was `steps`; a row that ended earlier keeps
/// its final state.
pub fn states_after<T: Float>(
    plan: &LayerPlan,
    memory: &PassMemory<T>,
    geometry: &Geometry,
    steps: usize,
    vectors: &mut VecPool<T>,
    states: &mut Vec<Vec<T>>,
) {
    for (state, &(_, width)) in plan.train.states.iter().take(plan.train.row_states()).enumerate() {
        let mut values = vectors.vector(geometry.rows * width);
        if plan.train.has_marks(state) {
            debug_assert_eq!(memory.watch, Some(steps));
            let first = watched_mark(geometry) * width;
            values.extend_from_slice(&memory.history_slice(state, first + geometry.rows * width)[first..]);
        } else {
            values_after(memory, state, width, geometry, steps, &mut values);
        }
        states.push(values);
    }
}

/// For each state of the row, an empty vector with capacity for all rows.
fn room_for_states<T: Float>(pass: &Pass, geometry: &Geometry, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
    let mut states = scratch.vectors.list();
    states.extend(
        pass.states
            .iter()
            .take(pass.row_states())
            .map(|(_, width)| scratch.vectors.vector(geometry.rows * width)),
    );
    states
}

/// Appends the value of a state for each row after `steps` steps, from its history.
fn values_after<T: Float>(
    memory: &PassMemory<T>,
    state: usize,
    width: usize,
    geometry: &Geometry,
    steps: usize,
    values: &mut Vec<T>,
) {
    let history = memory.history_slice(state, (geometry.rows + geometry.total()) * width);
    for (row, &length) in geometry.lengths.iter().enumerate() {
        let last = length.min(steps);
        let at = if last == 0 { row } else { geometry.rows + geometry.offset[last - 1] + row };
        values.extend_from_slice(&history[at * width..(at + 1) * width]);
    }
}
