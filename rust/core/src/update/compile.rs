//! The operations of a pass: which kernel runs on which memory, in what order.
//!
//! A new value is written over the old one by the very operation that computes it, unless the old one is still to be
//! read; so a pass brings each array through the first cache once.

use crate::kernel::Unary;
use crate::step::{Node, NodeId, Program, Run, rows};

use super::form::Extent;
use super::operation::{Action, Operation, Place};
use super::scalars::Scalars;
use super::stages::{Stage, stages};

/// One way through the numbers of some arrays of equal length, tile by tile.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass {
    pub(super) temps: usize,
    pub(super) stages: Vec<Stage>,
    /// Values of rows or columns, and the temporary that holds them for each number.
    pub(super) spreads: Vec<(Spread, usize)>,
    /// Where the values lie that are read after the stages of a tile.
    pub(super) kept: Vec<Place>,
}

/// An array of one number for each row, or for each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    Row(usize),
    Column(usize),
}

impl Spread {
    pub(super) fn extent(self) -> Extent {
        match self {
            Spread::Row(_) => Extent::Row,
            Spread::Column(_) => Extent::Column,
        }
    }
}

/// What a pass has and what it makes.
pub(super) struct Wanted<'a> {
    /// By array: the value that it holds.
    pub(super) sources: &'a [Option<NodeId>],
    /// By array: the value that it becomes.
    pub(super) becomes: &'a [Option<NodeId>],
    pub(super) kept: &'a [NodeId],
    /// Values that are known of each row or column.
    pub(super) spreads: &'a [(NodeId, Spread)],
}

/// The pass that computes what is wanted, with what depends on scalars alone in their table.
pub(super) fn compile(program: &Program, scalars: &Scalars, wanted: &Wanted<'_>) -> Pass {
    let nodes = &program.nodes;
    let Wanted { sources, spreads, .. } = *wanted;
    let becomes: Vec<Option<NodeId>> =
        wanted.becomes.iter().map(|new| new.map(|id| resolved(nodes, id))).collect();
    let kept: Vec<NodeId> = wanted.kept.iter().map(|&id| resolved(nodes, id)).collect();
    let is_known = |id: NodeId| {
        sources.contains(&Some(id))
            || spreads.iter().any(|&(known, _)| known == id)
            || scalars.slot(id).is_some()
    };
    let roots = becomes.iter().flatten().chain(&kept).copied();
    let computed = needed(nodes, roots, is_known);
    let reads = |id: NodeId| nodes[id].args.iter().map(|&arg| resolved(nodes, arg));
    let mut last_read = vec![None; nodes.len()];
    for &id in &computed {
        reads(id).for_each(|arg| last_read[arg] = Some(id));
    }
    let changed = |array: usize| becomes[array].is_some() && becomes[array] != sources[array];
    // Arrays whose old value another array takes over: they are saved first.
    let saved: Vec<NodeId> = (0..sources.len())
        .filter(|&array| changed(array))
        .filter_map(|array| becomes[array])
        .filter(|&node| sources.contains(&Some(node)))
        .collect();
    let mut homes: Vec<Option<Place>> = vec![None; nodes.len()];
    for (array, source) in sources.iter().enumerate() {
        source.iter().for_each(|&source| homes[source] = Some(Place::Stream(array)));
    }
    let mut temps = Temps::default();
    let is_read = |id: NodeId| last_read[id].is_some() || becomes.contains(&Some(id)) || kept.contains(&id);
    let mut spread = Vec::new();
    for &(node, from) in spreads.iter().filter(|(node, _)| is_read(*node)) {
        let temp = temps.take();
        homes[node] = Some(Place::Temp(temp));
        spread.push((from, temp));
    }
    // Arrays that the operation of their new value may write, as nothing later reads the old one.
    for (array, (old, new)) in sources.iter().zip(&becomes).enumerate() {
        let Some(new) = *new else { continue };
        let over = old.is_none_or(|old| {
            !kept.contains(&old) && last_read[old].is_none_or(|reader: NodeId| reader <= new)
        });
        if changed(array) && computed.contains(&new) && homes[new].is_none() && over {
            homes[new] = Some(Place::Stream(array));
        }
    }
    let mut operations = Vec::new();
    let copy =
        |from: Place, dst: Place| Operation { action: Action::Unary(Unary::Copy, 0.0), args: [from; 3], dst };
    let mut saves: Vec<(NodeId, Place)> = Vec::new();
    for &node in &saved {
        if !saves.iter().any(|&(known, _)| known == node) {
            let place = Place::Temp(temps.take());
            operations.extend(homes[node].map(|from| copy(from, place)));
            saves.push((node, place));
        }
    }
    let place = |homes: &[Option<Place>], id: NodeId| match scalars.slot(id) {
        Some(slot) => Place::Scalar(slot),
        None => homes[id].unwrap_or(Place::Temp(0)), // operands come before their operation
    };
    let is_spread = |id: NodeId| spreads.iter().any(|&(known, _)| known == id);
    for &id in &computed {
        let mut args = [Place::Scalar(0); 3];
        for (slot, arg) in args.iter_mut().zip(reads(id)) {
            *slot = place(&homes, arg);
        }
        for arg in reads(id) {
            if let (Some(Place::Temp(temp)), true) = (homes[arg], last_read[arg] == Some(id))
                && !becomes.contains(&Some(arg))
                && !kept.contains(&arg)
                && !is_spread(arg)
            {
                temps.give(temp);
            }
        }
        let dst = *homes[id].get_or_insert_with(|| Place::Temp(temps.take()));
        operations.push(Operation { action: action(&nodes[id]), args, dst });
    }
    for (array, new) in becomes.iter().enumerate().filter(|&(array, _)| changed(array)) {
        let Some(new) = *new else { continue };
        let saved = saves.iter().find(|&&(node, _)| node == new).map(|&(_, place)| place);
        let from = saved.unwrap_or_else(|| place(&homes, new));
        if from != Place::Stream(array) {
            operations.push(copy(from, Place::Stream(array)));
        }
    }
    let kept: Vec<Place> = kept.iter().map(|&id| place(&homes, id)).collect();
    Pass { temps: temps.made, stages: stages(&operations, &kept), spreads: spread, kept }
}

/// The nodes that have to be computed for some others, in order.
pub(super) fn needed(
    nodes: &[Node],
    roots: impl Iterator<Item = NodeId>,
    is_known: impl Fn(NodeId) -> bool,
) -> Vec<NodeId> {
    let mut wanted = vec![false; nodes.len()];
    roots.for_each(|id| wanted[id] = true);
    for id in (0..nodes.len()).rev().filter(|&id| !is_known(id)) {
        if wanted[id] {
            nodes[id].args.iter().for_each(|&arg| wanted[arg] = true);
        }
    }
    let computes = |id: NodeId| !matches!(rows::row(nodes[id].op).run, Run::Source | Run::View);
    (0..nodes.len()).filter(|&id| wanted[id] && !is_known(id) && computes(id)).collect()
}

/// The node behind other names of the same number.
pub(super) fn resolved(nodes: &[Node], mut id: NodeId) -> NodeId {
    while rows::row(nodes[id].op).run == Run::View {
        id = nodes[id].args[0];
    }
    id
}

fn action(node: &Node) -> Action {
    match rows::row(node.op).run {
        Run::Binary(op) => Action::Binary(op),
        Run::Ternary(op) => Action::Ternary(op),
        Run::Unary(op) => Action::Unary(op, node.attrs.number("alpha")),
        _ => Action::Unary(Unary::Copy, 0.0), // `Rule::new` has refused all others
    }
}

/// Temporary memories by number, given back and taken again.
#[derive(Default)]
struct Temps {
    made: usize,
    free: Vec<usize>,
}

impl Temps {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.made += 1;
            self.made - 1
        })
    }

    fn give(&mut self, temp: usize) {
        if !self.free.contains(&temp) {
            self.free.push(temp);
        }
    }
}
