//! Parameters as the passes read them: packed matrices, biases, folded values; and the gradients that come back.

use crate::kernel::{Float, Kernels};
use crate::plan::{Class, Fold, FoldSource, LayerPlan, Pack, PackPart, Pass};
use crate::random::Noise;

use super::layer::{Backward, backward, forward};
use super::{Geometry, PassMemory, Scratch, SeqView};

/// The weights of one pass.
#[derive(Debug, Default)]
pub(super) struct PassWeights<T> {
    /// Packed matrices and bias, by pack.
    pub packs: Vec<(Vec<T>, Vec<T>)>,
}

/// All that the passes of a layer read of its parameters, copied at one moment: a later write to the parameters does not
/// reach a call that runs.
#[derive(Debug)]
pub struct LayerWeights<T> {
    fold: Vec<T>,
    start: Vec<usize>,
    pub(super) infer: PassWeights<T>,
    pub(super) train: PassWeights<T>,
    pub(super) back: PassWeights<T>,
    folded: Option<Box<FoldRun<T>>>,
    /// Where matrices are put below each other.
    joined: Vec<T>,
    /// The noise of the call.
    pub(super) noise: Noise,
}

/// The fold program and its parameters, as it ran.
#[derive(Debug)]
struct FoldRun<T> {
    weights: LayerWeights<T>,
    inputs: Vec<Vec<T>>,
    memory: PassMemory<T>,
    scratch: Scratch<T>,
}

impl<T: Float> LayerWeights<T> {
    /// Takes the parameters (by position in the program) for calls with or without a way back.
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

    /// Weights of nothing, to be renewed.
    pub fn empty() -> LayerWeights<T> {
        LayerWeights {
            fold: Vec::new(),
            start: Vec::new(),
            infer: PassWeights::default(),
            train: PassWeights::default(),
            back: PassWeights::default(),
            folded: None,
            joined: Vec::new(),
            noise: Noise::new(0, 0),
        }
    }

    /// As `new`, in the memory of weights that nobody reads any more: of any plan, but best of the same.
    pub fn renew(
        &mut self,
        plan: &LayerPlan,
        params: &[&[T]],
        kernels: &Kernels<T>,
        training: bool,
        noise: Noise,
    ) {
        self.noise = noise;
        let before = self.folded.take();
        self.folded = plan.fold.as_ref().map(|fold| {
            let mut run = before.unwrap_or_else(|| Box::new(FoldRun::empty()));
            run.renew(fold, params, kernels, noise);
            run
        });
        self.start.clear();
        let mut values = std::mem::take(&mut self.fold);
        values.clear();
        let read = |pass: &Pass, slot: usize| pass.buffers.iter().any(|b| b.class == Class::Fold(slot));
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            self.start.push(values.len());
            let used = if training {
                read(&plan.train, slot) || read(&plan.back, slot)
            } else {
                read(&plan.infer, slot)
            };
            if used {
                self.source(plan, slot, params, |of_slot| values.extend_from_slice(of_slot));
            }
            debug_assert!(!used || values.len() - self.start[slot] == entry.numel);
        }
        self.fold = values;
        let passes = [(&plan.infer, !training), (&plan.train, training), (&plan.back, training)];
        let mut packed = [&mut self.infer, &mut self.train, &mut self.back].map(std::mem::take);
        let mut joined = std::mem::take(&mut self.joined);
        for ((pass, used), weights) in passes.into_iter().zip(&mut packed) {
            if used {
                self.pack(plan, pass, params, kernels, &mut weights.packs, &mut joined);
            }
        }
        [self.infer, self.train, self.back] = packed;
        self.joined = joined;
    }

    /// Hands the values of a slot to `take`.
    fn source<R>(&self, plan: &LayerPlan, slot: usize, params: &[&[T]], take: impl FnOnce(&[T]) -> R) -> R {
        let entry = &plan.folds.slots[slot];
        match entry.source {
            FoldSource::Param(position) => take(params[position]),
            FoldSource::Const(x) => take(&[T::from_f64(x)]),
            FoldSource::Computed(output) => match (&self.folded, &plan.fold) {
                (Some(run), Some(fold)) => {
                    let view = run.memory.output(&fold.plan.train, output, &one_row());
                    // SAFETY: the fold program ran on one row, and its output has `numel` elements in `run.memory`.
                    take(unsafe { std::slice::from_raw_parts(view.ptr, entry.numel) })
                }
                _ => unreachable!("a computed slot without a fold program"),
            },
        }
    }

    /// Packs what a pass reads into `packs`, whose memory is used again.
    fn pack(
        &self,
        plan: &LayerPlan,
        pass: &Pass,
        params: &[&[T]],
        kernels: &Kernels<T>,
        packs: &mut Vec<(Vec<T>, Vec<T>)>,
        joined: &mut Vec<T>,
    ) {
        packs.resize_with(pass.packs.len(), Default::default);
        for (pack, (packed, bias)) in pass.packs.iter().zip(packs) {
            // every element of it is written below
            packed.resize((kernels.packed_len)(pack.k, pack.n), T::ZERO);
            // element (k, n) of B lies at k * row_stride + n * col_stride of `matrix`
            let mut write = |matrix: &[T], row_stride: usize, col_stride: usize| {
                assert_eq!(matrix.len(), pack.k * pack.n);
                // SAFETY: the matrix has k * n elements, strided as its layout has it; `packed` has the length that the
                // kernel asked for.
                unsafe {
                    let (b, out) = (matrix.as_ptr(), packed.as_mut_ptr());
                    (kernels.pack)(pack.k, pack.n, b, row_stride, col_stride, out);
                }
            };
            if let [PackPart { slot, columns, transpose, .. }] = pack.parts[..] {
                let (row_stride, col_stride) = if transpose { (columns, 1) } else { (1, columns) };
                self.source(plan, slot, params, |matrix| write(matrix, row_stride, col_stride));
            } else {
                self.join(plan, pack, params, joined);
                write(joined, 1, pack.k);
            }
            bias.clear();
            for part in &pack.parts {
                match part.bias {
                    Some(slot) => self.source(plan, slot, params, |values| bias.extend_from_slice(values)),
                    None => bias.resize(bias.len() + part.width(), T::ZERO),
                }
            }
        }
    }

    /// Puts the matrices of a pack below each other, each (width, k).
    fn join(&self, plan: &LayerPlan, pack: &Pack, params: &[&[T]], joined: &mut Vec<T>) {
        joined.clear();
        for part in &pack.parts {
            self.source(plan, part.slot, params, |matrix| {
                if part.transpose {
                    for column in 0..part.columns {
                        joined.extend((0..part.rows).map(|row| matrix[row * part.columns + column]));
                    }
                } else {
                    joined.extend_from_slice(matrix);
                }
            });
        }
    }

    pub(super) fn slot(&self, slot: usize) -> *const T {
        self.fold[self.start[slot]..].as_ptr()
    }

    /// Adds the gradients of the slots to those of the parameters (by position in the program).
    pub fn collect(
        &self,
        plan: &LayerPlan,
        slots: &SlotGradients<T>,
        kernels: &Kernels<T>,
        add: &mut dyn FnMut(usize, &[T]),
    ) {
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            if let FoldSource::Param(position) = entry.source {
                add(position, slots.slot(slot));
            }
        }
        let (Some(run), Some(fold)) = (&self.folded, &plan.fold) else {
            return;
        };
        let mut d_outputs: Vec<Vec<T>> = Vec::new();
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            if let FoldSource::Computed(_) = entry.source {
                let grads = slots.slot(slot);
                d_outputs.push(if grads.is_empty() { vec![T::ZERO; entry.numel] } else { grads.to_vec() });
            }
        }
        let views: Vec<SeqView<T>> = run.inputs.iter().map(|input| SeqView::of(input, input.len())).collect();
        let d_views: Vec<SeqView<T>> = d_outputs.iter().map(|d| SeqView::of(d, d.len())).collect();
        let geometry = one_row();
        let Backward { memory, .. } = backward(
            &fold.plan,
            &run.weights,
            &geometry,
            &views,
            &run.memory,
            &d_views,
            &[],
            None,
            kernels,
            &mut Scratch::new(),
        );
        for (k, &position) in fold.params.iter().enumerate() {
            if let Some(output) = fold.plan.input_gradients[k] {
                let view = memory.output(&fold.plan.back, output, &geometry);
                // SAFETY: one row of `width` elements in `memory`.
                add(position, unsafe { std::slice::from_raw_parts(view.ptr, view.width) });
            }
        }
    }
}

impl<T: Float> FoldRun<T> {
    fn empty() -> FoldRun<T> {
        let (weights, memory) = (LayerWeights::empty(), PassMemory::empty());
        FoldRun { weights, inputs: Vec::new(), memory, scratch: Scratch::new() }
    }

    /// Runs `fold` on these parameters.
    fn renew(&mut self, fold: &Fold, params: &[&[T]], kernels: &Kernels<T>, noise: Noise) {
        self.inputs.resize_with(fold.params.len(), Vec::new);
        for (input, &param) in self.inputs.iter_mut().zip(&fold.params) {
            input.clear();
            input.extend_from_slice(params[param]);
        }
        self.weights.renew(&fold.plan, &[], kernels, true, noise);
        let before = std::mem::replace(&mut self.memory, PassMemory::empty());
        self.scratch.reclaim(before);
        let views: Vec<SeqView<T>> =
            self.inputs.iter().map(|input| SeqView::of(input, input.len())).collect();
        let (weights, scratch) = (&self.weights, &mut self.scratch);
        let run = forward(&fold.plan, weights, &one_row(), &views, &[], true, kernels, scratch);
        self.memory = run.memory;
    }
}

/// Elements that the weights of a call with a way back take.
pub fn weight_elements<T: Float>(plan: &LayerPlan, kernels: &Kernels<T>) -> usize {
    let packs = plan.train.packs.iter().chain(&plan.back.packs);
    let packed: usize = packs.map(|pack| (kernels.packed_len)(pack.k, pack.n) + pack.n).sum();
    let read = |slot: usize| {
        let passes = [&plan.train, &plan.back];
        passes.iter().any(|pass| pass.buffers.iter().any(|buffer| buffer.class == Class::Fold(slot)))
    };
    let slots = plan.folds.slots.iter().enumerate().filter(|&(slot, _)| read(slot));
    packed + slots.map(|(_, slot)| slot.numel).sum::<usize>()
}

/// Elements of the gradients of a layer's slots.
pub fn slot_gradient_elements(plan: &LayerPlan) -> usize {
    let target = |slot: usize| plan.back.sinks.iter().any(|sink| sink.slot == slot);
    let slots = plan.folds.slots.iter().enumerate().filter(|&(slot, _)| target(slot));
    slots.map(|(_, slot)| slot.numel).sum()
}

fn one_row() -> Geometry {
    Geometry::new(vec![1])
}

/// Gradients of the fold slots that some sink adds to.
#[derive(Debug, Clone)]
pub struct SlotGradients<T> {
    data: Vec<T>,
    range: Vec<(usize, usize)>,
}

impl<T: Float> SlotGradients<T> {
    /// What stands in the place of gradients that are elsewhere.
    pub const fn none() -> SlotGradients<T> {
        SlotGradients { data: Vec::new(), range: Vec::new() }
    }

    pub fn new(plan: &LayerPlan) -> SlotGradients<T> {
        let mut end = 0;
        let mut range = Vec::new();
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            let target = plan.back.sinks.iter().any(|sink| sink.slot == slot);
            let numel = if target { entry.numel } else { 0 };
            range.push((end, numel));
            end += numel;
        }
        SlotGradients { data: vec![T::ZERO; end], range }
    }

    pub fn reset(&mut self) {
        self.data.fill(T::ZERO);
    }

    pub(super) fn slot_mut(&mut self, slot: usize) -> &mut [T] {
        let (start, len) = self.range[slot];
        &mut self.data[start..start + len]
    }

    /// The gradient of a slot; empty where no sink adds to it.
    pub fn slot(&self, slot: usize) -> &[T] {
        let (start, len) = self.range[slot];
        &self.data[start..start + len]
    }

    pub fn add(&mut self, other: &SlotGradients<T>) {
        self.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a += *b);
    }
}
