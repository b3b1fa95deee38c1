//! A network: nodes, the layers between them, named inputs and outputs.

use std::collections::BTreeSet;

use crate::plan::{LayerPlan, Wanted};
use crate::step::Program;

use super::axis::{Axis, ROW, TIME};
use super::error::NetError;
use super::kinds::{Rows, two_axes};
use super::layer::{Layer, LayerPart, LayerParts, Share, same_ports};
use super::limits::{MOST_LAYERS, index_limits};
use super::node::{InputPort, Node, NodeKind, OutputPort};
use super::penalty::{penalty_output, plan_of_weights};

/// Features of a value, at most: as many as a shape in a program may have.
pub(super) const WIDEST: usize = i32::MAX as usize;

#[derive(Debug, Clone, Default)]
pub struct Network {
    pub nodes: Vec<Node>,
    pub inputs: Vec<InputPort>,
    pub outputs: Vec<OutputPort>,
    pub layers: Vec<Layer>,
    /// The names of the axes of sequences, in the order in which inputs name them.
    pub axes: Vec<String>,
    /// The width of each state, in the order of the layers.
    pub states: Vec<usize>,
    /// The axis of each state's layer.
    pub state_axes: Vec<Axis>,
    /// Whether no gradient of the inputs and initial states is required. Then the gradients of initial states are computed
    /// only where a backward pass runs anyway. Set before nodes are added.
    pub ignores_input: bool,
    /// The offsets of the parameters that are frozen. Set before layers are added.
    pub frozen: BTreeSet<usize>,
    /// The network as it was built, if layers were divided when it was finished.
    pub written: Option<Box<Network>>,
}

impl Network {
    /// A network with the settings of this one, into which its division is written.
    pub(super) fn with_its_settings(&self) -> Network {
        Network {
            nodes: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            layers: Vec::new(),
            axes: self.axes.clone(),
            states: Vec::new(),
            state_axes: Vec::new(),
            ignores_input: self.ignores_input,
            frozen: self.frozen.clone(),
            written: self.written.clone(),
        }
    }

    /// This network with the outputs of `written`. `moved` has the node of each written node.
    pub(super) fn with_outputs_of(mut self, written: &Network, moved: &[usize]) -> Network {
        self.outputs = written.outputs.clone();
        self.outputs.iter_mut().for_each(|port| port.node = moved[port.node]);
        self
    }

    pub(super) fn push(&mut self, kind: NodeKind, width: usize, axis: Axis, differentiated: bool) -> usize {
        self.nodes.push(Node { kind, width, axis, differentiated });
        self.nodes.len() - 1
    }

    pub(super) fn check(&self, node: usize) -> Result<&Node, NetError> {
        match self.nodes.get(node) {
            None => Err(NetError::Config(format!("node {node} does not exist"))),
            Some(_) if !self.outputs.is_empty() => Err(NetError::Config("the network is finished".into())),
            Some(found) => Ok(found),
        }
    }

    /// Adds an input of `width` features on the axis of this name: "row" for one value per row.
    pub fn input(&mut self, name: &str, axis: &str, width: usize) -> Result<usize, NetError> {
        if width == 0 || width > WIDEST {
            return Err(NetError::Shape(format!("input {name:?}: {width} features; expected 1 to {WIDEST}")));
        }
        self.port(name, axis, width, None)
    }

    /// Adds an input of ids in `0..limit`.
    pub fn index_input(&mut self, name: &str, axis: &str, limit: usize) -> Result<usize, NetError> {
        // ids are stored in the network's number type; float32 represents integers exactly up to 2^24
        if limit == 0 || limit > 1 << 24 {
            return Err(NetError::Shape(format!("a table of {limit} rows; expected 1 to 16777216")));
        }
        self.port(name, axis, 1, Some(limit))
    }

    fn port(
        &mut self,
        name: &str,
        axis: &str,
        width: usize,
        limit: Option<usize>,
    ) -> Result<usize, NetError> {
        if self.inputs.iter().any(|port| port.name == name) {
            return Err(NetError::Config(format!(
                "input name {name:?} is used twice; give each input its own name"
            )));
        }
        if axis.is_empty() {
            return Err(NetError::Config(format!("input {name:?}: its axis has no name")));
        }
        let axis = self.axis(axis);
        let differentiated = limit.is_none() && !self.ignores_input;
        let node = self.push(NodeKind::Input(self.inputs.len()), width, axis, differentiated);
        self.inputs.push(InputPort { name: name.to_string(), node, limit });
        Ok(node)
    }

    /// The axis of a name.
    pub(super) fn axis(&mut self, name: &str) -> Axis {
        if name == ROW {
            return Axis::Row;
        }
        let number = self.axes.iter().position(|other| other == name).unwrap_or_else(|| {
            self.axes.push(name.to_string());
            self.axes.len() - 1
        });
        Axis::Sequence(number)
    }

    /// The first axis of sequences, "time" if no input named one.
    pub(super) fn first_axis(&mut self) -> Axis {
        if self.axes.is_empty() {
            self.axes.push(TIME.to_string());
        }
        Axis::FIRST
    }

    /// The name of an axis.
    pub fn axis_name(&self, axis: Axis) -> &str {
        match axis {
            Axis::Row => ROW,
            Axis::Sequence(number) => self.axes.get(number).map_or(TIME, String::as_str),
        }
    }

    /// The limit of a node of ids.
    pub(super) fn limit(&self, node: usize) -> Option<usize> {
        match self.nodes[node].kind {
            NodeKind::Input(number) => self.inputs[number].limit,
            _ => None,
        }
    }

    /// Adds a layer: applies a program at every step, or once per row if all inputs are values per row. If some inputs are
    /// sequences, the values per row are repeated along time. Returns the node of the first output.
    pub fn layer(&mut self, parts: LayerParts) -> Result<usize, NetError> {
        let LayerParts { program, inference, penalty, inputs, memories, initial, params, function, ids } =
            parts;
        if inputs.len() != program.inputs.len() || params.len() != program.params.len() {
            return Err(NetError::Config(format!(
                "{} takes {} inputs and {} parameters; got {} and {}",
                program.name,
                program.inputs.len(),
                program.params.len(),
                inputs.len(),
                params.len()
            )));
        }
        if program.outputs.is_empty() {
            return Err(NetError::Config(format!("{} has no output", program.name)));
        }
        if inference.is_some_and(|other| !same_ports(other, program)) {
            return Err(NetError::Config(format!(
                "{}: the inference program differs in inputs, states, parameters or outputs; expected the same ones",
                program.name
            )));
        }
        let step_penalty = penalty_output(program)?;
        if self.layers.len() >= MOST_LAYERS {
            return Err(NetError::Large(format!("more than {MOST_LAYERS} layers")));
        }
        self.check_inputs(program, inference, inputs)?;
        self.check_memories(program, memories)?;
        let initial = self.initial_states(program, initial)?;
        let (inputs, axis) = self.on_one_axis(&program.name, inputs)?;
        if axis == Axis::Row && step_penalty.is_some() {
            let text =
                "a step penalty requires a sequence, but this layer runs once per row; omit the penalty";
            return Err(NetError::Config(format!("{}: {text}", program.name)));
        }
        let frozen: Vec<bool> = params.iter().map(|at| self.frozen.contains(at)).collect();
        let reads_states = !program.states.is_empty() && !self.ignores_input;
        let starts: Vec<usize> = initial.iter().flatten().copied().collect();
        let differentiated = frozen.contains(&false)
            || reads_states
            || self.is_differentiated(&inputs)
            || self.is_differentiated(memories)
            || self.is_differentiated(&starts);
        let wanted = Wanted {
            inputs: &|input| self.nodes[inputs[input]].differentiated,
            memories: &|memory| self.nodes[memories[memory]].differentiated,
            params: &|param| !frozen[param],
            backward: differentiated,
        };
        let planned = |program: &Program| -> Result<LayerPlan, NetError> {
            let plan = match ids {
                Some(ids) => LayerPlan::by_id(program, ids, &wanted)?,
                None => LayerPlan::with_gradients(program, &wanted)?,
            };
            match function {
                Some(function) => Ok(plan.calling(function)),
                None if program.calls() => {
                    Err(NetError::Config(format!("{} calls a function, but none was given", program.name)))
                }
                None => Ok(plan),
            }
        };
        let plan = planned(program)?;
        let inference = inference.map(planned).transpose()?.map(Box::new);
        let penalty = penalty.map(|other| plan_of_weights(other, program, &frozen));
        let penalty = penalty.transpose()?.map(Box::new);
        let params =
            (params.iter().zip(&program.params)).map(|(&at, &id)| (at, program.nodes[id].numel())).collect();
        let resting = inference.as_ref().map_or(program, |plan| &plan.program);
        let live = resting.live();
        let read = resting.params.iter().map(|&id| live[id]).collect();
        let first_state = self.states.len();
        self.states.extend(program.row_states().iter().map(|&id| program.nodes[id].numel()));
        self.state_axes.resize(self.states.len(), axis);
        let width = plan.output_width(0);
        let layer = self.layers.len();
        let mut outputs = vec![None; program.outputs.len()];
        outputs[0] = Some(self.nodes.len());
        self.layers.push(Layer {
            plan,
            inference,
            penalty,
            axis,
            parts: inputs.iter().chain(initial.iter().flatten()).chain(memories).copied().collect(),
            inputs,
            memories: memories.to_vec(),
            finals: vec![None; initial.len()],
            initial,
            outputs,
            step_penalty,
            params,
            read,
            frozen,
            first_state,
            share: Share { layer, part: LayerPart::Step },
        });
        Ok(self.push(NodeKind::Layer { layer, output: 0 }, width, axis, differentiated))
    }

    /// Adds a node for another output of the layer of `node`, by the name of that output in the program.
    pub fn layer_output(&mut self, node: usize, name: &str) -> Result<usize, NetError> {
        self.check(node)?;
        let NodeKind::Layer { layer, .. } = self.nodes[node].kind else {
            return Err(NetError::Config(format!("node {node} is not an output of a layer")));
        };
        let of = &self.layers[layer];
        let outputs = &of.plan.program.outputs;
        let Some(output) = outputs.iter().position(|(other, _)| other == name) else {
            let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
            let text = format!("{} has no output {name:?}", of.plan.program.name);
            return Err(NetError::Config(format!("{text}; expected one of {}", names.join(", "))));
        };
        if let Some(node) = of.outputs[output] {
            return Ok(node);
        }
        if of.step_penalty == Some(output) {
            return Err(NetError::Config("a penalty is added to the loss; no layer can read it".into()));
        }
        let (width, axis) = (of.plan.output_width(output), of.axis);
        let differentiated = self.nodes[node].differentiated;
        let made = self.push(NodeKind::Layer { layer, output }, width, axis, differentiated);
        self.layers[layer].outputs[output] = Some(made);
        Ok(made)
    }

    /// Returns an error for inputs of the wrong width, and for ids outside the range of the program's tables.
    fn check_inputs(
        &self,
        program: &Program,
        inference: Option<&Program>,
        inputs: &[usize],
    ) -> Result<(), NetError> {
        let mut limits = index_limits(program);
        if let Some(other) = inference {
            let both = limits.iter_mut().zip(index_limits(other));
            both.for_each(|(limit, other)| *limit = limit.zip(other).map(|(a, b)| a.min(b)));
        }
        for ((&node, &input), limit) in inputs.iter().zip(&program.inputs).zip(&limits) {
            let width = self.check(node)?.width;
            let expected = program.nodes[input].numel();
            match (self.limit(node), limit) {
                (Some(given), Some(limit)) if given <= *limit => {}
                (Some(_), _) | (_, Some(_)) => {
                    let name = program.label(input);
                    return Err(NetError::Shape(format!(
                        "{}: input {name:?} has ids of another range than the program accepts",
                        program.name
                    )));
                }
                _ if width != expected => {
                    return Err(NetError::Shape(format!(
                        "{}: input {:?} takes {expected} features, got {width}",
                        program.name,
                        program.label(input)
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns an error for memories that do not fit a program.
    fn check_memories(&self, program: &Program, memories: &[usize]) -> Result<(), NetError> {
        let names = || program.memories.iter().map(|&id| program.label(id));
        if memories.len() != program.memories.len() {
            let known = names().collect::<Vec<_>>().join(", ");
            let (takes, got) = (program.memories.len(), memories.len());
            return Err(NetError::Config(format!(
                "{} reads {takes} memories ({known}); got {got}",
                program.name
            )));
        }
        let mut axes: Vec<Option<Axis>> = vec![None; program.entry_axes()];
        for (k, (name, &node)) in names().zip(memories).enumerate() {
            let bad = |text: String| NetError::Shape(format!("{}: memory {name:?} {text}", program.name));
            let (expected, given) = (program.nodes[program.memories[k]].numel(), self.check(node)?);
            if self.limit(node).is_some() || given.width != expected {
                let got = if self.limit(node).is_some() { "ids".into() } else { given.width.to_string() };
                return Err(bad(format!("has entries of {expected} features; got {got}")));
            }
            if given.axis == Axis::Row {
                return Err(bad("is a sequence; got a value of a row".into()));
            }
            let axis = &mut axes[program.axis_of_memory(k)];
            if axis.is_some_and(|axis| axis != given.axis) {
                return Err(bad("lies on another axis than a memory with the same entries".into()));
            }
            *axis = Some(given.axis);
        }
        Ok(())
    }

    /// The inputs of a layer on the axis that it runs along: next to sequences, values per row are repeated.
    fn on_one_axis(&mut self, what: &str, inputs: &[usize]) -> Result<(Vec<usize>, Axis), NetError> {
        let first = inputs.iter().find(|&&node| self.nodes[node].axis.is_sequence());
        let axis = match first {
            Some(&node) => self.nodes[node].axis,
            None if inputs.is_empty() => self.first_axis(),
            None => Axis::Row,
        };
        for other in inputs.iter().map(|&node| self.nodes[node].axis) {
            if other.is_sequence() && other != axis {
                let text = two_axes(self.axis_name(axis), self.axis_name(other));
                return Err(NetError::Shape(format!("{what}: {text}")));
            }
        }
        let mut found = Vec::with_capacity(inputs.len());
        for &node in inputs {
            found.push(match first {
                Some(&like) if self.nodes[node].axis != axis => self.derive("repeat", &[node, like])?,
                _ => node,
            });
        }
        Ok((found, axis))
    }

    /// Names the outputs. Nothing can be added afterwards.
    pub(super) fn name_outputs(&mut self, outputs: &[(&str, usize)]) -> Result<(), NetError> {
        if outputs.is_empty() {
            return Err(NetError::Config("the network has no output; expected at least one".into()));
        }
        let mut named: Vec<OutputPort> = Vec::new();
        for &(name, node) in outputs {
            self.check(node)?;
            if self.limit(node).is_some() {
                return Err(NetError::Config("an output is an input of ids; expected features".into()));
            }
            if named.iter().any(|other| other.name == name) {
                return Err(NetError::Config(format!(
                    "output name {name:?} is used twice; give each output its own name"
                )));
            }
            named.push(OutputPort { name: name.to_string(), node });
        }
        self.outputs = named;
        Ok(())
    }

    /// The network as it was built: its text and its layers as the author knows them.
    pub fn written(&self) -> &Network {
        self.written.as_deref().unwrap_or(self)
    }

    /// Names the written layer of the layer that was added last.
    pub(super) fn set_share(&mut self, share: Share) {
        if let Some(layer) = self.layers.last_mut() {
            layer.share = share;
        }
    }

    /// Returns an error unless the network is finished.
    pub fn finished(&self) -> Result<(), NetError> {
        match self.outputs.is_empty() {
            true => Err(NetError::Config("the network is not finished".into())),
            false => Ok(()),
        }
    }

    /// Whether the gradient of one of these nodes is required.
    fn is_differentiated(&self, nodes: &[usize]) -> bool {
        nodes.iter().any(|&node| self.nodes[node].differentiated)
    }

    /// For each state, whether the backward pass computes the gradient of its initial value.
    pub fn initial_gradients(&self) -> Vec<bool> {
        let mut found = vec![false; self.states.len()];
        for layer in &self.layers {
            found[layer.state_slots()].fill(layer.plan.has_backward());
        }
        found
    }

    /// The nodes from which a node is computed directly.
    pub fn parts(&self, node: usize) -> &[usize] {
        match &self.nodes[node].kind {
            NodeKind::Input(_) => &[],
            NodeKind::Layer { layer, .. } | NodeKind::Final { layer, .. } => &self.layers[*layer].parts,
            NodeKind::Derived { parts, .. } => parts,
        }
    }

    /// The layer that runs at a node.
    pub fn layer_at(&self, node: usize) -> Option<usize> {
        match self.nodes[node].kind {
            NodeKind::Layer { layer, output: 0 } => Some(layer),
            _ => None,
        }
    }

    pub fn width(&self, node: usize) -> usize {
        self.nodes[node].width
    }

    /// Whether some node is a value per row.
    pub fn has_row_values(&self) -> bool {
        self.nodes.iter().any(|node| node.axis == Axis::Row)
    }

    /// Whether some layer reads a memory: a whole sequence at each of its steps. Then time cannot be divided.
    pub fn has_memories(&self) -> bool {
        self.layers.iter().any(|layer| !layer.memories.is_empty())
    }

    /// What makes a value per row of a whole sequence, for a message; None if all values per row are made of inputs per row.
    pub fn reads_whole_rows(&self) -> Option<String> {
        let reduces =
            |number: usize| self.parts(number).iter().any(|&part| self.nodes[part].axis.is_sequence());
        (self.nodes.iter().enumerate()).filter(|(_, node)| node.axis == Axis::Row).find_map(
            |(number, node)| {
                match &node.kind {
                    NodeKind::Final { .. } => Some("a final state".into()),
                    NodeKind::Derived { kind, .. } if reduces(number) => {
                        Some(format!("{kind:?} of a sequence"))
                    }
                    // it has a state, which starts anew with each row
                    NodeKind::Layer { layer, .. } if !self.layers[*layer].plan.program.states.is_empty() => {
                        Some("a recurrent layer that runs once per row".into())
                    }
                    _ => None,
                }
            },
        )
    }

    /// Whether some node reads a sequence from its end.
    pub fn has_reversed(&self) -> bool {
        let reverses = |node: &Node| match &node.kind {
            NodeKind::Derived { moves, .. } => moves.iter().any(|one| one.rows == Rows::Mirror),
            _ => false,
        };
        self.nodes.iter().any(reverses)
    }

    /// Whether a penalty is added to the loss.
    pub fn has_penalties(&self) -> bool {
        self.layers.iter().any(|layer| layer.has_step_penalty() || layer.penalty.is_some())
    }

    /// The number of features of an input whose gradient is required; None for other inputs.
    pub fn input_gradient(&self, input: usize) -> Option<usize> {
        let port = &self.inputs[input];
        (port.limit.is_none() && !self.ignores_input).then(|| self.nodes[port.node].width)
    }

    /// Losses by the node of an output instead of by its number. Fails for an output that does not exist.
    pub fn losses_of_nodes<'a>(
        &self,
        losses: &[(usize, &'a LayerPlan)],
    ) -> Result<Vec<(usize, &'a LayerPlan)>, NetError> {
        let node = |output: usize| match self.outputs.get(output) {
            Some(port) => Ok(port.node),
            None => Err(NetError::Config(format!("output {output} does not exist"))),
        };
        losses.iter().map(|&(output, plan)| Ok((node(output)?, plan))).collect()
    }

    /// The number of features of the first output.
    pub fn output_width(&self) -> Result<usize, NetError> {
        self.finished()?;
        Ok(self.width(self.outputs[0].node))
    }

    /// The number of arena elements that the parameters need.
    pub fn arena_len(&self) -> usize {
        self.layers.iter().flat_map(|layer| &layer.params).map(|(at, numel)| at + numel).max().unwrap_or(0)
    }
}
