//! The order of work within a phase: all row ops that are ready, then all products that are ready, and again.

use std::collections::{HashMap, HashSet};

use crate::step::rows::Across;
use crate::step::{Node, NodeId, Run, rows};

use super::matrix::is_matrix;
use super::phase::Phase;

/// A product, possibly with the sum that it starts from: `out = init + matrix @ vector`.
#[derive(Debug, Clone)]
pub struct Product {
    pub out: NodeId,
    pub matrix: NodeId,
    pub vector: NodeId,
    pub transpose: bool,
    pub init: Option<NodeId>,
    /// The vectors of one row: the lines of a matrix, each of which is multiplied.
    pub lines: usize,
}

/// The work of one phase, in order.
#[derive(Debug, Clone)]
pub enum Work {
    Rows(Vec<NodeId>),
    /// Products of one operand, which become one product.
    Products(Vec<Product>),
    /// Ops over the entries of an axis, in stages.
    Entries(usize, Vec<Vec<NodeId>>),
    /// A scan, by its number, with the nodes that it computes.
    Scan(usize, Vec<NodeId>),
    /// The ops of a state that is a matrix: the reads and the next value, or the gradients and the gradient before the step.
    Matrix([NodeId; 2]),
}

/// Resolves a view: the node that holds the bytes, and the offset in it.
pub fn resolved(nodes: &[Node], given: &[bool], mut id: NodeId) -> (NodeId, usize) {
    let mut offset = 0;
    while !given[id] {
        let node = &nodes[id];
        match rows::row(node.op).run {
            Run::View => id = node.args[0],
            Run::Slice => {
                let source = &nodes[node.args[0]];
                let inner: usize = source.shape.iter().skip(1).map(|dim| dim.value).product();
                offset += node.attrs.int("start") * inner;
                id = node.args[0];
            }
            _ => break,
        }
    }
    (id, offset)
}

/// The sums that a product absorbs: `add(x, W @ v)`, if nothing else reads the product.
pub fn fused_sums(nodes: &[Node], phases: &[Phase], wanted: &[NodeId]) -> HashMap<NodeId, Product> {
    let mut uses = vec![0usize; nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        if phases[id] != Phase::None {
            node.args.iter().for_each(|&arg| uses[arg] += 1);
        }
    }
    wanted.iter().for_each(|&id| uses[id] += 2);
    let is_product = |id: NodeId| phases[id] != Phase::None && rows::row(nodes[id].op).run == Run::MatVec;
    let mut fused = HashMap::new();
    for (id, node) in nodes.iter().enumerate() {
        if phases[id] == Phase::None || rows::row(node.op).name != "add" {
            continue;
        }
        let candidates = [(node.args[1], node.args[0]), (node.args[0], node.args[1])];
        let fits = |&&(product, init): &&(NodeId, NodeId)| {
            is_product(product)
                && product != init
                && node.shape.len() == 1
                && uses[product] == 1
                && phases[product] == phases[id]
                && nodes[init].numel() == node.numel()
                && nodes[product].numel() == node.numel()
                && nodes[product].entries == node.entries
                && (nodes[init].entries == node.entries || nodes[init].folded)
        };
        if let Some(&(product, init)) = candidates.iter().find(fits) {
            fused.insert(id, Product { out: id, init: Some(init), ..product_of(nodes, product) });
        }
    }
    fused
}

fn product_of(nodes: &[Node], id: NodeId) -> Product {
    let node = &nodes[id];
    let transpose = node.attrs.flag("transpose");
    let lines = match nodes[node.args[1]].shape.as_slice() {
        [lines, _] => lines.value,
        _ => 1,
    };
    Product { out: id, matrix: node.args[0], vector: node.args[1], transpose, init: None, lines }
}

/// Orders the nodes of `phase`. Products absorbed by a sum are not scheduled themselves.
pub fn schedule(
    nodes: &[Node],
    given: &[bool],
    phases: &[Phase],
    fused: &HashMap<NodeId, Product>,
    phase: Phase,
) -> Vec<Work> {
    let absorbed: HashSet<NodeId> = fused
        .values()
        .map(|p| {
            let args = &nodes[p.out].args;
            if p.init == Some(args[0]) { args[1] } else { args[0] }
        })
        .collect();
    let is_view = |id: NodeId| matches!(rows::row(nodes[id].op).run, Run::View | Run::Slice);
    let is_scan = |id: NodeId| rows::row(nodes[id].op).run == Run::Scan;
    let mut waiting: Vec<NodeId> = (0..nodes.len())
        .filter(|&id| phases[id] == phase && !is_view(id) && !absorbed.contains(&id))
        .collect();
    let mut done: Vec<bool> = phases.iter().map(|&p| p == Phase::None || p < phase).collect();
    // the loop may run beside values of later phases only if it does not read them, which the phases guarantee
    let product = |id: NodeId| -> Option<Product> {
        let plain = || (rows::row(nodes[id].op).run == Run::MatVec).then(|| product_of(nodes, id));
        fused.get(&id).cloned().or_else(plain)
    };
    let holder = |id: NodeId| resolved(nodes, given, id).0;
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let mut rows = Vec::new();
        waiting.retain(|&id| {
            let own = is_scan(id) || is_matrix(&nodes[id]);
            let alone = product(id).is_none() && !own && entries_axis(nodes, id).is_none();
            let ready = alone && nodes[id].args.iter().all(|&arg| done[holder(arg)]);
            if ready {
                done[id] = true;
                rows.push(id);
            }
            !ready
        });
        if !rows.is_empty() {
            order.push(Work::Rows(rows));
        }
        let ready = |id: &NodeId| is_scan(*id) && nodes[*id].args.iter().all(|&arg| done[holder(arg)]);
        if let Some(first) = waiting.iter().copied().find(ready) {
            let number = nodes[first].attrs.int("scan");
            let same = |id: NodeId| is_scan(id) && nodes[id].attrs.int("scan") == number;
            let (scan, rest) = waiting.into_iter().partition(|&id| same(id));
            waiting = rest;
            for &id in &scan {
                done[id] = true;
            }
            order.push(Work::Scan(number, scan));
            continue;
        }
        let first = (waiting.iter().copied())
            .find(|&id| is_matrix(&nodes[id]) && nodes[id].args.iter().all(|&arg| done[holder(arg)]));
        let next = first.and_then(|first| {
            let next = |&id: &NodeId| is_matrix(&nodes[id]) && nodes[id].args == [first];
            Some([first, waiting.iter().copied().find(next)?])
        });
        if let Some(both) = next {
            waiting.retain(|id| !both.contains(id));
            both.into_iter().for_each(|id| done[id] = true);
            order.push(Work::Matrix(both));
            continue;
        }
        let mut groups: Vec<Vec<Product>> = Vec::new();
        let mut now_done = Vec::new();
        waiting.retain(|&id| {
            let Some(p) = product(id) else { return true };
            let ready = done[holder(p.vector)] && p.init.is_none_or(|init| done[holder(init)]);
            if ready {
                now_done.push(id);
                match groups.iter_mut().find(|group| group[0].vector == p.vector && p.lines == 1) {
                    Some(group) => group.push(p),
                    None => groups.push(vec![p]),
                }
            }
            !ready
        });
        if groups.is_empty() && !waiting.is_empty() {
            // last, so that as many ops over entries as possible run together
            let region =
                region(nodes, &waiting, &|id| done[holder(id)], &|id| product(id).is_some(), &holder);
            region.nodes().for_each(|id| done[id] = true);
            waiting.retain(|&id| !done[id]);
            order.push(Work::Entries(region.axis, region.stages));
            continue;
        }
        now_done.into_iter().for_each(|id| done[id] = true);
        order.extend(groups.into_iter().map(Work::Products));
    }
    order
}

/// The entries axis of an op that runs over the entries of a row: its operands or its result are on entries. None for other ops,
/// and for products.
pub fn entries_axis(nodes: &[Node], id: NodeId) -> Option<usize> {
    let node = &nodes[id];
    match rows::row(node.op).run {
        Run::MatVec | Run::Source => None,
        _ => node.entries.or_else(|| node.args.iter().find_map(|&arg| nodes[arg].entries)),
    }
}

/// Whether the result of an op exists only when all entries of the row have been read.
fn ends_a_stage(nodes: &[Node], id: NodeId) -> bool {
    use Across::{Accumulate, Repeat};
    matches!(rows::row(nodes[id].op).run, Run::Entries(across) if !matches!(across, Repeat | Accumulate))
}

/// Ops over the entries of one axis that run together.
struct Region {
    axis: usize,
    stages: Vec<Vec<NodeId>>,
}

impl Region {
    fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.stages.iter().flatten().copied()
    }
}

/// The ops over entries that can run now, without those that only later ops over entries read: these run with their readers, so
/// that their results need not be stored.
fn region(
    nodes: &[Node],
    waiting: &[NodeId],
    is_done: &dyn Fn(NodeId) -> bool,
    is_product: &dyn Fn(NodeId) -> bool,
    holder: &dyn Fn(NodeId) -> NodeId,
) -> Region {
    let mut axis = None;
    let mut found: Vec<NodeId> = Vec::new();
    let mut there = vec![false; nodes.len()];
    for &id in waiting.iter().filter(|&&id| !is_product(id)) {
        let own = entries_axis(nodes, id);
        let is_ready = |&arg: &NodeId| is_done(arg) || there[holder(arg)];
        if own.is_some() && (axis.is_none() || own == axis) && nodes[id].args.iter().all(is_ready) {
            axis = own;
            found.push(id);
            there[id] = true;
        }
    }
    let mut is_wanted = vec![true; nodes.len()];
    let mut readers: Vec<Vec<NodeId>> = vec![Vec::new(); nodes.len()];
    for &id in waiting {
        nodes[id].args.iter().for_each(|&arg| readers[holder(arg)].push(id));
    }
    for &id in found.iter().rev() {
        let readers = &readers[id];
        let waits = |&other: &NodeId| {
            let now = there[other] && is_wanted[other];
            !now && entries_axis(nodes, other).is_some() && !is_product(other)
        };
        is_wanted[id] = readers.is_empty() || !readers.iter().all(waits);
    }
    if found.iter().all(|&id| !is_wanted[id]) {
        found.iter().for_each(|&id| is_wanted[id] = true);
    }
    found.retain(|&id| is_wanted[id]);
    let mut stage: HashMap<NodeId, usize> = HashMap::new();
    let mut stages: Vec<Vec<NodeId>> = Vec::new();
    for &id in &found {
        let before = nodes[id].args.iter().filter_map(|&arg| {
            let arg = holder(arg);
            stage.get(&arg).map(|stage| stage + usize::from(ends_a_stage(nodes, arg)))
        });
        let own = before.max().unwrap_or(0);
        stage.insert(id, own);
        if stages.len() <= own {
            stages.resize_with(own + 1, Vec::new);
        }
        stages[own].push(id);
    }
    match axis {
        Some(axis) => Region { axis, stages },
        None => unreachable!("every op waits for another"),
    }
}
