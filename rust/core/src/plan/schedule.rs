//! The order of work within a phase: all row ops that are ready, then all products that are ready, and again.

use std::collections::{HashMap, HashSet};

use crate::step::{Node, NodeId, Run, rows};

use super::phase::Phase;

/// A product, possibly with the sum that it starts from: `out = init + matrix @ vector`.
#[derive(Debug, Clone)]
pub struct Product {
    pub out: NodeId,
    pub matrix: NodeId,
    pub vector: NodeId,
    pub transpose: bool,
    pub init: Option<NodeId>,
}

/// The work of one phase, in order.
#[derive(Debug, Clone)]
pub enum Work {
    Rows(Vec<NodeId>),
    /// Products of one operand, which become one product.
    Products(Vec<Product>),
    /// A scan, by its number, with the nodes that it computes.
    Scan(usize, Vec<NodeId>),
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
                && uses[product] == 1
                && phases[product] == phases[id]
                && nodes[init].numel() == node.numel()
                && nodes[product].numel() == node.numel()
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
    Product { out: id, matrix: node.args[0], vector: node.args[1], transpose, init: None }
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
            let alone = product(id).is_none() && !is_scan(id);
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
        let mut groups: Vec<Vec<Product>> = Vec::new();
        let mut now_done = Vec::new();
        waiting.retain(|&id| {
            let Some(p) = product(id) else { return true };
            let ready = done[holder(p.vector)] && p.init.is_none_or(|init| done[holder(init)]);
            if ready {
                now_done.push(id);
                match groups.iter_mut().find(|group| group[0].vector == p.vector) {
                    Some(group) => group.push(p),
                    None => groups.push(vec![p]),
                }
            }
            !ready
        });
        now_done.into_iter().for_each(|id| done[id] = true);
        order.extend(groups.into_iter().map(Work::Products));
    }
    order
}
