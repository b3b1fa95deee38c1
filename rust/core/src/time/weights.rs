//! Parameters as the passes read them: packed matrices, biases, folded values; and the gradients that come back.

use crate::kernel::{Float, Kernels};
use crate::plan::{Class, FoldSource, LayerPlan, Pack, PackPart, Pass};
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
    /// The noise of the call.
    pub(super) noise: Noise,
}

/// The fold program and its parameters, as it ran.
#[derive(Debug)]
struct FoldRun<T> {
    weights: LayerWeights<T>,
    inputs: Vec<Vec<T>>,
    memory: PassMemory<T>,
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
        let folded = plan.fold.as_ref().map(|fold| {
            let inputs: Vec<Vec<T>> = fold.params.iter().map(|&param| params[param].to_vec()).collect();
            let weights = LayerWeights::new(&fold.plan, &[], kernels, true, noise);
            let views: Vec<SeqView<T>> = inputs.iter().map(|input| SeqView::of(input, input.len())).collect();
            let run =
                forward(&fold.plan, &weights, &one_row(), &views, &[], true, kernels, &mut Scratch::new());
            Box::new(FoldRun { weights, inputs, memory: run.memory })
        });
        let mut layer = LayerWeights {
            fold: Vec::new(),
            start: Vec::new(),
            infer: PassWeights::default(),
            train: PassWeights::default(),
            back: PassWeights::default(),
            folded,
            noise,
        };
        let read = |pass: &Pass, slot: usize| pass.buffers.iter().any(|b| b.class == Class::Fold(slot));
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            layer.start.push(layer.fold.len());
            let used = if training {
                read(&plan.train, slot) || read(&plan.back, slot)
            } else {
                read(&plan.infer, slot)
            };
            if used {
                let values = layer.source(plan, slot, params, <[T]>::to_vec);
                layer.fold.extend(values);
            }
            debug_assert!(!used || layer.fold.len() - layer.start[slot] == entry.numel);
        }
        if training {
            layer.train = layer.packed(plan, &plan.train, params, kernels);
            layer.back = layer.packed(plan, &plan.back, params, kernels);
        } else {
            layer.infer = layer.packed(plan, &plan.infer, params, kernels);
        }
        layer
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

    fn packed(&self, plan: &LayerPlan, pass: &Pass, params: &[&[T]], kernels: &Kernels<T>) -> PassWeights<T> {
        let mut packs = Vec::new();
        for pack in &pass.packs {
            let mut packed = vec![T::ZERO; (kernels.packed_len)(pack.k, pack.n)];
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
                write(&self.joined(plan, pack, params), 1, pack.k);
            }
            let mut bias: Vec<T> = Vec::new();
            for part in &pack.parts {
                match part.bias {
                    Some(slot) => self.source(plan, slot, params, |values| bias.extend_from_slice(values)),
                    None => bias.resize(bias.len() + part.width(), T::ZERO),
                }
            }
            packs.push((packed, bias));
        }
        PassWeights { packs }
    }

    /// The matrices of a pack below each other, each (width, k).
    fn joined(&self, plan: &LayerPlan, pack: &Pack, params: &[&[T]]) -> Vec<T> {
        let mut joined: Vec<T> = Vec::with_capacity(pack.k * pack.n);
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
        joined
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
        let mut none = SlotGradients::new(&fold.plan);
        let geometry = one_row();
        let Backward { memory, .. } = backward(
            &fold.plan,
            &run.weights,
            &geometry,
            &views,
            &run.memory,
            &d_views,
            &[],
            &mut none,
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
