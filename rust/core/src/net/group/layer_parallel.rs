//! Layers of a row group that run at the same time, one thread each: independent layers, such as the two directions of a
//! bidirectional layer, or a pipeline, in which each layer runs one piece of time behind the layer that it reads. The results
//! and the order of sums do not depend on this choice.

use std::sync::Mutex;

use crate::kernel::Float;
use crate::team;
use crate::time::{Pipeline, Scratch, piece_steps, share_out};

use super::super::batch::Axes;
use super::super::graph::{Axis, Layer, Network, NodeKind};
use super::super::locks::lock;

/// How the next layer of a group runs.
#[derive(Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Alone; `divided`: all threads share its steps.
    Alone { divided: bool },
    /// Grouping with other layers, by their nodes; the next layer is the first.
    Layers { nodes: Vec<usize>, is_pipeline: bool },
}

/// The pass of a layer with all its inputs and outputs, ready to run.
pub trait LayerTask<T>: Send {
    fn run(&mut self, scratch: &mut Scratch<T>);
}

/// Whether several threads may share work of `all` multiplications, of which `divisible` can be divided. What one thread
/// leaves in its cache, another thread has to fetch from there: that must be a small part.
fn is_divisible([all, divisible]: [usize; 2]) -> bool {
    3 * divisible >= 2 * all
}

/// The cost of a layer per row and step, and the part of it that threads can divide: as `Pass::work`. A called function does
/// not count as divisible, because one thread at a time calls it.
fn work(layer: &Layer, training: bool, rows: usize) -> [usize; 2] {
    let worth = |work: usize| team::is_worth(rows * work);
    let back = training.then_some(&layer.plan.back);
    let passes = std::iter::once(layer.forward(training)).chain(back);
    let [all, divisible] = passes.map(|pass| pass.work(worth)).fold([0, 0], |[a, b], [x, y]| [a + x, b + y]);
    [all, if is_called(layer) { 0 } else { divisible }]
}

/// Whether a layer calls a function.
fn is_called(layer: &Layer) -> bool {
    layer.plan.train.function.is_some()
}

/// The fastest way to run layers, and its cost per row and step. The layers `apart` are independent of each other; each
/// layer of `behind` reads those before it. The first of both lists is the next layer. The choice affects time only.
pub fn choose(
    network: &Network,
    training: bool,
    axes: Axes,
    [mut apart, mut behind]: [Vec<usize>; 2],
    parts: usize,
) -> (Grouping, usize) {
    let layer_at = |node: usize| network.layer_at(node).map(|layer| &network.layers[layer]);
    let geometry = axes.of(layer_at(apart[0]).map_or(Axis::FIRST, |layer| layer.axis));
    let work = |node: usize| layer_at(node).map_or([0, 0], |layer| work(layer, training, geometry.rows));
    // the cost of layers one after the other, each divided between threads if possible: divided layers seldom gain more than
    // three quarters of what separate layers would
    let alone = |nodes: &[usize]| -> usize {
        let costs = nodes.iter().map(|&node| match work(node) {
            [all, divisible] if is_divisible([all, divisible]) => {
                all - divisible + 4 * divisible / (3 * parts)
            }
            [all, _] => all,
        });
        costs.sum()
    };
    // the sum of the costs, and the largest of them
    let sizes = |nodes: &[usize]| -> [usize; 2] {
        let all = || nodes.iter().map(|&node| work(node)[0]);
        [all().sum(), all().max().unwrap_or(0)]
    };
    let alone_first = (Grouping::Alone { divided: is_divisible(work(apart[0])) }, alone(&apart[..1]));
    // one thread at a time calls a function; a layer on rows has one step
    let is_fit = |&node: &usize| layer_at(node).is_some_and(|of| !is_called(of) && of.axis.is_sequence());
    for nodes in [&mut apart, &mut behind] {
        let own = nodes.iter().take_while(|node| is_fit(node)).count();
        nodes.truncate(own.min(parts));
    }
    // the gradients of matrices run over whole blocks of time
    let has_matrices = |&&node: &&usize| layer_at(node).is_some_and(|of| of.plan.train.has_matrices());
    behind.truncate(behind.iter().take_while(|node| !has_matrices(node)).count());
    // All layers of a pipeline idle for one piece of time, except the most expensive one. The input of a layer comes from
    // another thread's cache.
    let pieces = geometry.steps().div_ceil(piece_steps(geometry.rows)).max(1);
    let ([_, most], [sum, longest]) = (sizes(&apart), sizes(&behind));
    let ways = [(apart, most, false), (behind, (sum + (pieces - 1) * longest) / pieces, true)];
    let gain = |(nodes, cost, _): &(Vec<usize>, usize, bool)| alone(nodes).saturating_sub(*cost);
    let pays = |way: &(Vec<usize>, usize, bool)| way.0.len() > 1 && 10 * gain(way) > alone(&way.0);
    // of two equal gains the first, in which no thread waits
    match ways.into_iter().filter(pays).reduce(|a, b| if gain(&b) > gain(&a) { b } else { a }) {
        Some((nodes, cost, is_pipeline)) => (Grouping::Layers { nodes, is_pipeline }, cost),
        None => alone_first,
    }
}

/// Whether `parts` threads would run a group in clearly less time than one thread.
pub fn is_shared(network: &Network, training: bool, axes: Axes, parts: usize) -> bool {
    let (mut alone, mut shared, mut done) = (0, 0, Vec::new());
    for node in 0..network.nodes.len() {
        let Some(layer) = network.layer_at(node) else { continue };
        alone += work(&network.layers[layer], training, axes.time.rows)[0];
        if !done.contains(&node) {
            let mut ready = ready_forwards(network, node, &mut |_| {});
            ready[0].retain(|node| !done.contains(node));
            let (how, cost) = choose(network, training, axes, ready, parts);
            shared += cost;
            if let Grouping::Layers { nodes, .. } = how {
                done.extend(nodes);
            }
        }
    }
    10 * shared < 9 * alone
}

/// The layers starting from `first`, by their nodes: those that do not depend on another layer that has not run, and those
/// that depend only on the ones before them in the list. `derive` computes the values of a node that is no layer.
pub fn ready_forwards(network: &Network, first: usize, derive: &mut dyn FnMut(usize)) -> [Vec<usize>; 2] {
    let mut there: Vec<bool> = (0..network.nodes.len()).map(|node| node < first).collect();
    let (mut apart, mut behind) = (vec![first], vec![first]);
    for node in first + 1..network.nodes.len() {
        let parts = network.parts(node);
        let is_next = parts.iter().all(|&other| there[other]);
        let is_behind = parts.iter().all(|other| there[*other] || behind.contains(other));
        match network.layer_at(node) {
            Some(layer) => {
                if is_next {
                    apart.push(node);
                } else if is_behind && network.layers[layer].memories.is_empty() {
                    // a memory must be complete before the layer that reads it starts
                    behind.push(node);
                }
            }
            // the second output of a layer exists when the layer has run
            None if is_next && !is_output(network, node) => {
                derive(node);
                there[node] = true;
            }
            None => {}
        }
    }
    [apart, behind]
}

/// The layers before and including `last`: those whose gradients are complete when the gradients of the nodes after `last`
/// are, and those whose whole gradient comes from the one before them in the list. `arrived`: whether a node has a gradient
/// already.
pub fn ready_backwards(network: &Network, last: usize, arrived: &dyn Fn(usize) -> bool) -> [Vec<usize>; 2] {
    let (mut apart, mut behind) = (vec![last], vec![last]);
    for node in (0..last).rev() {
        let Some(layer) = network.layer_at(node).filter(|_| network.nodes[node].differentiated) else {
            continue;
        };
        let of = &network.layers[layer];
        let outputs = || of.outputs.iter().chain(&of.finals).flatten();
        let reads = |reader: &usize| outputs().any(|output| network.parts(*reader).contains(output));
        let mut readers = (node + 1..=last).filter(reads);
        match (readers.next(), readers.next()) {
            (None, _) => apart.push(node),
            (Some(reader), None) if behind.last() == Some(&reader) && !arrived(node) => {
                if let Some(above) = network.layer_at(reader)
                    && network.layers[layer].has_one_output()
                    && network.layers[above].gradient_for(node).is_some()
                {
                    behind.push(node);
                }
            }
            _ => {}
        }
    }
    [apart, behind]
}

/// Whether a node is an output of a layer other than its first, or a final state.
fn is_output(network: &Network, node: usize) -> bool {
    matches!(network.nodes[node].kind, NodeKind::Layer { .. } | NodeKind::Final { .. })
}

/// Runs a layer alone; `divided`: all threads share its steps.
pub fn run_alone<T: Float>(task: &mut impl LayerTask<T>, divided: bool, scratch: &mut Scratch<T>) {
    let region = if divided { None } else { scratch.region.take() };
    task.run(scratch);
    scratch.region = scratch.region.take().or(region);
}

/// Runs layers at the same time, one thread each.
pub fn run_together<T: Float>(tasks: &mut [impl LayerTask<T>], is_pipeline: bool, scratch: &mut Scratch<T>) {
    let Scratch { region: Some(region), helpers, .. } = scratch else {
        return tasks.iter_mut().for_each(|task| task.run(scratch));
    };
    helpers.resize_with(helpers.len().max(tasks.len()), || Mutex::new(Scratch::new()));
    let tasks: Vec<Mutex<&mut _>> = tasks.iter_mut().map(Mutex::new).collect();
    share_out(region, is_pipeline, &|part| {
        if let (Some(task), Some(own)) = (tasks.get(part), helpers.get(part)) {
            let mut own = lock(own);
            own.pipeline = is_pipeline.then(|| Pipeline { region: region.clone(), part });
            lock(task).run(&mut own);
            own.pipeline = None;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Builder, Dim, Equations, Program, Source};
    use crate::time::Geometry;
    use std::collections::BTreeMap;

    use super::super::super::graph::LayerParts;

    /// h' = tanh(w_x x + w_h h).
    fn elman(input: usize, hidden: usize) -> Program {
        let build = || {
            let mut g = Builder::new("elman", BTreeMap::new());
            let size = Dim::number;
            let x = g.source(Source::Input, "x", vec![size(input)])?;
            let h = g.source(Source::State, "h", vec![size(hidden)])?;
            let w_x = g.source(Source::Param, "w_x", vec![size(hidden), size(input)])?;
            let w_h = g.source(Source::Param, "w_h", vec![size(hidden), size(hidden)])?;
            let (from_x, from_h) = (g.op("matmul", &[w_x, x])?, g.op("matmul", &[w_h, h])?);
            let sum = g.op("add", &[from_x, from_h])?;
            let next = g.op("tanh", &[sum])?;
            g.finish(&[("output".to_string(), next)], &[("h".to_string(), next)])
        };
        build().unwrap()
    }

    /// Layers of these (width, input node); node 0 is the input.
    fn network(layers: &[(usize, usize)]) -> Network {
        let mut network = Network::default();
        network.input("x", "time", layers[0].0).unwrap();
        let mut offset = 0;
        for &(hidden, reads) in layers {
            let input = network.width(reads);
            let params = [offset, offset + hidden * input];
            offset += hidden * (input + hidden);
            network.layer(LayerParts::new(&elman(input, hidden), &[reads], &params)).unwrap();
        }
        network.finish(&[("output", layers.len())]).unwrap();
        network
    }

    /// How the first layer runs for a row of `steps` steps on `parts` threads.
    fn chosen(layers: &[(usize, usize)], steps: usize, parts: usize) -> Grouping {
        let network = network(layers);
        let (time, row) = (Geometry::new(vec![steps]), Geometry::new(vec![1]));
        let ready = ready_forwards(&network, 1, &mut |_| {});
        choose(&network, true, Axes { time: &time, row: &row, others: &[] }, ready, parts).0
    }

    #[test]
    fn layers_run_at_the_same_time_where_that_is_faster() {
        let stack = [(64, 0), (64, 1), (64, 2)];
        let cases = [
            (&stack[..], 200, 2, Grouping::Layers { nodes: vec![1, 2], is_pipeline: true }),
            (&stack, 200, 3, Grouping::Layers { nodes: vec![1, 2, 3], is_pipeline: true }),
            (&stack, 16, 2, Grouping::Alone { divided: false }), // a single piece of time
            (&[(64, 0), (2, 1)], 200, 2, Grouping::Alone { divided: false }), // too different in cost
            (&[(64, 0), (64, 1), (2, 0)], 200, 2, Grouping::Layers { nodes: vec![1, 2], is_pipeline: true }),
            (&[(64, 0), (64, 0)], 200, 2, Grouping::Layers { nodes: vec![1, 2], is_pipeline: false }),
            (&[(64, 0)], 200, 2, Grouping::Alone { divided: false }),
            (&[(600, 0)], 200, 2, Grouping::Alone { divided: true }),
            (&[(600, 0), (600, 1)], 16, 2, Grouping::Alone { divided: true }),
        ];
        for (layers, steps, parts, expected) in cases {
            assert_eq!(chosen(layers, steps, parts), expected, "{layers:?}, {steps} steps, {parts} threads");
            let (time, row) = (Geometry::new(vec![steps]), Geometry::new(vec![1]));
            let shared =
                is_shared(&network(layers), true, Axes { time: &time, row: &row, others: &[] }, parts);
            assert_eq!(shared, expected != Grouping::Alone { divided: false });
        }
    }

    #[test]
    fn backwards_a_layer_follows_the_only_one_that_reads_it() {
        let none = |_: usize| false;
        let stack = network(&[(8, 0), (8, 1), (8, 2)]);
        assert_eq!(ready_backwards(&stack, 3, &none), [vec![3], vec![3, 2, 1]]);
        assert_eq!(ready_backwards(&stack, 3, &|node| node == 2), [vec![3], vec![3]]);
        // a layer without a backward pass neither follows another nor runs beside it
        let mut frozen =
            Network { ignores_input: true, frozen: [0, 64, 128, 192].into(), ..Network::default() };
        frozen.input("x", "time", 8).unwrap();
        for number in 0..3 {
            let params = [128 * number, 128 * number + 64];
            frozen.layer(LayerParts::new(&elman(8, 8), &[number], &params)).unwrap();
        }
        frozen.finish(&[("output", 3)]).unwrap();
        assert_eq!(
            frozen.nodes.iter().map(|node| node.differentiated).collect::<Vec<_>>(),
            [false, false, false, true]
        );
        assert_eq!(ready_backwards(&frozen, 3, &none), [vec![3], vec![3]]);
        assert_eq!(frozen.initial_gradients(), [false, false, true]);
        // node 1 is read by 2 and 3
        let fork = network(&[(8, 0), (8, 1), (8, 1)]);
        assert_eq!(ready_backwards(&fork, 3, &none), [vec![3, 2], vec![3]]);
    }
}
