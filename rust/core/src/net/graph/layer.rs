//! A layer of a network: a step program, repeated along its axis.

use std::ops::Range;

use crate::plan::{Function, LayerPlan, Pass};
use crate::step::Program;

use super::axis::Axis;

/// What a layer is made of.
#[derive(Clone, Copy)]
pub struct LayerParts<'a> {
    pub program: &'a Program,
    /// What runs without training, where that is another program.
    pub inference: Option<&'a Program>,
    /// What the parameters add to the loss.
    pub penalty: Option<&'a Program>,
    /// The nodes that are its inputs.
    pub inputs: &'a [usize],
    /// Where each parameter begins in the arena.
    pub params: &'a [usize],
    /// What a program with `call` calls.
    pub function: Option<&'a Function>,
}

impl<'a> LayerParts<'a> {
    /// A layer of one program, without a penalty on parameters.
    pub fn new(program: &'a Program, inputs: &'a [usize], params: &'a [usize]) -> LayerParts<'a> {
        LayerParts { program, inference: None, penalty: None, inputs, params, function: None }
    }
}

#[derive(Debug, Clone)]
pub struct Layer {
    pub plan: LayerPlan,
    /// What runs without training, where that is another program.
    pub inference: Option<Box<LayerPlan>>,
    /// What its parameters add to the loss.
    pub penalty: Option<Box<LayerPlan>>,
    /// The axis that its step is repeated along; a layer on rows runs once for each.
    pub axis: Axis,
    pub inputs: Vec<usize>,
    /// The node of each output of its program; none where nothing reads it, and for a penalty.
    pub outputs: Vec<Option<usize>>,
    /// The number of the output that is the penalty of a step.
    pub step_penalty: Option<usize>,
    /// Where each parameter begins in the arena, and its number of elements.
    pub params: Vec<(usize, usize)>,
    /// Number of the layer's first state among all states.
    pub first_state: usize,
}

impl Layer {
    pub fn plan(&self, training: bool) -> &LayerPlan {
        self.inference.as_deref().filter(|_| !training).unwrap_or(&self.plan)
    }

    /// The node at whose turn it runs, which is that of its first output.
    pub fn node(&self) -> usize {
        self.outputs.first().copied().flatten().unwrap_or(usize::MAX)
    }

    /// Whether it has no output beside the first and a penalty.
    pub fn has_one_output(&self) -> bool {
        self.outputs.iter().flatten().count() == 1
    }

    /// Its states among those of the network.
    pub fn state_slots(&self) -> Range<usize> {
        self.first_state..self.first_state + self.plan.program.states.len()
    }

    /// Its forward pass.
    pub fn forward(&self, training: bool) -> &Pass {
        let plan = self.plan(training);
        if training { &plan.train } else { &plan.infer }
    }

    /// The output of its backward pass that is all that it adds to the gradient of a node: none where it reads the node more
    /// than once, or not at all.
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
        self.step_penalty.is_some()
    }
}

/// What a program takes and gives, without what it computes.
type Ports = (Vec<(String, usize, bool)>, [Vec<(String, usize)>; 2], Vec<(String, usize)>);

fn ports(program: &Program) -> Ports {
    let sized = |&id: &usize| (program.label(id).to_string(), program.nodes[id].numel());
    let inputs = program.inputs.iter().map(|id| (sized(id).0, sized(id).1, program.nodes[*id].is_index));
    let both = [&program.states, &program.params].map(|ids| ids.iter().map(sized).collect());
    let outputs = program.outputs.iter().map(|(name, id)| (name.clone(), program.nodes[*id].numel()));
    (inputs.collect(), both, outputs.filter(|(name, _)| name != "penalty").collect())
}

/// Whether one program may stand for the other in inference: the same but for what it computes, and for penalties.
pub fn same_ports(a: &Program, b: &Program) -> bool {
    ports(a) == ports(b)
}
