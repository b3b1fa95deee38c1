//! The data that all row groups of a call share.

use crate::kernel::{Float, Kernels};
use crate::time::{LayerCall, LayerWeights};

use super::super::batch::Axes;
use super::super::graph::Network;

/// A network with the parameters of a call.
pub struct Shared<'a, T: Float> {
    pub network: &'a Network,
    pub weights: &'a [LayerWeights<T>],
    pub kernels: &'a Kernels<T>,
}

impl<'a, T: Float> Shared<'a, T> {
    /// The call of a layer over the rows of a group, without its memories.
    pub fn call(&self, layer: usize, axes: Axes<'a>, training: bool) -> LayerCall<'a, T> {
        let of = &self.network.layers[layer];
        LayerCall {
            plan: of.plan(training),
            weights: self.weights[layer].weights(),
            geometry: axes.of(of.axis),
            entries: &[],
            kernels: self.kernels,
        }
    }
}
