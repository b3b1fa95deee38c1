//! The copies between the caller's arrays and a group's packed rows that a layer makes while it runs.

use std::ops::Range;

use crate::kernel::{Caches, Float};
use crate::plan::Pass;
use crate::time::{Exchange, PassMemory, SeqView};

use super::super::batch::{Batch, Input, OutputArray};
use super::super::graph::{Network, NodeKind};

/// The nodes whose values layers copy block by block.
#[derive(Clone, Copy)]
pub struct ByBlock<'a> {
    network: &'a Network,
    /// By node: see `Network::copied_by_block`.
    possible: &'a [bool],
    batch: &'a Batch,
    /// The bytes of a node's values in a group beyond which they are copied by block.
    fitting: usize,
}

impl<'a> ByBlock<'a> {
    /// Values of more than half of the second cache. Smaller ones are still there when a whole copy is read, and a whole copy
    /// reads longer stretches of the caller's memory.
    pub fn of(network: &'a Network, possible: &'a [bool], batch: &'a Batch) -> ByBlock<'a> {
        ByBlock { network, possible, batch, fitting: Caches::or_usual().l2 / 2 }
    }

    /// Whether layers copy the values of a node; for all groups alike, by the size in the first, whose sequences are the longest
    /// of the first axis.
    pub fn has<T>(&self, node: usize) -> bool {
        let of = &self.network.nodes[node];
        let rows = self.batch.groups.first().map_or(0, |group| group.axes().of(of.axis).total());
        self.possible[node] && rows * of.width * size_of::<T>() > self.fitting
    }
}

/// The arrays of the caller, for a group of rows.
#[derive(Clone, Copy)]
pub struct Arrays<'a, T> {
    pub by_block: ByBlock<'a>,
    pub group: usize,
    /// By input of the network.
    pub inputs: &'a [Input<'a, T>],
    /// By output of the network, with its node.
    pub outputs: &'a [(usize, OutputArray<T>)],
}

/// What a layer of a group copies.
pub(super) struct Copies<'a, T> {
    pub layer: usize,
    /// The pass of the layer that runs.
    pub pass: &'a Pass,
    /// None if all inputs are packed already, and nothing is copied to the caller's arrays.
    pub arrays: Option<Arrays<'a, T>>,
}

impl<T: Float> Exchange<T> for Copies<'_, T> {
    fn before(&self, steps: &Range<usize>, inputs: &[SeqView<T>]) {
        let Some(Arrays { by_block, group, inputs: given, .. }) = self.arrays else { return };
        let ByBlock { network, batch, .. } = by_block;
        for (&node, to) in network.layers[self.layer].inputs.iter().zip(inputs) {
            if let NodeKind::Input(number) = network.nodes[node].kind
                && by_block.has::<T>(node)
                && let Input::Features { data, width } = given[number]
            {
                let (group, axis) = (&batch.groups[group], network.nodes[node].axis);
                // SAFETY: `GroupRun::input_view` made the pointer from a mutable vector with room for all packed rows of the group,
                // which `run_group` asserts. This layer alone reads them, at the steps of a block after this call.
                unsafe { batch.pack_steps(group, axis, steps.clone(), data, width, to.ptr.cast_mut()) };
            }
        }
    }

    fn after(&self, steps: &Range<usize>, memory: &PassMemory<T>) {
        let Some(Arrays { by_block, group, outputs, .. }) = self.arrays else { return };
        let ByBlock { network, batch, .. } = by_block;
        for (node, array) in outputs {
            let of = &network.nodes[*node];
            if let NodeKind::Layer { layer, output } = of.kind
                && layer == self.layer
                && by_block.has::<T>(*node)
            {
                let packed = memory.output(self.pass, output, batch.groups[group].axes().of(of.axis));
                // SAFETY: the view has the rows of the group, and the steps of a group run once.
                unsafe { array.put_steps(batch, group, steps.clone(), packed) };
            }
        }
    }
}
