//! The phase of a value: it follows from what the value depends on, and from what reads it.

use crate::step::{Node, NodeId, Run, rows};

/// The most numbers of a value that is always computed before the loop if it can be: an op on the rows of one step takes longer
/// than storing them.
const NARROW: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not computed here: given, folded or not needed.
    None,
    /// Depends on no state: computed for a whole block of time, before the loop.
    Before,
    /// Depends on a state, and a next state needs it: computed step by step.
    Loop,
    /// Depends on a state, but no next state needs it: computed for a whole block of time, after the loop.
    After,
}

/// The graph that a pass computes, with views and copies resolved.
pub struct Graph<'a> {
    pub nodes: &'a [Node],
    /// Values that exist before the pass starts.
    pub given: &'a [bool],
    /// The read of each state, and its next value.
    pub states: Vec<(NodeId, NodeId)>,
    /// Required besides the updates: outputs, stored values, operands of sinks, next values of scanned states.
    pub wanted: Vec<NodeId>,
}

/// The nodes in an order in which operands come first. The node numbers are such an order, except for scans: the operands of
/// a scan may have been added last.
fn order(nodes: &[Node]) -> Vec<NodeId> {
    if nodes.iter().all(|node| rows::row(node.op).run != Run::Scan) {
        return (0..nodes.len()).collect();
    }
    let mut order = Vec::with_capacity(nodes.len());
    let mut placed = vec![false; nodes.len()];
    for first in 0..nodes.len() {
        let mut stack = vec![first];
        while let Some(&id) = stack.last() {
            let open = nodes[id].args.iter().copied().find(|&arg| !placed[arg]);
            match open {
                Some(arg) if !placed[id] => stack.push(arg),
                _ => {
                    if !placed[id] {
                        placed[id] = true;
                        order.push(id);
                    }
                    stack.pop();
                }
            }
        }
    }
    order
}

impl Graph<'_> {
    /// Nodes that the pass must compute.
    pub fn computed(&self) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        for &id in self.wanted.iter().chain(self.states.iter().map(|(_, update)| update)) {
            live[id] = true;
        }
        for id in order(self.nodes).into_iter().rev() {
            live[id] &= !self.given[id];
            if live[id] {
                self.nodes[id].args.iter().for_each(|&arg| live[arg] = true);
            }
        }
        live
    }

    /// The phase of every node.
    pub fn phases(&self) -> Vec<Phase> {
        let count = self.nodes.len();
        let computed = self.computed();
        let order = order(self.nodes);
        let mut on_state = vec![false; count];
        for &(read, _) in &self.states {
            on_state[read] = true;
        }
        for &id in order.iter().filter(|&&id| computed[id]) {
            on_state[id] = self.nodes[id].args.iter().any(|&arg| on_state[arg]);
        }
        let mut needed = vec![false; count];
        for &(_, update) in &self.states {
            needed[update] = true;
        }
        for &id in order.iter().rev().filter(|&&id| computed[id]) {
            if needed[id] {
                self.nodes[id].args.iter().for_each(|&arg| needed[arg] = true);
            }
        }
        self.close_entries(&order, &computed, &on_state, &mut needed);
        let has_states = !self.states.is_empty();
        let mut phases: Vec<Phase> = (0..count)
            .map(|id| match (computed[id], on_state[id], needed[id]) {
                (false, _, _) => Phase::None,
                (true, true, true) => Phase::Loop,
                (true, true, false) => Phase::After,
                (true, false, _) => Phase::Before,
            })
            .collect();
        if has_states {
            self.sink_cheap(&mut phases, &order);
            self.reduce_in_loop(&mut phases);
            self.join_in_loop(&mut phases);
        }
        phases
    }

    /// Keeps the entries of a step in the loop: what reads a value on entries that the loop computes is computed in the loop too,
    /// so that such a value is never stored for several steps.
    fn close_entries(&self, order: &[NodeId], computed: &[bool], on_state: &[bool], needed: &mut [bool]) {
        let in_loop = |needed: &[bool], id: NodeId| computed[id] && on_state[id] && needed[id];
        loop {
            let late = |&&id: &&NodeId| {
                let is_state = |arg: NodeId| self.states.iter().any(|&(read, _)| read == arg);
                let reads = |&arg: &NodeId| {
                    self.nodes[arg].entries.is_some() && (in_loop(needed, arg) || is_state(arg))
                };
                computed[id] && !needed[id] && self.nodes[id].args.iter().any(reads)
            };
            let found: Vec<NodeId> = order.iter().filter(late).copied().collect();
            if found.is_empty() {
                return;
            }
            found.into_iter().for_each(|id| needed[id] = true);
            for &id in order.iter().rev().filter(|&&id| computed[id]) {
                if needed[id] {
                    self.nodes[id].args.iter().for_each(|&arg| needed[arg] = true);
                }
            }
        }
    }

    /// Moves a cheap value that only the loop reads into the loop: storing it in memory costs more than computing it there.
    /// The same holds for the next value of a state that depends on no state.
    fn sink_cheap(&self, phases: &mut [Phase], order: &[NodeId]) {
        let count = self.nodes.len();
        let mut readers: Vec<Vec<NodeId>> = vec![Vec::new(); count];
        for id in (0..count).filter(|&id| phases[id] != Phase::None) {
            self.nodes[id].args.iter().for_each(|&arg| readers[arg].push(id));
        }
        let mut wanted = vec![false; count];
        self.wanted.iter().for_each(|&id| wanted[id] = true);
        let mut updates = vec![false; count];
        self.states.iter().for_each(|&(_, update)| updates[update] = true);
        for &id in order.iter().rev() {
            if phases[id] != Phase::Before {
                continue;
            }
            let product =
                matches!(rows::row(self.nodes[id].op).run, Run::MatVec | Run::Scan | Run::Matrix(_));
            let only_loop = readers[id].iter().all(|&reader| phases[reader] == Phase::Loop);
            let is_update = updates[id];
            let read_by_loop = !readers[id].is_empty() && only_loop;
            let for_the_loop = only_loop && (read_by_loop || is_update) && !wanted[id];
            let node = &self.nodes[id];
            let is_narrow = node.numel() <= NARROW && node.entries.is_none() && !is_update;
            if is_narrow {
                continue;
            }
            if for_the_loop && !product && !self.is_hoisted_sum(id) {
                phases[id] = Phase::Loop;
            }
        }
    }

    /// Moves a reduction of a loop value into the loop: only the reduced number is stored for readers outside, not a row.
    fn reduce_in_loop(&self, phases: &mut [Phase]) {
        for (id, node) in self.nodes.iter().enumerate() {
            let reduces = matches!(rows::row(node.op).run, Run::Reduce(_));
            if phases[id] == Phase::After && reduces && phases[node.args[0]] == Phase::Loop {
                phases[id] = Phase::Loop;
            }
        }
    }

    /// Moves a concatenation of loop values into the loop: the values are computed in its memory.
    fn join_in_loop(&self, phases: &mut [Phase]) {
        for (id, node) in self.nodes.iter().enumerate() {
            let is_late = phases[id] == Phase::After && node.entries.is_none();
            let joins = is_late && rows::row(node.op).run == Run::Concat;
            let of_loop = |&&arg: &&NodeId| phases[self.holder(arg)] == Phase::Loop;
            let most = node.args.iter().filter(of_loop).map(|&arg| self.nodes[arg].numel()).max();
            let is_ready = node.args.iter().all(|&arg| phases[self.holder(arg)] != Phase::After);
            if joins && is_ready && most.is_some_and(|most| 2 * most > node.numel()) {
                phases[id] = Phase::Loop;
            }
        }
    }

    /// The node that holds the bytes of a view.
    fn holder(&self, mut id: NodeId) -> NodeId {
        while !self.given[id] && matches!(rows::row(self.nodes[id].op).run, Run::View | Run::Slice) {
            id = self.nodes[id].args[0];
        }
        id
    }

    /// Whether a sum with a product is computed outside the loop: the product starts from the other operand.
    fn is_hoisted_sum(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        rows::row(node.op).name == "add"
            && node
                .args
                .iter()
                .any(|&arg| rows::row(self.nodes[arg].op).run == Run::MatVec && !self.given[arg])
    }
}
