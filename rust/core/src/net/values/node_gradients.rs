//! The gradients of all nodes of a row group during its backward pass.

use crate::kernel::Float;
use crate::time::{Scratch, SeqView};

use super::super::graph::Network;
use super::super::graph::kinds::{Move, Rows};
use super::moves::{RowMaps, add_back, add_rows, copy_rows};

/// By node: the gradient in place if one reader produced it, or the sum over several readers.
pub struct NodeGradients<'a, T> {
    network: &'a Network,
    maps: RowMaps<'a>,
    /// `SeqView::NONE` while a node has no gradient.
    views: Vec<SeqView<T>>,
    /// The memory of sums; empty for the other nodes.
    sums: Vec<Vec<T>>,
    /// The memory of first contributions, by node, if this object owns them.
    firsts: Vec<Vec<T>>,
    /// Whether views are copied, because their memory is freed before the group is done.
    copies: bool,
}

impl<'a, T: Float> NodeGradients<'a, T> {
    pub fn new(network: &'a Network, maps: RowMaps<'a>, scratch: &mut Scratch<T>) -> NodeGradients<'a, T> {
        let (mut views, mut sums) = (scratch.views(), scratch.vectors.list());
        views.resize(network.nodes.len(), SeqView::NONE);
        sums.resize(network.nodes.len(), Vec::new());
        NodeGradients { network, maps, views, sums, firsts: Vec::new(), copies: false }
    }

    /// Gradients that own their memory: a view is copied as soon as it is added.
    pub fn owning(network: &'a Network, maps: RowMaps<'a>, scratch: &mut Scratch<T>) -> NodeGradients<'a, T> {
        NodeGradients {
            firsts: vec![Vec::new(); network.nodes.len()],
            copies: true,
            ..NodeGradients::new(network, maps, scratch)
        }
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

    /// Adds to the gradient of a node. `view` must stay readable until the group is done, unless views are copied.
    pub fn add(&mut self, node: usize, view: SeqView<T>, scratch: &mut Scratch<T>) {
        if !self.has(node) {
            if self.copies {
                let values = copy_rows(&view, self.rows(node));
                return self.add_values(node, values, scratch);
            }
            self.views[node] = view;
            return;
        }
        let width = self.network.width(node);
        let sum = self.sum(node, scratch);
        add_rows(&view, None, sum, width, 0);
        self.views[node] = SeqView::of(&self.sums[node], width);
    }

    /// Adds packed rows to the gradient of a node that owns its memory. A first contribution is stored without a copy.
    pub fn add_values(&mut self, node: usize, values: Vec<T>, scratch: &mut Scratch<T>) {
        let view = SeqView::of(&values, self.network.width(node));
        if self.has(node) {
            self.add(node, view, scratch);
        } else {
            self.views[node] = view;
            self.firsts[node] = values;
        }
    }

    /// Adds to the gradient of a move's source, from the gradient `d` of the result. `source` has the values of the source.
    pub fn add_moved(&mut self, one: Move, d: SeqView<T>, source: SeqView<T>, scratch: &mut Scratch<T>) {
        let width = self.network.width(one.from);
        if one.rows == Rows::Same && one.width == width {
            return self.add(one.from, d.columns(one.column, width), scratch);
        }
        let maps = self.maps;
        let sum = self.sum(one.from, scratch);
        add_back(one, &d, source, maps, sum, width);
        self.views[one.from] = SeqView::of(&self.sums[one.from], width);
    }

    /// The sum for the gradient of a node, including what was added before.
    fn sum(&mut self, node: usize, scratch: &mut Scratch<T>) -> &mut [T] {
        let (width, first, rows) = (self.network.width(node), self.views[node], self.rows(node));
        let sum = &mut self.sums[node];
        let owned = self.firsts.get_mut(node).map(std::mem::take).unwrap_or_default();
        if !owned.is_empty() {
            *sum = owned;
            // as if it was added to zeros, which makes -0 a 0
            sum.iter_mut().for_each(|x| *x += T::ZERO);
        } else if sum.is_empty() {
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
        let owned = self.firsts.get_mut(node).map(std::mem::take).unwrap_or_default();
        (view, if owned.is_empty() { std::mem::take(&mut self.sums[node]) } else { owned })
    }

    /// The gradient of a node as a vector of packed rows.
    pub fn taken(&mut self, node: usize, scratch: &mut Scratch<T>) -> Vec<T> {
        self.sum(node, scratch);
        self.views[node] = SeqView::NONE;
        std::mem::take(&mut self.sums[node])
    }
}
