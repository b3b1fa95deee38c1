//! States of a layer that come from nodes, or go to nodes: between the order of values per row and the order of the layer's axis.

use std::borrow::Cow;

use crate::kernel::Float;
use crate::time::{Scratch, SeqView};

use super::super::batch::Axes;
use super::super::graph::{Layer, Network};
use super::super::values::{NodeGradients, add_rows};

/// Whether the states of a layer start from nodes here: a piece of time that does not start the row continues from the states
/// before it. A layer that reads from the end starts anew in each piece.
pub fn starts_from_nodes(network: &Network, layer: usize, axes: Axes) -> bool {
    let inner = &network.layers[layer];
    inner.initial.iter().any(Option::is_some)
        && (axes.of(inner.axis).start == 0 || network.layers_from_end()[layer])
}

/// The initial states of a layer, in the order of its axis: the caller's `given`, or values of nodes.
pub fn initial_of<'a, T: Float>(
    layer: &Layer,
    given: &'a [Vec<T>],
    view: impl Fn(usize) -> SeqView<T>,
    axes: Axes,
    scratch: &mut Scratch<T>,
) -> Cow<'a, [Vec<T>]> {
    if layer.initial.iter().all(Option::is_none) {
        return Cow::Borrowed(given);
    }
    let mut states = scratch.vectors.list();
    for (node, given) in layer.initial.iter().zip(given) {
        states.push(match node {
            None => scratch.vectors.copy(given),
            Some(node) => {
                let view = view(*node);
                let mut values = scratch.vectors.zeros(given.len());
                add_rows(&view, axes.order(layer.axis), &mut values, view.width, 0);
                values
            }
        });
    }
    Cow::Owned(states)
}

/// The gradients of a layer's final states, in the order of its axis: `given` from outside the network, and from the nodes
/// that read the states. `kept` takes memory that must stay until the layer is done.
pub fn final_gradients<'a, T: Float>(
    layer: &Layer,
    given: &'a [Vec<T>],
    node_gradients: &mut NodeGradients<T>,
    axes: Axes,
    kept: &mut Vec<Vec<T>>,
    scratch: &mut Scratch<T>,
) -> Cow<'a, [Vec<T>]> {
    if !layer.finals.iter().flatten().any(|&node| node_gradients.has(node)) {
        return Cow::Borrowed(given);
    }
    let mut sums = scratch.vectors.copies(given);
    for (sum, node) in sums.iter_mut().zip(&layer.finals) {
        let Some(node) = node.filter(|&node| node_gradients.has(node)) else { continue };
        let (d, memory) = node_gradients.take(node, scratch);
        add_rows(&d, axes.order(layer.axis), sum, d.width, 0);
        kept.push(memory);
    }
    Cow::Owned(sums)
}

/// Returns the memory of a layer's states to the workspace.
pub fn keep_states<T: Float>(states: Cow<'_, [Vec<T>]>, scratch: &mut Scratch<T>) {
    if let Cow::Owned(states) = states {
        scratch.vectors.keep_list(states);
    }
}
