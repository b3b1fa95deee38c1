//! A finished program.

use std::collections::BTreeMap;

use super::{Node, NodeId, Run, rows};

/// Equations of one step: `(inputs, states, parameters) -> (outputs, updates)`.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    pub sizes: BTreeMap<String, usize>,
    pub nodes: Vec<Node>,
    pub inputs: Vec<NodeId>,
    pub states: Vec<NodeId>,
    pub params: Vec<NodeId>,
    /// Sequences on other axes that stay constant while the step is repeated.
    pub memories: Vec<NodeId>,
    pub outputs: Vec<(String, NodeId)>,
    /// The next value of each state, in the order of `states`.
    pub updates: Vec<NodeId>,
}

impl Program {
    /// The name of a source node.
    pub fn label(&self, node: NodeId) -> &str {
        self.nodes[node].label.as_deref().unwrap_or("")
    }

    /// The states of the row; those on the entries of a memory come after them.
    pub fn row_states(&self) -> &[NodeId] {
        let count = self.states.iter().filter(|&&id| self.nodes[id].entries.is_none()).count();
        &self.states[..count]
    }

    /// The entries axis of memory `k`: memories of one axis have the same entries.
    pub fn axis_of_memory(&self, k: usize) -> usize {
        self.nodes[self.memories[k]].entries.unwrap_or(k)
    }

    /// The number of entries axes.
    pub fn entry_axes(&self) -> usize {
        (0..self.memories.len()).map(|k| self.axis_of_memory(k) + 1).max().unwrap_or(0)
    }

    /// Whether the program calls a function; the layer provides it.
    pub fn calls(&self) -> bool {
        self.nodes.iter().any(|node| matches!(rows::row(node.op).run, Run::Call(_)))
    }

    /// The nodes on which outputs and updates depend, including these.
    pub fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        for &node in self.outputs.iter().map(|(_, node)| node).chain(&self.updates) {
            live[node] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            if live[id] {
                for &arg in &self.nodes[id].args {
                    live[arg] = true;
                }
            }
        }
        live
    }
}
