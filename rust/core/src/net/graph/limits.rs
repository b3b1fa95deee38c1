//! Which ids a program may be given: all that its tables and vectors have room for.

use crate::step::{Program, Run, rows};

/// For each input of a program: none for features; for ids the number of values that are safe.
pub fn index_limits(program: &Program) -> Vec<Option<usize>> {
    let mut limits: Vec<Option<usize>> =
        program.inputs.iter().map(|&id| program.nodes[id].is_index.then_some(1 << 24)).collect();
    for node in &program.nodes {
        let (id, room) = match rows::row(node.op).run {
            Run::Lookup => (node.args[1], program.nodes[node.args[0]].shape[0].value),
            Run::Pick => (node.args[1], program.nodes[node.args[0]].numel()),
            Run::OneHot => (node.args[0], node.numel()),
            _ => continue,
        };
        if let Some(position) = program.inputs.iter().position(|&input| input == id) {
            limits[position] = limits[position].map(|limit| limit.min(room));
        }
    }
    limits
}
