//! What the value of a node depends on.

use crate::step::{Node, NodeId, Run, rows};

/// What a value depends on, at most: a later variant varies more often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependence {
    /// Parameters and constants only.
    Parameters,
    /// Inputs that have one value per row, and parameters.
    Row,
    /// Inputs that have a value per step, noise, or a called function.
    Step,
    State,
}

/// Appends the dependence of the nodes that `found` lacks. `is_row`: whether an input has one value per row.
pub fn find_dependences(nodes: &[Node], is_row: &dyn Fn(NodeId) -> bool, found: &mut Vec<Dependence>) {
    for (id, node) in nodes.iter().enumerate().skip(found.len()) {
        let row = rows::row(node.op);
        let own = match (row.run, row.name) {
            (Run::Source, "input") if is_row(id) => Dependence::Row,
            (Run::Source, "input") => Dependence::Step,
            (Run::Source, "state") => Dependence::State,
            // what depends on memories and parameters alone leaves the step before: see `entry_level`
            (Run::Source, "memory") => Dependence::Step,
            (Run::Entries(_), _) => Dependence::Step,
            (Run::Noise, _) if !node.folded => Dependence::Step,
            (Run::Call(_), _) => Dependence::Step,
            _ => Dependence::Parameters,
        };
        found.push(node.args.iter().map(|&arg| found[arg]).fold(own, Dependence::max));
    }
}

/// The dependence of every node.
pub fn dependences(nodes: &[Node], is_row: &dyn Fn(NodeId) -> bool) -> Vec<Dependence> {
    let mut found = Vec::with_capacity(nodes.len());
    find_dependences(nodes, is_row, &mut found);
    found
}

/// For each value on entries, whether it is the same at every step: made of memories and parameters, entry by entry.
pub fn constant_in_time(nodes: &[Node]) -> Vec<bool> {
    let mut constant: Vec<bool> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let row = rows::row(node.op);
        let own = match row.run {
            Run::Source => row.name == "memory",
            Run::Entries(_) | Run::Noise | Run::Call(_) => false,
            _ => node.entries.is_some() && node.args.iter().all(|&arg| nodes[arg].folded || constant[arg]),
        };
        constant.push(own);
    }
    constant
}
