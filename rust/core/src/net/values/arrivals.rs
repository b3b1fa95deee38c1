//! The gradients of all nodes of a row group while it goes backwards.

use crate::kernel::Float;
use crate::time::{Scratch, SeqView};

use super::super::graph::Network;
use super::super::graph::kinds::{Move, Rows};
use super::moves::{RowMaps, add_back, add_rows};

/// By node: the gradient where one reader left it, or the sum of what several did.
pub struct Arrivals<'a, T> {
    network: &'a Network,
    maps: RowMaps<'a>,
    /// None where nothing has arrived.
    views: Vec<SeqView<T>>,
    /// What the views of sums lead into; empty for the others.
    sums: Vec<Vec<T>>,
}

impl<'a, T: Float> Arrivals<'a, T> {
    pub fn new(network: &'a Network, maps: RowMaps<'a>, scratch: &mut Scratch<T>) -> Arrivals<'a, T> {
        let (mut views, mut sums) = (scratch.views(), scratch.spare.list());
        views.resize(network.nodes.len(), SeqView::NONE);
        sums.resize(network.nodes.len(), Vec::new());
        Arrivals { network, maps, views, sums }
    }

    /// Gives the memory back.
    pub fn retired(self, scratch: &mut Scratch<T>) {
        scratch.keep_views(self.views);
        scratch.spare.keep_list(self.sums);
    }

    /// Whether something has arrived at a node.
    pub fn has(&self, node: usize) -> bool {
        !self.views[node].is_none()
    }

    /// The packed rows of a node.
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

    /// Adds to the gradient of a move's source what arrived at its result. `source` are the values of the source.
    pub fn add_moved(&mut self, one: Move, d: SeqView<T>, source: SeqView<T>, scratch: &mut Scratch<T>) {
        let width = self.network.width(one.from);
        // the columns of one part; nothing is read where there are no rows
        let part = SeqView { ptr: d.ptr.wrapping_add(one.column), stride: d.stride, width };
        if one.rows == Rows::Same {
            return self.add(one.from, part, scratch);
        }
        let maps = self.maps;
        let sum = self.sum(one.from, scratch);
        add_back(one.rows, &part, source, maps, sum);
        self.views[one.from] = SeqView::of(&self.sums[one.from], width);
    }

    /// The memory in which the gradient of a node is summed, with what has arrived.
    fn sum(&mut self, node: usize, scratch: &mut Scratch<T>) -> &mut [T] {
        let (width, first, rows) = (self.network.width(node), self.views[node], self.rows(node));
        let sum = &mut self.sums[node];
        if sum.is_empty() {
            *sum = scratch.no_sequence(rows, width);
            if !first.is_none() {
                add_rows(&first, None, sum, width, 0);
            }
        }
        sum
    }

    /// The gradient of a node, and what must be kept while it is read; zeros where nothing arrived.
    pub fn take(&mut self, node: usize, scratch: &mut Scratch<T>) -> (SeqView<T>, Vec<T>) {
        let view = std::mem::replace(&mut self.views[node], SeqView::NONE);
        if view.is_none() {
            let zeros = scratch.no_sequence(self.rows(node), self.network.width(node));
            return (SeqView::of(&zeros, self.network.width(node)), zeros);
        }
        (view, std::mem::take(&mut self.sums[node]))
    }

    /// The gradient of a node as packed rows of their own.
    pub fn taken(&mut self, node: usize, scratch: &mut Scratch<T>) -> Vec<T> {
        let (d, mut kept) = self.take(node, scratch);
        if kept.is_empty() {
            let width = self.network.width(node);
            kept = scratch.no_sequence(self.rows(node), width);
            add_rows(&d, None, &mut kept, width, 0);
        }
        kept
    }
}
