//! The parameters of a layer in the form that its passes read, with the values that are computed from parameters alone.

use crate::kernel::{Float, Kernels};
use crate::memory::{append, copied, zeros};
use crate::plan::{Block, Fold, FoldSource, LayerPlan};
use crate::random::Noise;

use super::Geometry;
use super::layer::{IncomingGradients, LayerCall, Saved};
use super::memory::{PassMemory, Scratch};
use super::slot_gradients::SlotGradients;
use super::view::SeqView;
use super::weights::{FoldOutputs, Weights};

/// All parameter values that the passes of a layer read, copied once: a later write to the parameters does not affect a
/// running call.
#[derive(Debug)]
pub struct LayerWeights<T> {
    weights: Weights<T>,
    folded: Option<Box<FoldRun<T>>>,
}

/// The parameters of the fold program, and its memory after it ran.
#[derive(Debug)]
struct FoldRun<T> {
    weights: Weights<T>,
    inputs: Vec<Vec<T>>,
    memory: PassMemory<T>,
    scratch: Scratch<T>,
}

impl<T: Float> LayerWeights<T> {
    /// Copies the parameters (by position in the program), for calls with or without a backward pass (`training`).
    pub fn new(
        plan: &LayerPlan,
        params: &[&[T]],
        kernels: &Kernels<T>,
        training: bool,
        noise: Noise,
    ) -> LayerWeights<T> {
        let mut weights = LayerWeights::empty();
        weights.renew(plan, params, kernels, training, noise);
        weights
    }

    /// Weights without values, to be filled by `renew`.
    pub fn empty() -> LayerWeights<T> {
        LayerWeights { weights: Weights::empty(), folded: None }
    }

    /// As `new`, reusing the memory of weights that nothing reads any more: of any plan, but most useful for the same plan.
    pub fn renew(
        &mut self,
        plan: &LayerPlan,
        params: &[&[T]],
        kernels: &Kernels<T>,
        training: bool,
        noise: Noise,
    ) {
        let before = self.folded.take();
        self.folded = plan.fold.as_ref().map(|fold| {
            let mut run = before.unwrap_or_else(|| Box::new(FoldRun::empty()));
            run.renew(fold, params, kernels, noise);
            run
        });
        let computed = self.folded.as_ref().zip(plan.fold.as_ref()).map(|(run, fold)| run.computed(fold));
        self.weights.renew(plan, params, computed, kernels, training, noise);
    }

    /// The values that the passes read.
    pub fn weights(&self) -> &Weights<T> {
        &self.weights
    }

    /// Adds the gradients of the slots to the gradients of the parameters: `add` gets the position of a parameter in the
    /// program, an element of it, and the gradient from this element on.
    pub fn collect(
        &self,
        plan: &LayerPlan,
        slots: &SlotGradients<T>,
        kernels: &Kernels<T>,
        add: &mut dyn FnMut(usize, usize, &[T]),
    ) {
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            match entry.source {
                FoldSource::Param(position) => add(position, 0, slots.slot(slot)),
                FoldSource::Block(Block { param, start, stride, width }) => {
                    let lines = slots.slot(slot).chunks_exact(width.max(1)).enumerate();
                    lines.for_each(|(line, values)| add(param, start + line * stride, values));
                }
                FoldSource::Const(_) | FoldSource::Computed(_) => {}
            }
        }
        let (Some(run), Some(fold)) = (&self.folded, &plan.fold) else {
            return;
        };
        if !fold.plan.has_backward() {
            return;
        }
        let mut d_outputs: Vec<Vec<T>> = Vec::new();
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            if let FoldSource::Computed(_) = entry.source {
                let grads = slots.slot(slot);
                d_outputs.push(if grads.is_empty() { zeros(entry.numel) } else { copied(grads) });
            }
        }
        let inputs: Vec<SeqView<T>> =
            run.inputs.iter().map(|input| SeqView::of(input, input.len())).collect();
        let d_views: Vec<SeqView<T>> = d_outputs.iter().map(|d| SeqView::of(d, d.len())).collect();
        let geometry = one_row();
        let call =
            LayerCall { plan: &fold.plan, weights: &run.weights, geometry: &geometry, entries: &[], kernels };
        let saved = Saved { inputs: &inputs, memories: &[], memory: &run.memory };
        let arrived = IncomingGradients { outputs: &d_views, finals: &[], memories: &[] };
        let memory = call.backward(saved, arrived, None, &mut Scratch::new()).memory;
        for (k, &position) in fold.params.iter().enumerate() {
            if let Some(output) = fold.plan.input_gradients[k] {
                let view = memory.output(&fold.plan.back, output, &geometry);
                // SAFETY: one row of `width` elements in `memory`.
                add(position, 0, unsafe { std::slice::from_raw_parts(view.ptr, view.width) });
            }
        }
    }
}

impl<T: Float> FoldRun<T> {
    fn empty() -> FoldRun<T> {
        let (weights, memory) = (Weights::empty(), PassMemory::empty());
        FoldRun { weights, inputs: Vec::new(), memory, scratch: Scratch::new() }
    }

    /// Runs `fold` on these parameters.
    fn renew(&mut self, fold: &Fold, params: &[&[T]], kernels: &Kernels<T>, noise: Noise) {
        self.inputs.resize_with(fold.params.len(), Vec::new);
        for (input, &param) in self.inputs.iter_mut().zip(&fold.params) {
            input.clear();
            append(input, params[param]);
        }
        self.weights.renew(&fold.plan, &[], None, kernels, true, noise);
        let before = std::mem::replace(&mut self.memory, PassMemory::empty());
        self.scratch.reclaim(before);
        let inputs: Vec<SeqView<T>> =
            self.inputs.iter().map(|input| SeqView::of(input, input.len())).collect();
        let geometry = one_row();
        let call = LayerCall {
            plan: &fold.plan,
            weights: &self.weights,
            geometry: &geometry,
            entries: &[],
            kernels,
        };
        self.memory = call.forward(&inputs, &[], true, &mut self.scratch).memory;
    }

    /// The results, by output of the fold program.
    fn computed<'a>(&'a self, fold: &Fold) -> FoldOutputs<'a, T> {
        let geometry = one_row();
        let outputs = 0..fold.plan.train.outputs.len();
        let slice = |view: SeqView<T>| {
            // SAFETY: the fold program ran on one row, and each output has `width` elements in `memory`.
            unsafe { std::slice::from_raw_parts(view.ptr, view.width) }
        };
        outputs.map(|k| slice(self.memory.output(&fold.plan.train, k, &geometry))).collect()
    }
}

fn one_row() -> Geometry {
    Geometry::new(vec![1])
}
