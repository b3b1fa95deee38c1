//! Layers of a unit that need nothing of each other, such as the two directions of a bidirectional one: where threads stand by,
//! each runs one of them. What a layer computes does not depend on it, nor does the order in which results are added up.

use std::sync::Mutex;

use crate::kernel::Float;
use crate::time::{Scratch, share_out};

use super::graph::{Network, SeqNode};
use super::pool::lock;

/// Of layers that could run at the same time, the first ones that do: so many that each of the threads which stand by has
/// one, or no more than the first where they are too few or too unlike.
pub fn at_once<T: Float>(network: &Network, mut nodes: Vec<usize>, scratch: &Scratch<T>) -> Vec<usize> {
    let parts = scratch.region.as_ref().map_or(1, |region| region.parts());
    nodes.truncate(parts);
    let sizes = nodes.iter().map(|&node| match network.nodes[node] {
        SeqNode::Layer(layer) => network.layers[layer].plan.train.work(|_| true)[0],
        _ => 0,
    });
    let (sum, most) = sizes.fold((0, 0), |(sum, most), size: usize| (sum + size, most.max(size)));
    // threads that divide a layer seldom do more than three quarters of what they would do apart
    if 4 * sum < 3 * parts * most {
        nodes.truncate(1);
    }
    nodes
}

/// Layers from `first` on, by their nodes, for which no other layer has to run before. `derive` makes the values of a node that
/// is no layer.
pub fn ready_forwards(network: &Network, first: usize, derive: &mut dyn FnMut(usize)) -> Vec<usize> {
    let mut there: Vec<bool> = (0..network.nodes.len()).map(|node| node < first).collect();
    let mut ready = vec![first];
    for node in first + 1..network.nodes.len() {
        let is_next = (0..node).all(|other| there[other] || !network.reads(node, other));
        match network.nodes[node] {
            _ if !is_next => {}
            SeqNode::Layer(_) => ready.push(node),
            _ => {
                derive(node);
                there[node] = true;
            }
        }
    }
    ready
}

/// Layers up to `last` whose gradients have all arrived when those of the nodes after `last` have.
pub fn ready_backwards(network: &Network, last: usize) -> Vec<usize> {
    let is_read = |node: usize| (node + 1..=last).any(|reader| network.reads(reader, node));
    let layers = (0..last).rev().filter(|&node| matches!(network.nodes[node], SeqNode::Layer(_)));
    std::iter::once(last).chain(layers.filter(|&node| !is_read(node))).collect()
}

/// Runs `one` for each task: the first alone on this thread, several at the same time on those of the region.
pub fn run_tasks<T: Float, W: Send>(
    first: &mut W,
    others: &mut [W],
    scratch: &mut Scratch<T>,
    one: &(dyn Fn(&mut W, &mut Scratch<T>) + Sync),
) {
    let Some(region) = scratch.region.clone().filter(|_| !others.is_empty()) else {
        return one(first, scratch);
    };
    let beside = &mut scratch.beside;
    beside.resize_with(beside.len().max(1 + others.len()), || Mutex::new(Scratch::new()));
    let tasks: Vec<Mutex<&mut W>> = std::iter::once(first).chain(others).map(Mutex::new).collect();
    share_out(&region, &|part| {
        if let (Some(task), Some(own)) = (tasks.get(part), beside.get(part)) {
            one(&mut lock(task), &mut lock(own));
        }
    });
}
