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

/// The buffers from which a step reads a state and to which it writes it; both have the same number of elements.
#[derive(Debug, Clone, Copy)]
struct StateBuffers<T> {
    read: *mut T,
    written: *const T,
    elements: usize,
}

/// A layer that is ready for the next step of the rows of a geometry of one step.
#[derive(Debug)]
pub struct Stepper<T> {
    memory: PassMemory<T>,
    // The memory that `fixed` and `states` point into, in addition to `memory`.
    _scratch: Scratch<T>,
    fixed: BufferBinding<T>,
    states: Vec<StateBuffers<T>>,
}

// SAFETY: the pointers lead into memory that the stepper owns, and into memory that the callers of `new` guarantee.
unsafe impl<T: Send> Send for Stepper<T> {}

impl<T: Float> Stepper<T> {
    /// Fixes all addresses for steps that read `inputs`; states start as zeros.
    pub fn new(call: &LayerCall<T>, inputs: &[SeqView<T>]) -> Stepper<T> {
        let geometry = call.geometry;
        debug_assert_eq!(geometry.steps(), 1);
        let pass = &call.plan.infer;
        let mut scratch = Scratch::new();
        let mut memory: PassMemory<T> = PassMemory::new(pass, geometry, &[], &mut scratch);
        let initial: Vec<Vec<T>> =
            pass.states.iter().map(|&(_, width)| zeros(geometry.rows * width)).collect();
        let outside = Outside { inputs, memories: &[], d_outputs: &[], saved: None };
        let fixed = Runner::new(inference(call), &outside, &mut memory, &initial, &mut scratch).fixed();
        let states = (pass.states.iter().enumerate())
            .map(|(state, &(class, width))| {
                let elements = geometry.rows * width;
                match (class, fixed.carry[state]) {
                    (Class::History(_), _) => {
                        let read = memory.history(state);
                        StateBuffers { read, written: read.wrapping_add(elements), elements }
                    }
                    (_, Some([read, written])) => StateBuffers { read, written, elements },
                    (_, None) => unreachable!("a state of a forward pass is kept or carried"),
                }
            })
            .collect();
        let mut stepper = Stepper { memory, _scratch: scratch, fixed, states };
        (0..stepper.states.len()).for_each(|state| stepper.state_mut(state).fill(T::ZERO));
        stepper
    }

    /// Output `k`, one row for each sequence, at the same address after every step.
    pub fn output(&self, plan: &LayerPlan, k: usize, geometry: &Geometry) -> SeqView<T> {
        self.memory.output(&plan.infer, k, geometry)
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

    /// Runs one step and updates the states.
    ///
    /// # Safety
    /// `call` is the call that was given to `new`, with the same contents; the inputs of `new` are readable.
    pub unsafe fn step(&mut self, call: &LayerCall<T>) {
        Runner::run_fixed(inference(call), &mut self.fixed);
        for &StateBuffers { read, written, elements } in &self.states {
            // SAFETY: both have this many elements and do not overlap.
            unsafe { read.copy_from_nonoverlapping(written, elements) };
        }
    }
}

/// The pass of a step.
fn inference<'a, T: Float>(call: &LayerCall<'a, T>) -> PassCall<'a, T> {
    let LayerCall { plan, weights, geometry, entries, kernels } = *call;
    PassCall { pass: &plan.infer, weights, packs: &weights.infer, geometry, entries, kernels }
}
