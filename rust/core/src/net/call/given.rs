//! What the steps of a network read that does not change from step to step: the results of what runs before the first one.

use std::sync::Arc;

use crate::time::SeqView;

use super::super::batch::{Batch, Input, States};
use super::super::graph::{Axis, LayerPart, NetError, Network, StepParts};
use super::arguments::Call;
use super::engine::Engine;
use super::lanes::Poll;
use super::pools::Pooled;

/// A network that is ready to run step by step: see `StepParts`.
#[derive(Debug, Clone)]
pub struct StepEngine {
    pub before: Option<Arc<Engine>>,
    pub steps: Arc<Engine>,
    /// The number of the fed input in the whole network.
    pub fed: usize,
    /// By state of the steps: its number in the whole network.
    pub states: Vec<usize>,
    /// The numbers on entries that are read after each step, if any.
    pub weights: Option<Weights>,
}

/// A state on entries of a layer of the steps, with one number for each entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    pub(super) layer: usize,
    pub(super) state: usize,
    /// The entries axis in the program of the layer.
    pub(super) axis: usize,
    /// The axis of the steps on which the entries lie.
    along: usize,
}

impl StepEngine {
    /// Returns an error for a network that cannot run step by step.
    pub fn new(network: &Network) -> Result<StepEngine, NetError> {
        let StepParts { before, steps, fed, states } = network.step_parts()?;
        let engine = |network| Arc::new(Engine::new(network));
        Ok(StepEngine { before: before.map(engine), steps: engine(steps), fed, states, weights: None })
    }

    /// The same, with numbers on entries that can be read after each step: see `Network::watching`.
    pub fn watching(network: &Network, name: Option<&str>) -> Result<StepEngine, NetError> {
        let (network, watched) = network.watching(name)?;
        let mut engine = StepEngine::new(&network)?;
        for (number, layer) in engine.steps.layers.iter().enumerate() {
            let program = &layer.plan.program;
            let state = program.states.iter().position(|&id| program.label(id) == watched.state);
            if let Some(state) = state
                && (layer.share.layer, layer.share.part) == (watched.layer, LayerPart::Step)
            {
                let axis = program.nodes[program.states[state]].entries.unwrap_or(0);
                let memory = (0..layer.memories.len()).find(|&k| program.axis_of_memory(k) == axis);
                let along = match engine.steps.nodes[layer.memories[memory.unwrap_or(0)]].axis {
                    Axis::Sequence(along) => along,
                    Axis::Row => unreachable!("a memory is a sequence"),
                };
                engine.weights = Some(Weights { layer: number, state, axis, along });
            }
        }
        match engine.weights {
            Some(_) => Ok(engine),
            None => Err(NetError::Config("alignments: the output does not depend on these weights".into())),
        }
    }

    /// The number of features of the fed input; None for ids.
    pub fn fed_features(&self) -> Option<usize> {
        let port = &self.steps.inputs[0];
        port.limit.is_none().then(|| self.steps.width(port.node))
    }
}

/// The values that the steps read of every row of a batch.
#[derive(Debug)]
pub struct Given<T> {
    rows: usize,
    /// By input of the steps after the fed one: (rows, entries, width), or (rows, width).
    values: Vec<Vec<T>>,
    /// By axis of the steps after the first.
    entries: Vec<EntryLengths>,
}

/// The entries of all rows on an axis.
#[derive(Debug)]
struct EntryLengths {
    /// The entries for which a row has room.
    most: usize,
    lengths: Vec<usize>,
}

impl<T: Pooled> Given<T> {
    /// For steps that read nothing else.
    pub fn nothing(rows: usize) -> Given<T> {
        Given { rows, values: Vec::new(), entries: Vec::new() }
    }

    /// Runs what comes before the steps. `call` is a call of `StepEngine::before`; its batch has no masks.
    pub fn compute(
        engine: &StepEngine,
        call: &Call<T>,
        batch: Batch,
        (inputs, initial): (&[Input<T>], States<T>),
        poll: Poll,
    ) -> Result<Given<T>, NetError> {
        let before = &call.network().axes;
        let entries = engine.steps.axes.iter().skip(1).map(|name| {
            let number = before.iter().position(|other| other == name).unwrap_or(0);
            let (most, lengths) = batch.lengths_of(Axis::Sequence(number));
            EntryLengths { most, lengths }
        });
        let (rows, entries) = (batch.rows, entries.collect());
        let values = call.infer(batch, inputs, initial, poll)?.outputs;
        Ok(Given { rows, values, entries })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The largest number of entries on an axis of the steps after the first.
    pub(super) fn most(&self, axis: usize) -> usize {
        self.entries[axis - 1].most
    }

    /// The first entry of a row on an axis, and the number of its entries.
    pub(super) fn entries_of(&self, axis: usize, row: usize) -> (usize, usize) {
        let EntryLengths { most, lengths } = &self.entries[axis - 1];
        (row * most, lengths[row])
    }

    /// The number of entries of a row on which there are weights.
    pub fn entries(&self, of: Weights, row: usize) -> usize {
        self.entries_of(of.along, row).1
    }

    /// All entries of a memory, of `width` features each. `input` is the number of an input of the steps.
    pub(super) fn memory(&self, input: usize, width: usize) -> SeqView<T> {
        SeqView::of(&self.values[input - 1], width)
    }

    /// The value of a row, of `width` features.
    pub(super) fn row(&self, input: usize, width: usize, row: usize) -> &[T] {
        &self.values[input - 1][row * width..][..width]
    }
}
