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
        let differentiated = self.nodes[node].differentiated;
        let made = self.push(NodeKind::Final { layer, state }, width, Axis::Row, differentiated);
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
        let mut nodes = vec![None; program.row_states().len()];
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

/// The index of a state of the row by its name.
fn state_of(program: &Program, name: &str) -> Result<usize, NetError> {
    let names = || program.row_states().iter().map(|&id| program.label(id));
    names().position(|other| other == name).ok_or_else(|| {
        let known: Vec<&str> = names().collect();
        let text = format!("{} has no state {name:?}; it has {}", program.name, known.join(", "));
        NetError::Config(text)
    })
}

#[cfg(test)]
mod tests {
    use super::super::layer::LayerParts;
    use super::*;
    use crate::step::{Builder, Dim, Equations, Source};
    use std::collections::BTreeMap;

    /// y = x + s, s' = y.
    fn step() -> Program {
        let build = || {
            let mut g = Builder::new("sum", BTreeMap::new());
            let x = g.source(Source::Input, "x", vec![Dim::number(3)])?;
            let s = g.source(Source::State, "s", vec![Dim::number(3)])?;
            let y = g.op("add", &[x, s])?;
            g.finish(&[("y".to_string(), y)], &[("s".to_string(), y)])
        };
        build().unwrap()
    }

    /// An encoder on one axis, whose end starts a decoder on another; the decoder's last output is read on both axes.
    fn network() -> Network {
        let mut network = Network::default();
        let (x, y) = (network.input("x", "source", 3).unwrap(), network.input("y", "target", 3).unwrap());
        let program = step();
        let encoder = network.layer(LayerParts::new(&program, &[x], &[])).unwrap();
        let end = network.final_state(encoder, "s").unwrap();
        assert_eq!(network.final_state(encoder, "s").unwrap(), end);
        let initial = [("s", end)];
        let decoder =
            network.layer(LayerParts { initial: &initial, ..LayerParts::new(&program, &[y], &[]) }).unwrap();
        let last = network.derive("last", &[decoder]).unwrap();
        let again = network.derive("repeat", &[last, x]).unwrap();
        let also = network.derive("repeat", &[last, y]).unwrap();
        network.finish(&[("y", decoder), ("again", again), ("also", also)]).unwrap();
        network
    }

    #[test]
    fn a_text_has_the_first_version_that_can_express_the_network() {
        let text = network().to_json().unwrap();
        assert!(text.starts_with(r#"{"format":2,"#));
        assert!(Network::from_json(&text.replace(r#""format":2"#, r#""format":1"#), true).is_err());
        let mut other = Network::default();
        let x = other.input("x", "steps", 3).unwrap();
        other.finish(&[("x", x)]).unwrap();
        assert!(other.to_json().unwrap().starts_with(r#"{"format":2,"#));
    }

    #[test]
    fn a_text_gives_axes_and_bridges_back() {
        let network = network();
        let text = network.to_json().unwrap();
        let again = Network::from_json(&text, true).unwrap();
        assert_eq!((&again.nodes, &again.axes), (&network.nodes, &network.axes));
        assert_eq!(
            (&again.layers[1].initial[..], &again.layers[0].finals[..]),
            (&[Some(3)][..], &[Some(3)][..])
        );
        assert_eq!(again.state_axes, [Axis::Sequence(0), Axis::Sequence(1)]);
        assert_eq!((network.is_bridged(0), network.is_bridged(1)), (false, true));
        // without a second part, a repeat is on the first axis
        assert!(text.contains(r#"{"op":"repeat","parts":[5]}"#) && text.contains(r#""parts":[5,1]}"#));
    }

    #[test]
    fn damaged_and_hostile_bridges_are_errors() {
        let text = network().to_json().unwrap();
        let hostile = [
            (r#""initial":{"s":3}"#, r#""initial":{"s":4}"#),
            (r#""initial":{"s":3}"#, r#""initial":{"s":0}"#),
            (r#""initial":{"s":3}"#, r#""initial":{"t":3}"#),
            (r#""initial":{"s":3}"#, r#""initial":[3]"#),
            (r#""initial":{"s":3}"#, r#""initial":{}"#),
            (r#""name":"s","op":"final""#, r#""name":"t","op":"final""#),
            (r#""op":"final","parts":[2]"#, r#""op":"final","parts":[0]"#),
            (r#""op":"final","parts":[2]"#, r#""op":"final","parts":[2,2]"#),
            (r#""parts":[5,1]"#, r#""parts":[5,0]"#),
            (r#""parts":[5,1]"#, r#""parts":[5,5]"#),
            (r#""axis":"target""#, r#""axis":"""#),
            (r#""axis":"target""#, r#""axis":"row""#),
        ];
        for (right, wrong) in hostile {
            assert!(text.contains(right), "{right} is not in {text}");
            assert!(Network::from_json(&text.replace(right, wrong), true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_initial_state_is_a_value_per_row_of_the_same_width() {
        let mut network = Network::default();
        let (x, narrow) = (network.input("x", "time", 3).unwrap(), network.input("n", "row", 2).unwrap());
        let (row, ids) = (network.input("r", "row", 3).unwrap(), network.index_input("i", "row", 3).unwrap());
        let program = step();
        let mut layer = |initial: &[(&str, usize)]| {
            network.layer(LayerParts { initial, ..LayerParts::new(&program, &[x], &[]) })
        };
        for (initial, says) in [
            (&[("s", narrow)][..], "takes 3 features; got 2"),
            (&[("s", x)], "got a sequence on the axis \"time\""),
            (&[("s", ids)], "got ids"),
            (&[("t", row)], "no state \"t\"; it has s"),
            (&[("s", row), ("s", row)], "given twice"),
            (&[("s", 99)], "node 99 does not exist"),
        ] {
            let error = layer(initial).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(layer(&[("s", row)]).is_ok());
    }

    #[test]
    fn sequences_of_two_axes_are_not_joined() {
        let mut network = Network::default();
        let (x, y) = (network.input("x", "source", 3).unwrap(), network.input("y", "target", 3).unwrap());
        let error = network.derive("concat", &[x, y]).unwrap_err().to_string();
        assert!(error.contains(r#""source""#) && error.contains(r#""target""#) && error.contains("reduce"));
        let two = || {
            let mut g = Builder::new("two", BTreeMap::new());
            let a = g.source(Source::Input, "a", vec![Dim::number(3)])?;
            let b = g.source(Source::Input, "b", vec![Dim::number(3)])?;
            let sum = g.op("add", &[a, b])?;
            g.finish(&[("y".to_string(), sum)], &[])
        };
        let program = two().unwrap();
        let error = network.layer(LayerParts::new(&program, &[x, y], &[])).unwrap_err().to_string();
        assert!(error.contains("two") && error.contains(r#""source""#) && error.contains(r#""target""#));
        let row = network.derive("last", &[x]).unwrap();
        let on_target = network.layer(LayerParts::new(&program, &[row, y], &[])).unwrap();
        assert_eq!(network.nodes[on_target].axis, Axis::Sequence(1));
    }
}
