//! The gradients of a layer's fold slots, from which the gradients of the parameters are computed.

use crate::kernel::Float;
use crate::memory::zeros;
use crate::plan::LayerPlan;

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

    pub fn add(&mut self, other: &SlotGradients<T>) {
        self.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a += *b);
    }
}

/// Elements of the gradients of a layer's slots.
pub fn slot_gradient_elements(plan: &LayerPlan) -> usize {
    let target = |slot: usize| plan.back.sinks.iter().any(|sink| sink.slot == slot);
    let slots = plan.folds.slots.iter().enumerate().filter(|&(slot, _)| target(slot));
    slots.map(|(_, slot)| slot.numel).sum()
}
