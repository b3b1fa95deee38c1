//! The parameters of a layer in the form that its passes read, with the values that are computed from parameters alone.

use crate::kernel::{Float, Kernels};
use crate::memory::{append, copied, reserve, zeros};
use crate::plan::{Block, Fold, FoldSource, LayerPlan};
use crate::random::Noise;

use super::Geometry;
use super::layer::{IncomingGradients, LayerCall, Saved};
use super::memory::{PassMemory, Scratch};
use super::slot_gradients::SlotGradients;
use super::view::SeqView;
use super::weights::Weights;

/// All parameter values that the passes of a layer read, copied once: a later write to the parameters does not affect a
/// running call.
#[derive(Debug)]
pub struct LayerWeights<T> {
    weights: Weights<T>,
    folded: Option<Box<FoldRun<T>>>,
}

/// The parameters of the fold program, its memory after it ran, and its results.
#[derive(Debug)]
struct FoldRun<T> {
    weights: LayerWeights<T>,
    inputs: Vec<Vec<T>>,
    geometry: Geometry,
    memory: PassMemory<T>,
    scratch: Scratch<T>,
    /// By output of the fold program: the results of all rows.
    computed: Vec<Vec<T>>,
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
        let computed = self.folded.as_ref().map(|run| run.computed.iter().map(Vec::as_slice).collect());
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
        let (inputs, geometry) = (run.views(), &run.geometry);
        let of_row = |values: &Vec<T>| SeqView::of(values, values.len() / geometry.rows);
        let d_views: Vec<SeqView<T>> = d_outputs.iter().map(of_row).collect();
        let saved = Saved { inputs: &inputs, memories: &[], memory: &run.memory };
        let arrived = IncomingGradients { outputs: &d_views, finals: &[], memories: &[] };
        let call = run.call(fold, kernels);
        if fold.ids.is_some() {
            let mut slots = SlotGradients::new(&fold.plan);
            call.backward(saved, arrived, Some(&mut slots), &mut Scratch::new());
            run.weights.collect(&fold.plan, &slots, kernels, add);
            return;
        }
        let memory = call.backward(saved, arrived, None, &mut Scratch::new()).memory;
        for (k, &position) in fold.params.iter().enumerate() {
            if let Some(output) = fold.plan.input_gradients[k] {
                let view = memory.output(&fold.plan.back, output, geometry);
                // SAFETY: one row of `width` elements in `memory`.
                add(position, 0, unsafe { std::slice::from_raw_parts(view.ptr, view.width) });
            }
        }
    }
}

impl<T: Float> FoldRun<T> {
    fn empty() -> FoldRun<T> {
        FoldRun {
            weights: LayerWeights::empty(),
            inputs: Vec::new(),
            geometry: Geometry::new(Vec::new()),
            memory: PassMemory::empty(),
            scratch: Scratch::new(),
            computed: Vec::new(),
        }
    }

    /// Runs `fold` on these parameters.
    fn renew(&mut self, fold: &Fold, params: &[&[T]], kernels: &Kernels<T>, noise: Noise) {
        let rows = fold.ids.unwrap_or(1);
        if self.geometry.rows != rows {
            self.geometry.renew((0..rows).map(|row| (1, row, 0)));
        }
        self.inputs.resize_with(fold.plan.program.inputs.len(), Vec::new);
        if let (Some(ids), [input]) = (fold.ids, &mut self.inputs[..]) {
            input.clear();
            reserve(input, ids);
            input.extend((0..ids).map(|id| T::from_f64(id as f64)));
            self.weights.renew(&fold.plan, params, kernels, true, noise);
        } else {
            for (input, &param) in self.inputs.iter_mut().zip(&fold.params) {
                input.clear();
                append(input, params[param]);
            }
            self.weights.renew(&fold.plan, &[], kernels, true, noise);
        }
        let before = std::mem::replace(&mut self.memory, PassMemory::empty());
        self.scratch.reclaim(before);
        let (inputs, mut scratch) = (self.views(), std::mem::replace(&mut self.scratch, Scratch::new()));
        self.memory = self.call(fold, kernels).forward(&inputs, &[], true, &mut scratch).memory;
        self.scratch = scratch;
        let outputs = fold.plan.train.outputs.len();
        let mut computed = std::mem::take(&mut self.computed);
        computed.resize_with(outputs, Vec::new);
        for (output, values) in computed.iter_mut().enumerate() {
            let view = self.memory.output(&fold.plan.train, output, &self.geometry);
            values.clear();
            for row in 0..rows {
                // SAFETY: the fold program ran on `rows` rows, and each output has `width` elements of a row in `memory`.
                append(values, unsafe {
                    std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width)
                });
            }
        }
        self.computed = computed;
    }

    /// The inputs: parameters, each in one row, or a row for each id.
    fn views(&self) -> Vec<SeqView<T>> {
        self.inputs.iter().map(|input| SeqView::of(input, input.len() / self.geometry.rows)).collect()
    }

    fn call<'a>(&'a self, fold: &'a Fold, kernels: &'a Kernels<T>) -> LayerCall<'a, T> {
        let (plan, weights) = (&fold.plan, self.weights.weights());
        LayerCall { plan, weights, geometry: &self.geometry, entries: &[], kernels }
    }
}
