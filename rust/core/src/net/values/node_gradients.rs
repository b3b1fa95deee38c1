//! The gradients of all nodes of a row group during its backward pass.

use crate::kernel::Float;
use crate::time::{Scratch, SeqView};

use super::super::graph::Network;
use super::super::graph::kinds::{Move, Rows};
use super::moves::{RowMaps, add_back, add_rows};

/// By node: the gradient in place if one reader produced it, or the sum over several readers.
pub struct NodeGradients<'a, T> {
    network: &'a Network,
    maps: RowMaps<'a>,
    /// `SeqView::NONE` while a node has no gradient.
    views: Vec<SeqView<T>>,
    /// The memory of sums; empty for the other nodes.
    sums: Vec<Vec<T>>,
}

impl<'a, T: Float> NodeGradients<'a, T> {
    pub fn new(network: &'a Network, maps: RowMaps<'a>, scratch: &mut Scratch<T>) -> NodeGradients<'a, T> {
        let (mut views, mut sums) = (scratch.views(), scratch.vectors.list());
        views.resize(network.nodes.len(), SeqView::NONE);
        sums.resize(network.nodes.len(), Vec::new());
        NodeGradients { network, maps, views, sums }
    }

    /// Returns the memory to the workspace.
    pub fn retired(self, scratch: &mut Scratch<T>) {
        scratch.keep_views(self.views);
        scratch.vectors.keep_list(self.sums);
    }

    /// Whether a node has a gradient.
    pub fn has(&self, node: usize) -> bool {
        !self.views[node].is_none()
    }

    /// The number of packed rows of a node.
    pub fn rows(&self, node: usize) -> usize {
        self.maps.axes.of(self.network.nodes[node].axis).total()
    }

    /// Adds to the gradient of a node. `view` must stay readable until the group is done.
    pub fn add(&mut self, node: usize, view: SeqView<T>, scratch: &mut Scratch<T>) {
        if !self.has(node) {
            self.views[node] = view;
            return;
        }
        let width = self.network.width(node);
        let sum = self.sum(node, scratch);
        add_rows(&view, None, sum, width, 0);
        self.views[node] = SeqView::of(&self.sums[node], width);
    }

    /// Adds to the gradient of a move's source, from the gradient `d` of the result. `source` has the values of the source.
    pub fn add_moved(&mut self, one: Move, d: SeqView<T>, source: SeqView<T>, scratch: &mut Scratch<T>) {
        let width = self.network.width(one.from);
        // the columns of one part; nothing is read if there are no rows
        let part = SeqView { ptr: d.ptr.wrapping_add(one.column), stride: d.stride, width };
        if one.rows == Rows::Same {
            return self.add(one.from, part, scratch);
        }
        let maps = self.maps;
        let sum = self.sum(one.from, scratch);
        add_back(one, &part, source, maps, sum);
        self.views[one.from] = SeqView::of(&self.sums[one.from], width);
    }

    /// The sum for the gradient of a node, including what was added before.
    fn sum(&mut self, node: usize, scratch: &mut Scratch<T>) -> &mut [T] {
        let (width, first, rows) = (self.network.width(node), self.views[node], self.rows(node));
        let sum = &mut self.sums[node];
        if sum.is_empty() {
            *sum = scratch.zero_sequence(rows, width);
            if !first.is_none() {
                add_rows(&first, None, sum, width, 0);
            }
        }
        sum
    }

    /// The gradient of a node, and the memory to keep while it is read; zeros if nothing was added.
    pub fn take(&mut self, node: usize, scratch: &mut Scratch<T>) -> (SeqView<T>, Vec<T>) {
        let view = std::mem::replace(&mut self.views[node], SeqView::NONE);
        if view.is_none() {
            let zeros = scratch.zero_sequence(self.rows(node), self.network.width(node));
            return (SeqView::of(&zeros, self.network.width(node)), zeros);
        }
        (view, std::mem::take(&mut self.sums[node]))
    }

    /// The gradient of a node as a vector of packed rows.
    pub fn taken(&mut self, node: usize, scratch: &mut Scratch<T>) -> Vec<T> {
        let (d, mut kept) = self.take(node, scratch);
        if kept.is_empty() {
            let width = self.network.width(node);
            kept = scratch.zero_sequence(self.rows(node), width);
            add_rows(&d, None, &mut kept, width, 0);
        }
        kept
    }
}
