//! The memory that a piece of time takes while it goes there and back.

use crate::plan::LayerPlan;
use crate::time::{Geometry, PassMemory};

use super::graph::{Network, SeqNode};

/// Elements that a piece keeps from its run to its way back.
pub fn saved_elements(network: &Network, rows: usize, total: usize) -> usize {
    let nodes = network.nodes.iter().zip(&network.widths);
    nodes
        .map(|(node, width)| match node {
            SeqNode::Layer(layer) => {
                PassMemory::<f64>::elements(&network.layers[*layer].plan.train, rows, total)
            }
            _ => total * width,
        })
        .sum()
}

/// Elements alive at once, at most, in a piece's run to its loss and back: the input's copy, saved tensors, gradients
/// between layers. Without `loss` nothing is counted for it.
///
/// Follows `run_unit`, `Prepared::take` and `back_unit` allocation by allocation. Not counted is what does not grow with
/// the piece: weights, their gradients, and the blocks of time that a thread works in. `retained`: what is over lies idle
/// for the next piece, so it counts as if it were alive.
pub fn piece_elements(
    network: &Network,
    loss: Option<&LayerPlan>,
    rows: usize,
    total: usize,
    retained: bool,
) -> usize {
    let elements = |pass| PassMemory::<f64>::elements(pass, rows, total);
    let saved = saved_elements(network, rows, total);
    let (there, back) = loss.map_or((0, 0), |plan| (elements(&plan.train), elements(&plan.back)));
    let size = |node: usize| total * network.widths[node];
    let mut meter = Meter { live: 0, most: 0, retained, arrived: vec![Arrived::None; network.nodes.len()] };
    meter.hold(saved + there + back);
    meter.release(there);
    if network.layers.iter().any(|layer| layer.has_step_penalty()) {
        meter.hold(total);
    }
    if let (Some(output), Some(_)) = (network.output, loss) {
        meter.arrive(output, size(output), false);
    }
    for (number, node) in network.nodes.iter().enumerate().rev() {
        if let SeqNode::Layer(layer) = node {
            let inner = &network.layers[*layer];
            let plan = &inner.plan;
            if meter.arrived[number] == Arrived::None {
                meter.hold(size(number));
                meter.arrived[number] = Arrived::Sum;
            }
            meter.hold(elements(&plan.back));
            if meter.arrived[number] == Arrived::Sum {
                meter.release(size(number));
            }
            for (&input, gradient) in inner.inputs.iter().zip(&plan.input_gradients) {
                if gradient.is_some() {
                    meter.arrive(input, size(input), false);
                }
            }
        } else if meter.arrived[number] != Arrived::None {
            match node {
                SeqNode::Reverse(from) => meter.arrive(*from, size(*from), true),
                SeqNode::Add(a, b) => [*a, *b].iter().for_each(|&to| meter.arrive(to, size(to), false)),
                SeqNode::Concat(parts) => parts.iter().for_each(|&to| meter.arrive(to, size(to), false)),
                SeqNode::Input | SeqNode::Index { .. } | SeqNode::Layer(_) => {}
            }
        }
    }
    if network.input_gradient().is_some() && meter.arrived[0] != Arrived::Sum {
        meter.hold(size(0));
    }
    meter.most
}

/// Elements alive at once, at most, where a network runs layer by layer in chunks of at most `chunk` packed rows, `chunks` of
/// them: outputs of layers, states at borders, gradients of whole sequences, one chunk of one layer. Follows `layerwise`.
pub fn layerwise_elements(
    network: &Network,
    loss: Option<&LayerPlan>,
    geometry: &Geometry,
    chunk: usize,
    chunks: usize,
) -> usize {
    let (rows, total) = (geometry.rows, geometry.total());
    let elements = |pass| PassMemory::<f64>::elements(pass, rows, chunk);
    let layers = || {
        network.nodes.iter().enumerate().filter_map(|(node, kind)| match kind {
            SeqNode::Layer(layer) => Some((node, &network.layers[*layer])),
            _ => None,
        })
    };
    let kept: usize = layers().map(|(node, _)| network.widths[node] * total).sum();
    let states: usize = network.states.iter().map(|width| width * rows * (chunks + 1)).sum();
    let mut live = kept + states;
    let mut arrived = vec![0; network.nodes.len()]; // elements of the gradient of each sequence
    if let (Some(output), Some(loss)) = (network.output, loss) {
        arrived[output] = total * network.widths[output];
        live +=
            arrived[output] + chunk * network.widths[output] + elements(&loss.train) + elements(&loss.back);
    }
    let mut most = live;
    if let (Some(output), Some(loss)) = (network.output, loss) {
        live -= chunk * network.widths[output] + elements(&loss.train) + elements(&loss.back);
    }
    for (node, kind) in network.nodes.iter().enumerate().rev() {
        let readers: Vec<usize> = match kind {
            SeqNode::Input | SeqNode::Index { .. } => continue,
            SeqNode::Layer(layer) => network.layers[*layer].inputs.clone(),
            SeqNode::Reverse(from) => vec![*from],
            SeqNode::Add(a, b) => vec![*a, *b],
            SeqNode::Concat(parts) => parts.clone(),
        };
        let sizes = readers.iter().map(|&to| total * network.widths[to]);
        let made: usize = sizes.clone().sum();
        let working = match kind {
            SeqNode::Layer(layer) => {
                let plan = &network.layers[*layer].plan;
                // where nothing arrived, zeros stand for it; inputs are gathered, twice where they are joined
                let zeros = if arrived[node] == 0 { total * network.widths[node] } else { 0 };
                let gathered: usize = readers.iter().map(|&to| 2 * chunk * network.widths[to]).sum();
                zeros + gathered + elements(&plan.train) + elements(&plan.back) + chunk
            }
            _ => 0,
        };
        most = most.max(live + made + working);
        live -= std::mem::take(&mut arrived[node]);
        for (to, size) in readers.iter().zip(sizes) {
            // the gradient of the input is as long as the caller's; what arrives second is added to the first
            if arrived[*to] == 0 && *to != 0 {
                arrived[*to] = size;
                live += size;
            }
        }
    }
    most
}

/// What became of the gradient of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrived {
    None,
    /// It is read where it lies.
    View,
    /// It has memory of its own.
    Sum,
}

/// What is alive, in elements, and the most that ever was.
struct Meter {
    live: usize,
    most: usize,
    retained: bool,
    /// By node.
    arrived: Vec<Arrived>,
}

impl Meter {
    fn hold(&mut self, elements: usize) {
        self.live += elements;
        self.most = self.most.max(self.live);
    }

    fn release(&mut self, elements: usize) {
        if !self.retained {
            self.live -= elements;
        }
    }

    /// A gradient arrives at a node, in the node's own order of rows or in another.
    fn arrive(&mut self, node: usize, elements: usize, reordered: bool) {
        match self.arrived[node] {
            Arrived::None if !reordered => self.arrived[node] = Arrived::View,
            Arrived::Sum => {}
            Arrived::None | Arrived::View => {
                self.hold(elements);
                self.arrived[node] = Arrived::Sum;
            }
        }
    }
}
