//! The task of one pass: its inputs and results, with separate storage for every result.

use std::collections::HashMap;

use crate::adjoint::{Accumulate, Sink};
use crate::step::{Attrs, Node, NodeId, Run, rows};

use super::fold_table::FoldTable;
use super::linear::Recurrence;
use super::matrix::is_matrix;
use super::pass::Class;
use super::phase::{Graph, Phase};
use super::schedule::resolved;

/// A value that exists before the pass starts.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    pub class: Class,
    /// Elements of one row of the buffer that holds the value, and the column of the value in it.
    pub width: usize,
    pub col: usize,
}

/// A state of the pass: the node that is read, its next value, and whether all its values are required or only the last.
#[derive(Debug, Clone, Copy)]
pub struct State {
    pub read: NodeId,
    pub update: NodeId,
    pub history: bool,
}

/// The task of one pass.
pub struct Task<'a> {
    pub nodes: Vec<Node>,
    pub given: HashMap<NodeId, Given>,
    pub states: Vec<State>,
    pub outputs: Vec<NodeId>,
    pub kept: Vec<NodeId>,
    /// Ops that add to the gradients of memories.
    pub accumulated: Vec<NodeId>,
    pub sinks: &'a [Sink],
    pub folds: &'a FoldTable,
    /// The recurrences that scans may run; `plan` removes the others.
    pub scans: Vec<Recurrence>,
    pub reversed: bool,
}

impl Task<'_> {
    /// All nodes that the pass does not compute: sources, values from outside and fold slots.
    pub fn given_nodes(&self) -> Vec<bool> {
        (self.nodes.iter().enumerate())
            .map(|(id, node)| {
                let source = rows::row(node.op).run == Run::Source;
                source || self.given.contains_key(&id) || self.folds.slot(id).is_some()
            })
            .collect()
    }

    /// Results besides the updates of states: outputs, kept values and operands of sinks.
    pub fn wanted(&self) -> Vec<NodeId> {
        let operands = self.sinks.iter().flat_map(|sink| sink_operands(sink.what));
        self.outputs.iter().chain(&self.kept).chain(&self.accumulated).copied().chain(operands).collect()
    }

    /// Whether a scan, or an op of matrices, computes the state along time.
    pub fn is_scanned(&self, state: usize) -> bool {
        self.is_matrix(state) || self.scans.iter().any(|scan| scan.states.contains(&state))
    }

    /// Whether an op of matrices computes the state.
    pub fn is_matrix(&self, state: usize) -> bool {
        is_matrix(&self.nodes[self.states[state].update])
    }

    /// The graph from which phases are computed.
    pub fn graph<'a>(&'a self, given: &'a [bool]) -> Graph<'a> {
        let (scanned, stepped): (Vec<_>, Vec<_>) =
            (0..self.states.len()).partition(|&state| self.is_scanned(state));
        let updates = scanned.iter().map(|&state| self.states[state].update);
        Graph {
            nodes: &self.nodes,
            given,
            states: stepped
                .iter()
                .map(|&state| (self.states[state].read, self.states[state].update))
                .collect(),
            wanted: self.wanted().into_iter().chain(updates).collect(),
        }
    }
}

/// Replaces the equations of scanned states by scans: the value of a state that other nodes read, and its next value, become
/// nodes computed from factors and rests. A scan within the loop stays in the loop: its factors depend on a state of the
/// loop, and the loop depends on the scan.
pub fn place_scans(task: &mut Task) {
    let before = task.nodes.clone();
    loop {
        for (number, scan) in task.scans.iter().enumerate() {
            let operands: Vec<NodeId> = scan.operands().collect();
            let updates = scan.states.iter().map(|&state| task.states[state].update);
            for id in updates.chain(scan.seen.iter().copied()) {
                let node = &mut task.nodes[id];
                node.op = rows::find("scan").unwrap_or_else(|| unreachable!("the op table has no scan"));
                node.args.clone_from(&operands);
                node.attrs = Attrs::numbers(&[("scan", number as f64)]);
            }
        }
        let given = task.given_nodes();
        let phases = task.graph(&given).phases();
        let loops = |scan: &Recurrence| {
            let updates = scan.states.iter().map(|&state| task.states[state].update);
            updates.chain(scan.seen.iter().copied()).any(|id| phases[id] == Phase::Loop)
        };
        let stays: Vec<bool> = task.scans.iter().map(|scan| !loops(scan)).collect();
        if stays.iter().all(|&stays| stays) {
            return;
        }
        let mut stays = stays.into_iter();
        task.scans.retain(|_| stays.next().unwrap_or(false));
        task.nodes.clone_from(&before);
    }
}

/// The values that a sink reads.
pub fn sink_operands(what: Accumulate) -> Vec<NodeId> {
    match what {
        Accumulate::Outer { left, right } => vec![left, right],
        Accumulate::Sum(d) => vec![d],
        Accumulate::Scatter { id, d } => vec![id, d],
        Accumulate::Called { x, s, d } => vec![x, s, d],
    }
}

/// Adds a copy for every update, output and kept value whose storage another result claims.
pub fn settle(task: &mut Task, given: &[bool]) {
    let graph = task.graph(given);
    let phases = graph.phases();
    // The value of a state before a step belongs to the history of that state: if a scan runs the state, the node is
    // computed and not given, but it is still stored in the history.
    let mut in_history = vec![false; task.nodes.len()];
    for state in task.states.iter().filter(|state| state.history) {
        in_history[state.read] = true;
    }
    let has_no_place = |nodes: &[Node], id: NodeId| {
        let is_view = matches!(rows::row(nodes[id].op).run, Run::View | Run::Slice);
        !is_view && !given[id] && !in_history[id]
    };
    // a value that is read for a whole block of time cannot be stored in a carry
    let mut read_late: Vec<bool> = vec![false; task.nodes.len()];
    for id in graph.wanted.iter().copied() {
        read_late[resolved(&task.nodes, given, id).0] = true;
    }
    for (node, _) in task.nodes.iter().zip(&phases).filter(|(_, phase)| **phase == Phase::After) {
        if !matches!(rows::row(node.op).run, Run::View | Run::Slice) {
            node.args.iter().for_each(|&arg| read_late[resolved(&task.nodes, given, arg).0] = true);
        }
    }
    let mut placed: Vec<NodeId> = Vec::new();
    for index in 0..task.states.len() {
        let State { update, history, .. } = task.states[index];
        if task.is_scanned(index) {
            placed.push(update);
            continue;
        }
        let own = has_no_place(&task.nodes, update) && !placed.contains(&update);
        let fits = history || !read_late[update] && phases[update] == Phase::Loop;
        if own && fits {
            placed.push(update);
        } else {
            task.states[index].update = copied(&mut task.nodes, update);
        }
    }
    let fresh = task.nodes.len();
    for index in 0..task.outputs.len() {
        let id = task.outputs[index];
        if id < fresh && !has_no_place(&task.nodes, id) {
            task.outputs[index] = copied(&mut task.nodes, id);
        }
    }
    for index in 0..task.kept.len() {
        let id = task.kept[index];
        if !has_no_place(&task.nodes, id) {
            task.kept[index] = copied(&mut task.nodes, id);
        }
    }
}

fn copied(nodes: &mut Vec<Node>, id: NodeId) -> NodeId {
    let (shape, entries) = (nodes[id].shape.clone(), nodes[id].entries);
    let op = rows::find("copy").unwrap_or_else(|| unreachable!("the op table has no copy"));
    let attrs = Attrs::default();
    nodes.push(Node {
        op,
        args: vec![id],
        attrs,
        shape,
        is_index: nodes[id].is_index,
        label: None,
        folded: false,
        entries,
    });
    nodes.len() - 1
}
