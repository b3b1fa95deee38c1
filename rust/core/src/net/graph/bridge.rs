//! Bridges between layers: the final state of a layer as a value per row, and an initial state taken from a value per row.

use crate::step::Program;

use super::axis::Axis;
use super::error::NetError;
use super::network::Network;
use super::node::NodeKind;

impl Network {
    /// Adds a node for the final state of the layer of `node`, by the name of that state in the program: one value per row.
    pub fn final_state(&mut self, node: usize, name: &str) -> Result<usize, NetError> {
        self.check(node)?;
        let NodeKind::Layer { layer, .. } = self.nodes[node].kind else {
            return Err(NetError::Config(format!("node {node} is not an output of a layer")));
        };
        let of = &self.layers[layer];
        let state = state_of(&of.plan.program, name)?;
        if let Some(node) = of.finals[state] {
            return Ok(node);
        }
        let width = self.states[of.first_state + state];
        let made = self.push(NodeKind::Final { layer, state }, width, Axis::Row);
        self.layers[layer].finals[state] = Some(made);
        Ok(made)
    }

    /// Whether the initial value of a state slot is the value of a node.
    pub fn is_bridged(&self, slot: usize) -> bool {
        let layer = self.layers.iter().find(|layer| layer.state_slots().contains(&slot));
        layer.is_some_and(|layer| layer.initial[slot - layer.first_state].is_some())
    }

    /// For each state of a program, the node of its initial value, if `initial` names one.
    pub(super) fn initial_states(
        &self,
        program: &Program,
        initial: &[(&str, usize)],
    ) -> Result<Vec<Option<usize>>, NetError> {
        let mut nodes = vec![None; program.states.len()];
        for &(name, node) in initial {
            let (state, from) = (state_of(program, name)?, self.check(node)?);
            let bad =
                |text: String| NetError::Shape(format!("{}: initial state {name:?} {text}", program.name));
            if from.axis != Axis::Row {
                let axis = self.axis_name(from.axis);
                return Err(bad(format!(
                    "takes a value per row; got a sequence on the axis {axis:?}, reduce it first (last, mean, ...)"
                )));
            }
            let expected = program.nodes[program.states[state]].numel();
            if self.limit(node).is_some() || from.width != expected {
                let got = if self.limit(node).is_some() { "ids".into() } else { from.width.to_string() };
                return Err(bad(format!("takes {expected} features; got {got}")));
            }
            if nodes[state].replace(node).is_some() {
                return Err(bad("is given twice".into()));
            }
        }
        Ok(nodes)
    }
}

/// The index of a state by its name.
fn state_of(program: &Program, name: &str) -> Result<usize, NetError> {
    let names = || program.states.iter().map(|&id| program.label(id));
    names().position(|other| other == name).ok_or_else(|| {
        let known: Vec<&str> = names().collect();
        let text = format!("{} has no state {name:?}; it has {}", program.name, known.join(", "));
        NetError::Config(text)
    })
}
