//! The memory of one call, reused by the next call.

use std::sync::{Mutex, PoisonError};

use crate::kernel::Float;
use crate::memory::reserve;
use crate::time::{LayerWeights, SlotGradients, VecPool};

use super::super::batch::{Packed, States};
use super::origin::Origin;
use super::penalty::Terms;

#[derive(Debug)]
pub struct Workspace<T> {
    pub weights: Vec<LayerWeights<T>>,
    /// What `weights` were made from.
    pub origin: Origin<T>,
    /// The weights of losses.
    pub losses: Vec<LayerWeights<T>>,
    pub vectors: VecPool<T>,
    /// By partial sum, by layer.
    pub slots: Vec<Mutex<Vec<SlotGradients<T>>>>,
    /// By group.
    pub terms: Vec<Terms>,
    packed: Vec<Packed<T>>,
    pub states: Vec<States<T>>,
}

impl<T: Float> Workspace<T> {
    pub fn new() -> Workspace<T> {
        Workspace {
            weights: Vec::new(),
            origin: Origin::default(),
            losses: Vec::new(),
            vectors: VecPool::new(),
            slots: Vec::new(),
            terms: Vec::new(),
            packed: Vec::new(),
            states: Vec::new(),
        }
    }

    /// For each group, an empty vector with capacity for `len` elements.
    pub fn packed(&mut self, lens: impl ExactSizeIterator<Item = usize>) -> Packed<T> {
        let mut packed = self.packed.pop().unwrap_or_default();
        reserve(&mut packed, lens.len());
        packed.extend(lens.map(|len| Mutex::new(self.vectors.vector(len))));
        packed
    }

    /// Takes back the memory of `packed`.
    pub fn keep_packed(&mut self, mut packed: Packed<T>) {
        for one in packed.drain(..) {
            self.vectors.keep(one.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        self.packed.push(packed);
    }

    pub fn keep_states(&mut self, mut states: States<T>) {
        states.drain(..).for_each(|group| self.vectors.keep_list(group));
        self.states.push(states);
    }
}
