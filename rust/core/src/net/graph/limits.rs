//! The range of ids that is safe for a program: every table and vector that the ids index has an entry for each of them.

use crate::step::{Program, Run, rows};

/// For each input of a program: None for features; for ids, the number of safe values.
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

/// The most layers of a network; the numbers from there up to those of `u16` are the layers of the noise of losses.
pub const MOST_LAYERS: usize = 1 << 15;

/// The layer whose noise is that of the loss of an output; None for too many outputs.
pub fn noise_layer(output: usize) -> Option<u16> {
    u16::try_from(MOST_LAYERS + output).ok()
}
