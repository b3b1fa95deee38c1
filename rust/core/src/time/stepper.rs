//! One layer, one step at a time: its memory and all addresses are fixed once, so that a step allocates nothing.

use crate::kernel::Float;
use crate::memory::zeros;
use crate::plan::{Class, LayerPlan};

use super::Geometry;
use super::buffer_binding::BufferBinding;
use super::layer::LayerCall;
use super::memory::{PassMemory, Scratch};
use super::runner::{Outside, PassCall, Runner};
use super::view::SeqView;

/// The buffers from which a step reads a state and to which it writes it.
#[derive(Debug, Clone, Copy)]
struct StateBuffers<T> {
    read: *mut T,
    written: *const T,
    /// The elements of a row; of a state on entries, the room for them.
    of_row: usize,
    /// Of all rows for which there is room.
    elements: usize,
}

/// A layer that is ready for the next step of the rows of a geometry of one step.
#[derive(Debug)]
pub struct Stepper<T> {
    memory: PassMemory<T>,
    // The memory that `fixed` and `states` point into, in addition to `memory`.
    _scratch: Scratch<T>,
    fixed: BufferBinding<T>,
    /// States of the row, then states on entries.
    states: Vec<StateBuffers<T>>,
}

// SAFETY: the pointers lead into memory that the stepper owns, and into memory that the callers of `new` guarantee.
unsafe impl<T: Send> Send for Stepper<T> {}

impl<T: Float> Stepper<T> {
    /// Fixes all addresses for steps that read `inputs` and `memories`; states start as zeros. The rows of the call are those
    /// for which there is room.
    pub fn new(call: &LayerCall<T>, inputs: &[SeqView<T>], memories: &[SeqView<T>]) -> Stepper<T> {
        let LayerCall { geometry, entries, .. } = *call;
        debug_assert_eq!(geometry.steps(), 1);
        let pass = &call.plan.infer;
        let mut scratch = Scratch::new();
        let mut memory: PassMemory<T> = PassMemory::new(pass, geometry, entries, &mut scratch);
        let widths = || pass.states.iter().map(|&(_, width)| width);
        let initial: Vec<Vec<T>> = widths().map(|width| zeros(geometry.rows * width)).collect();
        let outside = Outside { inputs, memories, d_outputs: &[], saved: None };
        let fixed = Runner::new(inference(call), &outside, &mut memory, &initial, &mut scratch).fixed();
        let states = (pass.states.iter().enumerate())
            .map(|(state, &(class, width))| {
                let most = pass.state_entries[state].map_or(1, |axis| entries[axis].most);
                let of_row = most * width;
                let elements = geometry.rows * of_row;
                match (class, fixed.carry[state]) {
                    (Class::History(_), _) => {
                        let read = memory.history(state);
                        StateBuffers { read, written: read.wrapping_add(elements), of_row, elements }
                    }
                    (_, Some([read, written])) => StateBuffers { read, written, of_row, elements },
                    (_, None) => unreachable!("a state of a forward pass is kept or carried"),
                }
            })
            .collect();
        let mut stepper = Stepper { memory, _scratch: scratch, fixed, states };
        (0..stepper.states.len()).for_each(|state| stepper.state_mut(state).fill(T::ZERO));
        stepper
    }

    /// Output `k`, one row for each sequence, at the same address after every step.
    pub fn output(&self, plan: &LayerPlan, k: usize, room: &Geometry) -> SeqView<T> {
        self.memory.output(&plan.infer, k, room)
    }

    /// The number of states, those on entries included.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// A state after the last step, (rows, width).
    pub fn state(&self, state: usize) -> &[T] {
        let StateBuffers { read, elements, .. } = self.states[state];
        // SAFETY: the memory of a state has this many elements.
        unsafe { std::slice::from_raw_parts(read, elements) }
    }

    /// The same, for writing.
    pub fn state_mut(&mut self, state: usize) -> &mut [T] {
        let StateBuffers { read, elements, .. } = self.states[state];
        // SAFETY: as `state`; the stepper is borrowed for as long.
        unsafe { std::slice::from_raw_parts_mut(read, elements) }
    }

    /// Gives each row the states that the row `parents[row]` has now. `room` is memory to use.
    pub fn gather(&mut self, parents: &[usize], room: &mut Vec<T>) {
        for state in 0..self.states.len() {
            let of_row = self.states[state].of_row;
            let values = self.state_mut(state);
            room.clear();
            parents.iter().for_each(|&parent| room.extend_from_slice(&values[parent * of_row..][..of_row]));
            values[..room.len()].copy_from_slice(room);
        }
    }

    /// Runs one step of the rows of `call`, the first ones of those for which there is room, and updates their states.
    ///
    /// # Safety
    /// `call` has the plan and the weights that were given to `new`; the inputs and memories of `new` are readable.
    pub unsafe fn step(&mut self, call: &LayerCall<T>) {
        Runner::run_fixed(inference(call), &mut self.fixed);
        for &StateBuffers { read, written, of_row, .. } in &self.states {
            // SAFETY: both have this many elements and do not overlap.
            unsafe { read.copy_from_nonoverlapping(written, call.geometry.rows * of_row) };
        }
    }
}

/// The pass of a step.
fn inference<'a, T: Float>(call: &LayerCall<'a, T>) -> PassCall<'a, T> {
    let LayerCall { plan, weights, geometry, entries, kernels } = *call;
    PassCall { pass: &plan.infer, weights, packs: &weights.infer, geometry, entries, kernels }
}
