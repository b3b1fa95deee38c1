//! Parameters in the form that the passes read: packed matrices, biases, folded values.

use std::sync::{Mutex, PoisonError};

use crate::kernel::{Float, Kernels};
use crate::memory::{append, often_read, reserve, reserve_often_read, resized};
use crate::plan::{Block, Class, FoldSource, LayerPlan, Pack, PackPart, Pass};
use crate::random::Noise;
use crate::team::{self, Stop, raise};

/// The weights of one pass.
#[derive(Debug, Default)]
pub(super) struct PassWeights<T> {
    /// Packed matrices and bias, by pack.
    pub packs: Vec<(Vec<T>, Vec<T>)>,
}

/// The values that a fold program computes from parameters, by output.
pub(super) type FoldOutputs<'a, T> = Vec<&'a [T]>;

/// The values that the passes of a layer read, besides their inputs.
#[derive(Debug)]
pub struct Weights<T> {
    fold: Vec<T>,
    start: Vec<usize>,
    pub(super) infer: PassWeights<T>,
    pub(super) train: PassWeights<T>,
    pub(super) back: PassWeights<T>,
    /// Scratch for stacking matrices below each other.
    joined: Mutex<Vec<T>>,
    /// The noise of the call.
    pub(super) noise: Noise,
}

/// The sources of the values of fold slots.
struct Sources<'a, T> {
    plan: &'a LayerPlan,
    params: &'a [&'a [T]],
    computed: FoldOutputs<'a, T>,
}

impl<T: Float> Sources<'_, T> {
    /// Calls `take` with the values of a slot.
    fn slot<R>(&self, slot: usize, take: impl FnOnce(&[T]) -> R) -> R {
        match self.plan.folds.slots[slot].source {
            FoldSource::Param(position) => take(self.params[position]),
            FoldSource::Block(_) => unreachable!("only products read a part of a parameter"),
            FoldSource::Const(x) => take(&[T::from_f64(x)]),
            FoldSource::Computed(output) => take(self.computed[output]),
        }
    }
}

impl<T: Float> Sources<'_, T> {
    /// Calls `take` with the first element of a matrix, all elements after it, and the distance of its rows.
    fn matrix<R>(&self, part: &PackPart, take: impl FnOnce(&[T], usize) -> R) -> R {
        match self.plan.folds.slots[part.slot].source {
            FoldSource::Block(Block { param, start, stride, .. }) => {
                take(&self.params[param][start..], stride)
            }
            _ => self.slot(part.slot, |values| take(values, part.columns)),
        }
    }
}

impl<T: Float> Weights<T> {
    /// Weights without values, to be filled by `renew`.
    pub(super) fn empty() -> Weights<T> {
        Weights {
            fold: Vec::new(),
            start: Vec::new(),
            infer: PassWeights::default(),
            train: PassWeights::default(),
            back: PassWeights::default(),
            joined: Mutex::default(),
            noise: Noise::new(0, 0),
        }
    }

    /// Copies the parameters (by position in the program), reusing the memory of weights that nothing reads any more.
    pub(super) fn renew(
        &mut self,
        plan: &LayerPlan,
        params: &[&[T]],
        computed: Option<FoldOutputs<T>>,
        kernels: &Kernels<T>,
        training: bool,
        noise: Noise,
    ) {
        self.noise = noise;
        let sources = Sources { plan, params, computed: computed.unwrap_or_default() };
        self.start.clear();
        self.fold.clear();
        let read = |pass: &Pass, slot: usize| pass.buffers.iter().any(|b| b.class == Class::Fold(slot));
        for (slot, entry) in plan.folds.slots.iter().enumerate() {
            self.start.push(self.fold.len());
            let used = if training {
                read(&plan.train, slot) || read(&plan.back, slot)
            } else {
                read(&plan.infer, slot)
            };
            if used {
                sources.slot(slot, |values| append(&mut self.fold, values));
            }
            debug_assert!(!used || self.fold.len() - self.start[slot] == entry.numel);
        }
        let read = if training {
            [Some((&plan.train, &mut self.train)), Some((&plan.back, &mut self.back))]
        } else {
            [Some((&plan.infer, &mut self.infer)), None]
        };
        sources.pack(read, kernels, &self.joined);
    }

    pub(super) fn slot(&self, slot: usize) -> *const T {
        self.fold[self.start[slot]..].as_ptr()
    }
}

impl<T: Float> Sources<'_, T> {
    /// Packs the weights of passes, reusing their memory. Several threads pack many.
    fn pack(
        &self,
        passes: [Option<(&Pass, &mut PassWeights<T>)>; 2],
        kernels: &Kernels<T>,
        joined: &Mutex<Vec<T>>,
    ) {
        let (mut units, mut elements) = (0, 0);
        for pack in passes.iter().flatten().flat_map(|(pass, _)| &pass.packs) {
            units += 1;
            elements += pack.k * pack.n;
        }
        let packs = passes.into_iter().flatten().flat_map(|(pass, weights)| {
            weights.packs.resize_with(pass.packs.len(), Default::default);
            pass.packs.iter().zip(&mut weights.packs)
        });
        let lanes = team::lanes_to_copy(elements);
        let packs = Mutex::new(packs);
        let work = |_: usize, _: usize| {
            let next = packs.lock().unwrap_or_else(PoisonError::into_inner).next();
            if let Some((pack, (packed, bias))) = next {
                // one scratch is kept, or memory would grow with the number of threads
                match joined.try_lock() {
                    Ok(mut joined) => self.pack_one(pack, kernels, packed, bias, &mut joined),
                    Err(_) => self.pack_one(pack, kernels, packed, bias, &mut Vec::new()),
                }
            }
        };
        match team::run_on(lanes, units, &work, &mut || false) {
            Err(Stop::Panicked(panic)) => raise(panic),
            Err(Stop::Cancelled) | Ok(()) => {}
        }
    }

    /// Packs the matrices of a pack, as columns of one matrix, and their biases.
    fn pack_one(
        &self,
        pack: &Pack,
        kernels: &Kernels<T>,
        packed: &mut Vec<T>,
        bias: &mut Vec<T>,
        joined: &mut Vec<T>,
    ) {
        // every element is written below
        let len = (kernels.packed_len)(pack.k, pack.n);
        reserve_often_read(packed, len);
        resized(packed, len, T::ZERO);
        // element (k, n) of B lies at k * row_stride + n * col_stride of `matrix`
        let mut write = |matrix: &[T], row_stride: usize, col_stride: usize| {
            let (k, n) = (pack.k, pack.n);
            assert!(k * n == 0 || (k - 1) * row_stride + (n - 1) * col_stride < matrix.len());
            // SAFETY: the last of the k * n elements, with these strides, is one of the matrix; `packed` has the length
            // that the kernel requires.
            unsafe {
                let (b, out) = (matrix.as_ptr(), packed.as_mut_ptr());
                (kernels.pack)(k, n, b, row_stride, col_stride, out);
            }
        };
        if let [part] = &pack.parts[..] {
            self.matrix(part, |matrix, stride| {
                let (row_stride, col_stride) = if part.transpose { (stride, 1) } else { (1, stride) };
                write(matrix, row_stride, col_stride);
            });
        } else {
            self.join(pack, joined);
            write(joined, 1, pack.k);
        }
        bias.clear();
        for part in &pack.parts {
            match part.bias {
                Some(slot) => self.slot(slot, |values| append(bias, values)),
                None => resized(bias, bias.len() + part.width(), T::ZERO),
            }
        }
    }

    /// Stacks the matrices of a pack, each (width, k), below each other.
    fn join(&self, pack: &Pack, joined: &mut Vec<T>) {
        joined.clear();
        reserve(joined, pack.k * pack.n);
        for part in &pack.parts {
            self.matrix(part, |matrix, stride| {
                if part.transpose {
                    for column in 0..part.columns {
                        joined.extend((0..part.rows).map(|row| matrix[row * stride + column]));
                    }
                } else {
                    let lines = (0..part.rows).map(|row| &matrix[row * stride..][..part.columns]);
                    lines.for_each(|line| joined.extend_from_slice(line));
                }
            });
        }
    }
}

/// The number of elements in the weights of a call with a backward pass.
pub fn weight_elements<T: Float>(plan: &LayerPlan, kernels: &Kernels<T>) -> usize {
    let packs = plan.train.packs.iter().chain(&plan.back.packs);
    let packed = packs.map(|pack| often_read::<T>((kernels.packed_len)(pack.k, pack.n)) + pack.n);
    let packed: usize = packed.sum();
    let read = |slot: usize| {
        let passes = [&plan.train, &plan.back];
        passes.iter().any(|pass| pass.buffers.iter().any(|buffer| buffer.class == Class::Fold(slot)))
    };
    let slots = plan.folds.slots.iter().enumerate().filter(|&(slot, _)| read(slot));
    let by_id = plan.fold.as_ref().filter(|fold| fold.ids.is_some());
    let tables = by_id.map_or(0, |fold| weight_elements(&fold.plan, kernels));
    packed + tables + slots.map(|(_, slot)| slot.numel).sum::<usize>()
}
