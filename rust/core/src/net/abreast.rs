//! Layers of a unit that run at the same time where threads stand by, each on one of them: such that need nothing of each other,
//! as the two directions of a bidirectional one, or a wave, in which each is a piece of time behind the one that it reads.
//! What a layer computes does not depend on it, nor does the order in which results are added up.

use std::sync::Mutex;

use crate::kernel::Float;
use crate::team;
use crate::time::{Geometry, Scratch, Wave, piece_steps, share_out};

use super::graph::{Layer, Network, SeqNode};
use super::pool::lock;

/// How the next layer of a unit runs.
#[derive(Debug, PartialEq, Eq)]
pub enum Abreast {
    /// By itself; `divided`: the threads that stand by take parts of its steps.
    Alone { divided: bool },
    /// With others, by their nodes, the next one first.
    Together { nodes: Vec<usize>, is_wave: bool },
}

/// Whether threads may divide what costs `all` multiplications, if so many of them are divisible. What one thread leaves in its
/// cache is fetched from there by another: that has to be a small part.
fn is_divisible([all, divisible]: [usize; 2]) -> bool {
    3 * divisible >= 2 * all
}

/// What a layer costs per row and step, and how much of it threads can divide: as `Pass::work`. None of what a function computes,
/// which is called by one thread at a time.
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

/// The fastest way to run layers, and what it costs per row and step: `apart` need nothing of each other, each of `behind` reads
/// those before it; the first of both is the next one. What comes of it is a matter of time alone.
pub fn choose(
    network: &Network,
    training: bool,
    geometry: &Geometry,
    [mut apart, mut behind]: [Vec<usize>; 2],
    parts: usize,
) -> (Abreast, usize) {
    let work = |node: usize| match network.nodes[node] {
        SeqNode::Layer(layer) => work(&network.layers[layer], training, geometry.rows),
        _ => [0, 0],
    };
    // what layers cost one after the other, with threads that divide each if they can: they seldom do more than three quarters
    // of what they would do apart
    let alone = |nodes: &[usize]| -> usize {
        let costs = nodes.iter().map(|&node| match work(node) {
            [all, divisible] if is_divisible([all, divisible]) => {
                all - divisible + 4 * divisible / (3 * parts)
            }
            [all, _] => all,
        });
        costs.sum()
    };
    // their sum and the most that one of them costs
    let sizes = |nodes: &[usize]| -> [usize; 2] {
        let all = || nodes.iter().map(|&node| work(node)[0]);
        [all().sum(), all().max().unwrap_or(0)]
    };
    let alone_first = (Abreast::Alone { divided: is_divisible(work(apart[0])) }, alone(&apart[..1]));
    let is_called = |&node: &usize| matches!(network.nodes[node], SeqNode::Layer(layer) if is_called(&network.layers[layer]));
    for nodes in [&mut apart, &mut behind] {
        let own = nodes.iter().take_while(|node| !is_called(node)).count();
        nodes.truncate(own.min(parts));
    }
    // Layers of a wave all stand still for a piece of time, but for the one that costs most; what a layer reads comes from another
    // cache.
    let pieces = geometry.steps().div_ceil(piece_steps(geometry.rows)).max(1);
    let ([_, most], [sum, longest]) = (sizes(&apart), sizes(&behind));
    let ways = [(apart, most, false), (behind, (sum + (pieces - 1) * longest) / pieces, true)];
    let gain = |(nodes, cost, _): &(Vec<usize>, usize, bool)| alone(nodes).saturating_sub(*cost);
    let pays = |way: &(Vec<usize>, usize, bool)| way.0.len() > 1 && 10 * gain(way) > alone(&way.0);
    // of two that gain as much the first, in which nobody waits
    match ways.into_iter().filter(pays).reduce(|a, b| if gain(&b) > gain(&a) { b } else { a }) {
        Some((nodes, cost, is_wave)) => (Abreast::Together { nodes, is_wave }, cost),
        None => alone_first,
    }
}

/// Whether `parts` threads would do a unit in clearly less time than one.
pub fn is_shared(network: &Network, training: bool, geometry: &Geometry, parts: usize) -> bool {
    let (mut alone, mut shared, mut done) = (0, 0, Vec::new());
    for (node, of) in network.nodes.iter().enumerate() {
        let SeqNode::Layer(layer) = of else { continue };
        alone += work(&network.layers[*layer], training, geometry.rows)[0];
        if !done.contains(&node) {
            let mut ready = ready_forwards(network, node, &mut |_| {});
            ready[0].retain(|node| !done.contains(node));
            let (how, cost) = choose(network, training, geometry, ready, parts);
            shared += cost;
            if let Abreast::Together { nodes, .. } = how {
                done.extend(nodes);
            }
        }
    }
    10 * shared < 9 * alone
}

/// Layers from `first` on, by their nodes: those for which no other layer has to run before, and those for which no other has to
/// but those before them in the list. `derive` makes the values of a node that is no layer.
pub fn ready_forwards(network: &Network, first: usize, derive: &mut dyn FnMut(usize)) -> [Vec<usize>; 2] {
    let mut there: Vec<bool> = (0..network.nodes.len()).map(|node| node < first).collect();
    let (mut apart, mut behind) = (vec![first], vec![first]);
    for node in first + 1..network.nodes.len() {
        let reads = |other: &usize| network.reads(node, *other);
        let is_next = (0..node).filter(reads).all(|other| there[other]);
        let is_behind = (0..node).filter(reads).all(|other| there[other] || behind.contains(&other));
        match network.nodes[node] {
            SeqNode::Layer(_) => {
                if is_next {
                    apart.push(node);
                } else if is_behind {
                    behind.push(node);
                }
            }
            _ if is_next => {
                derive(node);
                there[node] = true;
            }
            _ => {}
        }
    }
    [apart, behind]
}

/// Layers up to `last`: those whose gradients have all arrived when those of the nodes after `last` have, and those to which the
/// one before them in the list hands all that arrives. `arrived`: whether a node has a gradient already.
pub fn ready_backwards(network: &Network, last: usize, arrived: &dyn Fn(usize) -> bool) -> [Vec<usize>; 2] {
    let (mut apart, mut behind) = (vec![last], vec![last]);
    for node in (0..last).rev().filter(|&node| matches!(network.nodes[node], SeqNode::Layer(_))) {
        let mut readers = (node + 1..=last).filter(|&reader| network.reads(reader, node));
        match (readers.next(), readers.next()) {
            (None, _) => apart.push(node),
            (Some(reader), None) if behind.last() == Some(&reader) && !arrived(node) => {
                if let SeqNode::Layer(layer) = network.nodes[reader]
                    && network.layers[layer].gradient_for(node).is_some()
                {
                    behind.push(node);
                }
            }
            _ => {}
        }
    }
    [apart, behind]
}

/// Runs the layer of node `next`, and those that are to run at the same time; `make` makes each out of its node, behind those that
/// were made before it. The next one, and the others.
pub fn run_chosen<T: Float, W: Send>(
    how: Abreast,
    next: usize,
    scratch: &mut Scratch<T>,
    mut make: impl FnMut(usize, &[W], &mut Scratch<T>) -> W,
    run: &(dyn Fn(&mut W, &mut Scratch<T>) + Sync),
) -> (W, Vec<W>) {
    match how {
        Abreast::Alone { divided } => {
            let mut task = make(next, &[], scratch);
            let region = if divided { None } else { scratch.region.take() };
            run(&mut task, scratch);
            scratch.region = scratch.region.take().or(region);
            (task, Vec::new())
        }
        Abreast::Together { nodes, is_wave } => {
            let mut tasks = Vec::with_capacity(nodes.len());
            for node in nodes {
                let task = make(node, &tasks, scratch);
                tasks.push(task);
            }
            run_together(&mut tasks, is_wave, scratch, run);
            (tasks.remove(0), tasks)
        }
    }
}

/// Runs `one` for each task at the same time, on the threads of the region.
fn run_together<T: Float, W: Send>(
    tasks: &mut [W],
    is_wave: bool,
    scratch: &mut Scratch<T>,
    one: &(dyn Fn(&mut W, &mut Scratch<T>) + Sync),
) {
    let Scratch { region: Some(region), beside, .. } = scratch else {
        return tasks.iter_mut().for_each(|task| one(task, scratch));
    };
    beside.resize_with(beside.len().max(tasks.len()), || Mutex::new(Scratch::new()));
    let tasks: Vec<Mutex<&mut W>> = tasks.iter_mut().map(Mutex::new).collect();
    share_out(region, is_wave, &|part| {
        if let (Some(task), Some(own)) = (tasks.get(part), beside.get(part)) {
            let mut own = lock(own);
            own.wave = is_wave.then(|| Wave { region: region.clone(), part });
            one(&mut lock(task), &mut own);
            own.wave = None;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Builder, Dim, Program, Source};
    use std::collections::BTreeMap;

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

    /// Layers of these widths, each of which reads a node: the input is 0.
    fn network(layers: &[(usize, usize)]) -> Network {
        let mut network = Network::default();
        network.input(layers[0].0).unwrap();
        let mut offset = 0;
        for &(hidden, reads) in layers {
            let input = network.widths[reads];
            let params = [offset, offset + hidden * input];
            offset += hidden * (input + hidden);
            network.layer(&elman(input, hidden), None, None, &[reads], &params, None).unwrap();
        }
        network.finish(layers.len()).unwrap();
        network
    }

    /// What happens to the first layer of a row of so many steps, on so many threads.
    fn chosen(layers: &[(usize, usize)], steps: usize, parts: usize) -> Abreast {
        let network = network(layers);
        let geometry = Geometry::new(vec![steps]);
        let ready = ready_forwards(&network, 1, &mut |_| {});
        choose(&network, true, &geometry, ready, parts).0
    }

    #[test]
    fn layers_run_at_the_same_time_where_that_is_faster() {
        let stack = [(64, 0), (64, 1), (64, 2)];
        let cases = [
            (&stack[..], 200, 2, Abreast::Together { nodes: vec![1, 2], is_wave: true }),
            (&stack, 200, 3, Abreast::Together { nodes: vec![1, 2, 3], is_wave: true }),
            (&stack, 16, 2, Abreast::Alone { divided: false }), // a single piece of time
            (&[(64, 0), (2, 1)], 200, 2, Abreast::Alone { divided: false }), // too unlike
            (&[(64, 0), (64, 1), (2, 0)], 200, 2, Abreast::Together { nodes: vec![1, 2], is_wave: true }),
            (&[(64, 0), (64, 0)], 200, 2, Abreast::Together { nodes: vec![1, 2], is_wave: false }),
            (&[(64, 0)], 200, 2, Abreast::Alone { divided: false }),
            (&[(600, 0)], 200, 2, Abreast::Alone { divided: true }),
            (&[(600, 0), (600, 1)], 16, 2, Abreast::Alone { divided: true }),
        ];
        for (layers, steps, parts, expected) in cases {
            assert_eq!(chosen(layers, steps, parts), expected, "{layers:?}, {steps} steps, {parts} threads");
            let shared = is_shared(&network(layers), true, &Geometry::new(vec![steps]), parts);
            assert_eq!(shared, expected != Abreast::Alone { divided: false });
        }
    }

    #[test]
    fn on_the_way_back_a_layer_follows_the_only_one_that_reads_it() {
        let none = |_: usize| false;
        let stack = network(&[(8, 0), (8, 1), (8, 2)]);
        assert_eq!(ready_backwards(&stack, 3, &none), [vec![3], vec![3, 2, 1]]);
        assert_eq!(ready_backwards(&stack, 3, &|node| node == 2), [vec![3], vec![3]]);
        // 1 is read by 2 and by 3
        let fork = network(&[(8, 0), (8, 1), (8, 1)]);
        assert_eq!(ready_backwards(&fork, 3, &none), [vec![3, 2], vec![3]]);
    }
}
