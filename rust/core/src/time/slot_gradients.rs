//! The gradients of a layer's fold slots, from which the gradients of the parameters are computed.

use std::sync::{Mutex, PoisonError};

use crate::kernel::Float;
use crate::memory::zeros;
use crate::plan::LayerPlan;
use crate::team::{self, Stop};

/// Gradients of the fold slots that some sink adds to.
#[derive(Debug, Clone)]
pub struct SlotGradients<T> {
    data: Vec<T>,
    range: Vec<(usize, usize)>,
}

impl<T: Float> SlotGradients<T> {
    /// A placeholder while the gradients are moved elsewhere.
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
        SlotGradients { data: zeros(end), range }
    }

    pub fn reset(&mut self) {
        self.data.fill(T::ZERO);
    }

    pub(super) fn slot_mut(&mut self, slot: usize) -> &mut [T] {
        let (start, len) = self.range[slot];
        &mut self.data[start..start + len]
    }

    /// The gradient of a slot; empty if no sink adds to the slot.
    pub fn slot(&self, slot: usize) -> &[T] {
        let (start, len) = self.range[slot];
        &self.data[start..start + len]
    }
}

/// Adds partial sums of the same slots to `total`, each element in the order of the partial sums. Several threads add many.
pub fn add_all<T: Float>(total: &mut [SlotGradients<T>], others: &[&[SlotGradients<T>]]) -> Result<(), Stop> {
    /// Elements that one unit of work adds: 64 KiB of float32 stay in the second cache while all partial sums are added.
    const CHUNK: usize = 1 << 14;
    let elements: usize = total.iter().map(|slots| slots.data.len()).sum();
    let units = total.iter().map(|slots| slots.data.len().div_ceil(CHUNK)).sum();
    let chunks = total.iter_mut().enumerate().flat_map(|(at, slots)| {
        let chunks = slots.data.chunks_mut(CHUNK).enumerate();
        chunks.map(move |(chunk, sums)| (at, chunk * CHUNK, sums))
    });
    let chunks = Mutex::new(chunks);
    let work = |_: usize, _: usize| {
        let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
        if let Some((at, start, sums)) = next {
            for other in others {
                sums.iter_mut().zip(&other[at].data[start..]).for_each(|(sum, x)| *sum += *x);
            }
        }
    };
    team::run_on(team::lanes_to_copy(elements * others.len()), units, &work, &mut || false)
}

/// Elements of the gradients of a layer's slots.
pub fn slot_gradient_elements(plan: &LayerPlan) -> usize {
    let target = |slot: usize| plan.back.sinks.iter().any(|sink| sink.slot == slot);
    let slots = plan.folds.slots.iter().enumerate().filter(|&(slot, _)| target(slot));
    slots.map(|(_, slot)| slot.numel).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_sums_are_added_in_their_order_by_any_number_of_threads() {
        // a sum of three of these depends on their order
        let value = |at: usize| ((at as f32) * 0.7).sin() * 10f32.powi((at % 13) as i32 - 6);
        let slots = |numel: usize, first: usize| SlotGradients {
            data: (first..first + numel).map(value).collect(),
            range: vec![(0, numel)],
        };
        // enough elements for several threads, in whole chunks and not
        let sums = |first: usize| [90_001, 0, 1 << 15].map(|numel| slots(numel, first));
        let (mut total, first, second) = (sums(0), sums(5), sums(11));
        let one =
            |at: usize, place: usize| total[at].data[place] + first[at].data[place] + second[at].data[place];
        let expected: Vec<Vec<f32>> =
            (0..3).map(|at| (0..total[at].data.len()).map(|place| one(at, place)).collect()).collect();
        add_all(&mut total, &[&first, &second]).unwrap();
        assert_eq!(total.map(|slots| slots.data).to_vec(), expected);
    }
}
