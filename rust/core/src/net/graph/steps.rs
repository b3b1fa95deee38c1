//! Divides a network at the input that it is fed step by step: what can be computed before the first step, such as an encoder,
//! the keys of an attention and values per row, and what runs at each step.

use super::axis::Axis;
use super::error::NetError;
use super::kinds::Rows;
use super::network::Network;
use super::node::{Node, NodeKind};

/// The two parts of a network that runs step by step.
#[derive(Debug, Clone)]
pub struct StepParts {
    /// What runs before the first step. It has the inputs of the network but the one that is fed, and an output for each value
    /// that the steps read. None if they read no such value.
    pub before: Option<Network>,
    /// What runs at each step. Its first input is the one that is fed; the others are the outputs of `before`.
    pub steps: Network,
    /// The number of the fed input in the network.
    pub fed: usize,
    /// By state of `steps`: its number in the network.
    pub states: Vec<usize>,
}

impl Network {
    /// The parts of this network for running step by step. Returns an error for a network that cannot: that reads the fed
    /// sequence backward, or as a whole.
    pub fn step_parts(&self) -> Result<StepParts, NetError> {
        self.finished()?;
        let (fed, axis) = self.fed_input()?;
        let wanted = self.read_by(&[self.outputs[0].node]);
        let is_step = |number: usize| wanted[number] && self.nodes[number].axis == axis;
        self.check_steps(axis, &wanted)?;
        let mut given = vec![false; self.nodes.len()];
        for number in (0..self.nodes.len()).filter(|&number| is_step(number)) {
            self.parts(number).iter().filter(|&&part| !is_step(part)).for_each(|&part| given[part] = true);
        }
        let given: Vec<usize> = (0..self.nodes.len()).filter(|&number| given[number]).collect();
        let before = if given.is_empty() { None } else { Some(self.before_steps(&given, fed)?) };
        let (steps, states) = self.at_each_step(&given, fed, &is_step)?;
        Ok(StepParts { before, steps, fed, states })
    }

    /// The number of the input that is fed step by step, and its axis: that of the output.
    pub(super) fn fed_input(&self) -> Result<(usize, Axis), NetError> {
        let [output] = &self.outputs[..] else {
            let text = "a network with several outputs cannot run step by step; expected one output";
            return Err(NetError::Config(text.into()));
        };
        let axis = self.nodes[output.node].axis;
        let mut inputs =
            (0..self.inputs.len()).filter(|&number| self.nodes[self.inputs[number].node].axis == axis);
        match (axis, inputs.next(), inputs.next()) {
            (Axis::Sequence(_), Some(fed), None) => Ok((fed, axis)),
            _ => Err(NetError::Config(
                "only a network whose output is a sequence, with one input on the axis of its output, can run step by step"
                    .into(),
            )),
        }
    }

    /// By node, whether some of `nodes` are computed from it, themselves included.
    fn read_by(&self, nodes: &[usize]) -> Vec<bool> {
        let mut wanted = vec![false; self.nodes.len()];
        nodes.iter().for_each(|&node| wanted[node] = true);
        for number in (0..self.nodes.len()).rev() {
            if wanted[number] {
                self.parts(number).iter().for_each(|&part| wanted[part] = true);
                // another output or a final state of a layer comes with the layer
                if let NodeKind::Layer { layer, .. } | NodeKind::Final { layer, .. } = self.nodes[number].kind
                {
                    wanted[self.layers[layer].node()] = true;
                }
            }
        }
        wanted
    }

    /// Returns an error if a node on the axis of the steps reads other steps than its own and those before it.
    fn check_steps(&self, axis: Axis, wanted: &[bool]) -> Result<(), NetError> {
        let refuse = |text: String| Err(NetError::Config(text));
        let on_axis = |&part: &usize| self.nodes[part].axis == axis;
        let reverses = |node: &Node| match &node.kind {
            NodeKind::Derived { moves, .. } => moves.iter().any(|one| one.rows == Rows::Mirror),
            _ => false,
        };
        for (number, node) in self.nodes.iter().enumerate().filter(|(number, _)| wanted[*number]) {
            if node.axis == axis && reverses(node) {
                return refuse(
                    "a bidirectional network reads its input to the end before its first output; it cannot run step by step"
                        .into(),
                );
            }
            if node.axis != axis && self.parts(number).iter().any(on_axis) {
                let what = match &node.kind {
                    NodeKind::Final { .. } => "a final state".into(),
                    NodeKind::Derived { kind, .. } => format!("{kind:?} of a sequence"),
                    _ => "a layer with a memory".into(),
                };
                let text = "depends on all steps of a row; a network with one cannot run step by step";
                return refuse(format!("{what} {text}"));
            }
            if let NodeKind::Layer { layer, .. } = node.kind
                && node.axis == axis
                && self.layers[layer].memories.iter().any(on_axis)
            {
                return refuse(
                    "a layer of this network reads all of its steps as a memory; it cannot run step by step"
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// A network of all inputs but `fed`, with these nodes as outputs.
    fn before_steps(&self, given: &[usize], fed: usize) -> Result<Network, NetError> {
        let mut made = self.without_axes();
        let wanted = self.read_by(given);
        let mut moved = vec![usize::MAX; self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            let is_input = matches!(node.kind, NodeKind::Input(input) if input != fed);
            if wanted[number] || is_input {
                moved[number] = made.add_again(self, number, &moved)?;
            }
        }
        let names: Vec<String> = (0..given.len()).map(|place| format!("given{place}")).collect();
        let outputs: Vec<(&str, usize)> =
            names.iter().zip(given).map(|(name, &node)| (name.as_str(), moved[node])).collect();
        made.name_outputs(&outputs)?;
        Ok(made)
    }

    /// A network of the nodes that run at each step, and the numbers of its states in this network.
    fn at_each_step(
        &self,
        given: &[usize],
        fed: usize,
        is_step: &dyn Fn(usize) -> bool,
    ) -> Result<(Network, Vec<usize>), NetError> {
        let mut made = self.without_axes();
        let (mut moved, mut states) = (vec![usize::MAX; self.nodes.len()], Vec::new());
        let first = self.inputs[fed].node;
        moved[first] = made.add_again(self, first, &moved)?;
        for (place, &node) in given.iter().enumerate() {
            let axis = self.axis_name(self.nodes[node].axis);
            moved[node] = made.input(&format!("given{place}"), axis, self.width(node))?;
        }
        for number in (0..self.nodes.len()).filter(|&number| number != first && is_step(number)) {
            moved[number] = made.add_again(self, number, &moved)?;
            states
                .extend(self.layer_at(number).into_iter().flat_map(|layer| self.layers[layer].state_slots()));
        }
        let output = &self.outputs[0];
        made.name_outputs(&[(&output.name, moved[output.node])])?;
        Ok((made, states))
    }

    fn without_axes(&self) -> Network {
        Network { axes: Vec::new(), written: None, ..self.with_its_settings() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layer::LayerParts;
    use super::*;
    use crate::step::{Builder, Dim, Equations, Program, Source};
    use std::collections::BTreeMap;

    /// s' = s + x + the sum of the entries of a memory.
    fn reads() -> Program {
        let mut g = Builder::new("reads", BTreeMap::new());
        let width = || vec![Dim::number(4)];
        let x = g.source(Source::Input, "x", width()).unwrap();
        let s = g.source(Source::State, "s", width()).unwrap();
        let source = g.memory("source", width(), 0).unwrap();
        let all = g.op("entries_sum", &[source]).unwrap();
        let next = g.op("add", &[s, x]).unwrap();
        let next = g.op("add", &[next, all]).unwrap();
        g.finish(&[("y".to_string(), next)], &[("s".to_string(), next)]).unwrap()
    }

    /// s' = s + x.
    fn sums() -> Program {
        let mut g = Builder::new("sums", BTreeMap::new());
        let x = g.source(Source::Input, "x", vec![Dim::number(4)]).unwrap();
        let s = g.source(Source::State, "s", vec![Dim::number(4)]).unwrap();
        let next = g.op("add", &[s, x]).unwrap();
        g.finish(&[("y".to_string(), next)], &[("s".to_string(), next)]).unwrap()
    }

    /// A decoder of "words" over the states of an encoder of "source", which starts from the final one.
    fn network(source_first: bool) -> Network {
        let mut network = Network::default();
        let (encoder, decoder) = (sums(), reads());
        let names = if source_first { ["source", "words"] } else { ["words", "source"] };
        let [one, two] = names.map(|name| network.input(name, name, 4).unwrap());
        let (source, words) = if source_first { (one, two) } else { (two, one) };
        let encoded = network.layer(LayerParts::new(&encoder, &[source], &[])).unwrap();
        let last = network.final_state(encoded, "s").unwrap();
        let (inputs, memories, initial) = ([words], [encoded], [("s", last)]);
        let parts =
            LayerParts { memories: &memories, initial: &initial, ..LayerParts::new(&decoder, &inputs, &[]) };
        let decoded = network.layer(parts).unwrap();
        network.finish(&[("y", decoded)]).unwrap();
        network
    }

    #[test]
    fn an_encoder_runs_before_the_steps_of_a_decoder() {
        for source_first in [true, false] {
            let network = network(source_first);
            let StepParts { before, steps, fed, states } = network.step_parts().unwrap();
            let before = before.unwrap();
            assert_eq!(fed, usize::from(source_first));
            assert_eq!((&before.axes[..], before.layers.len()), (&["source".to_string()][..], 1));
            assert_eq!(before.outputs.len(), 2);
            assert_eq!((&steps.axes[0][..], steps.layers.len(), &states[..]), ("words", 1, &[1][..]));
            assert_eq!(steps.layers[0].memories, [1]);
            assert_eq!(steps.layers[0].initial, [Some(2)]);
            assert_eq!(steps.layers[0].axis, Axis::FIRST);
        }
    }

    #[test]
    fn a_network_that_reads_its_steps_as_a_whole_is_refused() {
        let mut network = Network::default();
        let x = network.input("x", "time", 4).unwrap();
        let (program, memories) = (reads(), [x]);
        let parts = LayerParts { memories: &memories, ..LayerParts::new(&program, &memories, &[]) };
        let y = network.layer(parts).unwrap();
        network.finish(&[("y", y)]).unwrap();
        assert!(network.step_parts().unwrap_err().to_string().contains("as a memory"));
    }
}
