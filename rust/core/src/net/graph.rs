//! A network: sequences, and the layers between them.

use std::fmt::Write;
use std::ops::Range;

use crate::plan::{Function, LayerPlan, Pass, PassSummary, explain_layer};
use crate::step::{Program, StepError};
use crate::team::Stop;

use super::limits::index_limits;
use super::penalty::{STEP_PENALTY, check_outputs, plan_of_weights};
use super::pool::Pools;
use super::training_memory::training_memory;

/// What can be wrong with a network or a call of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetError {
    Shape(String),
    Config(String),
    Cancelled,
    Internal(String),
}

impl std::fmt::Display for NetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetError::Shape(text) | NetError::Config(text) | NetError::Internal(text) => f.write_str(text),
            NetError::Cancelled => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for NetError {}

impl From<StepError> for NetError {
    fn from(error: StepError) -> NetError {
        NetError::Shape(error.to_string())
    }
}

impl From<Stop> for NetError {
    fn from(stop: Stop) -> NetError {
        match stop {
            Stop::Cancelled => NetError::Cancelled,
            Stop::Panicked(what) => NetError::Internal(what),
        }
    }
}

/// A sequence of the network: a value of every row at every step.
#[derive(Debug, Clone, PartialEq)]
pub enum SeqNode {
    Input,
    /// Ids `0..limit`.
    Index {
        limit: usize,
    },
    /// First output of a layer.
    Layer(usize),
    /// Each row back to front within its own length.
    Reverse(usize),
    Concat(Vec<usize>),
    Add(usize, usize),
}

#[derive(Debug, Clone)]
pub struct Layer {
    pub plan: LayerPlan,
    /// What runs without training, where that is another program.
    pub inference: Option<Box<LayerPlan>>,
    /// What its parameters add to the loss.
    pub penalty: Option<Box<LayerPlan>>,
    pub inputs: Vec<usize>,
    /// Where each parameter begins in the arena, and its number of elements.
    pub params: Vec<(usize, usize)>,
    /// Number of the layer's first state among all states.
    pub first_state: usize,
}

impl Layer {
    pub fn plan(&self, training: bool) -> &LayerPlan {
        self.inference.as_deref().filter(|_| !training).unwrap_or(&self.plan)
    }

    /// Its states among those of the network.
    pub fn state_slots(&self) -> Range<usize> {
        self.first_state..self.first_state + self.plan.program.states.len()
    }

    /// Its pass forwards.
    pub fn forward(&self, training: bool) -> &Pass {
        let plan = self.plan(training);
        if training { &plan.train } else { &plan.infer }
    }

    /// The output of its way back that is all that it adds to the gradient of a node: none where it reads the node more than
    /// once, or not at all.
    pub fn gradient_for(&self, node: usize) -> Option<usize> {
        let mut reads =
            self.inputs.iter().zip(&self.plan.input_gradients).filter(|(input, _)| **input == node);
        match (reads.next(), reads.next()) {
            (Some((_, &output)), None) => output,
            _ => None,
        }
    }

    /// Whether its steps add to the loss.
    pub fn has_step_penalty(&self) -> bool {
        self.plan.program.outputs.len() > STEP_PENALTY
    }
}

/// What a program takes and gives, without what it computes.
type Ports = (Vec<(String, usize, bool)>, [Vec<(String, usize)>; 2], usize);

fn ports(program: &Program) -> Ports {
    let sized = |&id: &usize| (program.label(id).to_string(), program.nodes[id].numel());
    let inputs = program.inputs.iter().map(|id| (sized(id).0, sized(id).1, program.nodes[*id].is_index));
    let both = [&program.states, &program.params].map(|ids| ids.iter().map(sized).collect());
    (inputs.collect(), both, program.outputs.first().map_or(0, |(_, id)| program.nodes[*id].numel()))
}

#[derive(Debug, Clone, Default)]
pub struct Network {
    pub nodes: Vec<SeqNode>,
    pub widths: Vec<usize>,
    pub layers: Vec<Layer>,
    /// Width of each state, in the order of the layers.
    pub states: Vec<usize>,
    pub output: Option<usize>,
    /// Whether nobody wants the gradient of the input: set before there are layers.
    pub ignores_input: bool,
    pub(super) pools: Pools,
}

impl Network {
    fn push(&mut self, node: SeqNode, width: usize) -> usize {
        self.nodes.push(node);
        self.widths.push(width);
        self.nodes.len() - 1
    }

    fn check(&self, node: usize) -> Result<usize, NetError> {
        match self.nodes.get(node) {
            None => Err(NetError::Config(format!("sequence {node} does not exist"))),
            Some(_) if self.output.is_some() => Err(NetError::Config("the network is finished".into())),
            Some(_) => Ok(self.widths[node]),
        }
    }

    /// The one input of the network: vectors of `width` features.
    pub fn input(&mut self, width: usize) -> Result<usize, NetError> {
        self.only_input()?;
        if width == 0 {
            return Err(NetError::Shape("an input of 0 features".into()));
        }
        Ok(self.push(SeqNode::Input, width))
    }

    /// The one input of the network: ids `0..limit`.
    pub fn index_input(&mut self, limit: usize) -> Result<usize, NetError> {
        self.only_input()?;
        // ids travel as numbers of the network's type; float32 counts exactly to 2^24
        if limit == 0 || limit > 1 << 24 {
            return Err(NetError::Shape(format!("a table of {limit} rows; expected 1 to 16777216")));
        }
        Ok(self.push(SeqNode::Index { limit }, 1))
    }

    fn only_input(&self) -> Result<(), NetError> {
        if self.nodes.is_empty() {
            Ok(())
        } else {
            Err(NetError::Config("a network has one input, made first".into()))
        }
    }

    /// Applies a program at every step; `inference`, where that is given, in calls without training. `params` are the
    /// places of the parameters in the arena, `function` is what a program with `call` calls, `penalty` what the
    /// parameters add to the loss.
    #[allow(clippy::too_many_arguments)] // all that is said of a layer
    pub fn layer(
        &mut self,
        program: &Program,
        inference: Option<&Program>,
        penalty: Option<&Program>,
        inputs: &[usize],
        params: &[usize],
        function: Option<&Function>,
    ) -> Result<usize, NetError> {
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
        if inference.is_some_and(|other| ports(other) != ports(program)) {
            return Err(NetError::Config(format!(
                "{}: the program for inference has other inputs, states, parameters or outputs",
                program.name
            )));
        }
        check_outputs(program)?;
        if self.layers.len() > usize::from(u16::MAX) {
            return Err(NetError::Config("more than 65536 layers".into()));
        }
        let mut limits = index_limits(program);
        if let Some(other) = inference {
            let both = limits.iter_mut().zip(index_limits(other));
            both.for_each(|(limit, other)| *limit = limit.zip(other).map(|(a, b)| a.min(b)));
        }
        for ((&node, &input), limit) in inputs.iter().zip(&program.inputs).zip(&limits) {
            let width = self.check(node)?;
            let expected = program.nodes[input].numel();
            match (&self.nodes[node], limit) {
                (SeqNode::Index { limit: given }, Some(limit)) if given <= limit => {}
                (SeqNode::Index { .. }, _) | (_, Some(_)) => {
                    let name = program.label(input);
                    return Err(NetError::Shape(format!("{}: input {name:?} takes other ids", program.name)));
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
        let planned = |program: &Program| -> Result<LayerPlan, NetError> {
            let plan = LayerPlan::with_gradients(program, |input| self.wants_gradient(inputs[input]))?;
            match function {
                Some(function) => Ok(plan.calling(function)),
                None if program.calls() => {
                    Err(NetError::Config(format!("{} calls a function, which is not given", program.name)))
                }
                None => Ok(plan),
            }
        };
        let plan = planned(program)?;
        let inference = inference.map(planned).transpose()?.map(Box::new);
        let penalty = penalty.map(|other| plan_of_weights(other, program)).transpose()?.map(Box::new);
        let params =
            (params.iter().zip(&program.params)).map(|(&at, &id)| (at, program.nodes[id].numel())).collect();
        let first_state = self.states.len();
        self.states.extend(program.states.iter().map(|&id| program.nodes[id].numel()));
        let width = plan.output_width(0);
        self.layers.push(Layer { plan, inference, penalty, inputs: inputs.to_vec(), params, first_state });
        Ok(self.push(SeqNode::Layer(self.layers.len() - 1), width))
    }

    pub fn reverse(&mut self, node: usize) -> Result<usize, NetError> {
        let width = self.check(node)?;
        if matches!(self.nodes[node], SeqNode::Index { .. }) {
            return Err(NetError::Config("ids cannot be reversed; reverse what is looked up".into()));
        }
        Ok(self.push(SeqNode::Reverse(node), width))
    }

    pub fn concat(&mut self, nodes: &[usize]) -> Result<usize, NetError> {
        let mut width = 0;
        for &node in nodes {
            width += self.check(node)?;
        }
        if nodes.is_empty() {
            return Err(NetError::Config("nothing to concatenate".into()));
        }
        Ok(self.push(SeqNode::Concat(nodes.to_vec()), width))
    }

    pub fn add(&mut self, a: usize, b: usize) -> Result<usize, NetError> {
        let (left, right) = (self.check(a)?, self.check(b)?);
        if left != right {
            return Err(NetError::Shape(format!("cannot add sequences of {left} and {right} features")));
        }
        Ok(self.push(SeqNode::Add(a, b), left))
    }

    pub fn finish(&mut self, output: usize) -> Result<(), NetError> {
        self.check(output)?;
        if matches!(self.nodes[output], SeqNode::Index { .. }) {
            return Err(NetError::Config("a network cannot return its ids".into()));
        }
        self.output = Some(output);
        Ok(())
    }

    /// Whether somebody wants the gradient of a node: a layer before it, or who asks for that of the input.
    fn wants_gradient(&self, node: usize) -> bool {
        match &self.nodes[node] {
            SeqNode::Layer(_) => true,
            SeqNode::Input | SeqNode::Index { .. } => !self.ignores_input,
            _ => (0..node).any(|other| self.reads(node, other) && self.wants_gradient(other)),
        }
    }

    /// Whether the values of node `reader` are made from those of `node` at once.
    pub fn reads(&self, reader: usize, node: usize) -> bool {
        match &self.nodes[reader] {
            SeqNode::Input | SeqNode::Index { .. } => false,
            SeqNode::Layer(layer) => self.layers[*layer].inputs.contains(&node),
            SeqNode::Reverse(from) => *from == node,
            SeqNode::Concat(parts) => parts.contains(&node),
            SeqNode::Add(a, b) => *a == node || *b == node,
        }
    }

    pub fn output(&self) -> Result<usize, NetError> {
        self.output.ok_or_else(|| NetError::Config("the network is not finished".into()))
    }

    pub fn output_width(&self) -> Result<usize, NetError> {
        self.output().map(|node| self.widths[node])
    }

    /// Whether anything is added to a loss.
    pub fn has_penalties(&self) -> bool {
        self.layers.iter().any(|layer| layer.has_step_penalty() || layer.penalty.is_some())
    }

    /// Whether each sequence runs from the end of the input to its beginning. None where one is made of both kinds.
    fn reversed_nodes(&self) -> Option<Vec<bool>> {
        let mut from_end = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let read = match node {
                SeqNode::Input | SeqNode::Index { .. } => &[][..],
                SeqNode::Layer(layer) => &self.layers[*layer].inputs,
                SeqNode::Reverse(from) => std::slice::from_ref(from),
                SeqNode::Concat(parts) => parts,
                SeqNode::Add(a, b) => &[*a, *b],
            };
            let mut directions = read.iter().map(|&node| from_end[node]);
            let first: bool = directions.next().unwrap_or(false);
            if directions.any(|other| other != first) {
                return None;
            }
            from_end.push(first != matches!(node, SeqNode::Reverse(_)));
        }
        Some(from_end)
    }

    /// Whether windows of time have a meaning: no layer reads one sequence forwards beside another backwards.
    pub fn has_directions(&self) -> bool {
        self.reversed_nodes().is_some()
    }

    /// For each layer whether it reads the input from its end.
    pub fn layers_from_end(&self) -> Vec<bool> {
        let nodes = self.reversed_nodes().unwrap_or_else(|| vec![false; self.nodes.len()]);
        self.layers.iter().map(|layer| layer.inputs.first().is_some_and(|&input| nodes[input])).collect()
    }

    /// For each state slot whether its layer does so.
    pub fn states_from_end(&self) -> Vec<bool> {
        let layers = self.layers.iter().zip(self.layers_from_end());
        let slots =
            layers.flat_map(|(layer, from_end)| layer.plan.program.states.iter().map(move |_| from_end));
        slots.collect()
    }

    /// Features of the input per step if it has a gradient, and that is wanted.
    pub fn input_gradient(&self) -> Option<usize> {
        self.feature_input().filter(|_| !self.ignores_input)
    }

    /// Features of the input per step; none where it is ids.
    pub fn feature_input(&self) -> Option<usize> {
        (self.nodes.first() == Some(&SeqNode::Input)).then(|| self.widths[0])
    }

    /// The elements of the arena that the parameters need.
    pub fn arena_len(&self) -> usize {
        self.layers.iter().flat_map(|layer| &layer.params).map(|(at, numel)| at + numel).max().unwrap_or(0)
    }

    /// The plans of all layers in words, for a batch of `rows` sequences of `steps` steps.
    pub fn explain(&self, rows: usize, steps: usize, bytes: usize) -> String {
        let mut text = String::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let params: usize = layer.params.iter().map(|(_, numel)| numel).sum();
            let _ = writeln!(text, "layer {number}: {} ({params} parameters)", layer.plan.program.name);
            text.push_str(&explain_layer(&layer.plan, rows, steps, bytes));
        }
        let memory = match bytes {
            8 => training_memory::<f64>(self, None, rows, steps),
            _ => training_memory::<f32>(self, None, rows, steps),
        };
        if let Ok(memory) = memory {
            let megabytes = |bytes: usize| bytes as f64 / 1e6;
            let _ = writeln!(
                text,
                "training step at {rows} rows x {steps} steps: {:.2} MB at its peak with one thread, {:.2} MB more \
                 for each further one, up to {}; without a loss",
                megabytes(memory.bytes(1)),
                megabytes(memory.unit),
                memory.threads
            );
        }
        text
    }

    /// Counts of each layer's plan: (name, forwards without and with a way back, backwards).
    pub fn summaries(&self) -> Vec<(String, [PassSummary; 3])> {
        (self.layers.iter())
            .map(|layer| {
                let plan = &layer.plan;
                let passes = [&layer.plan(false).infer, &plan.train, &plan.back].map(PassSummary::of);
                (plan.program.name.clone(), passes)
            })
            .collect()
    }
}
