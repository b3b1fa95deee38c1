//! A layer of a network: a step program, repeated along an axis.

use std::ops::Range;

use crate::plan::{Function, LayerPlan, Pass};
use crate::step::Program;

use super::axis::Axis;

/// The definition of a layer.
#[derive(Clone, Copy)]
pub struct LayerParts<'a> {
    pub program: &'a Program,
    /// The program for inference, if it differs from `program`.
    pub inference: Option<&'a Program>,
    /// The penalty program on the parameters, if there is one.
    pub penalty: Option<&'a Program>,
    /// The input nodes.
    pub inputs: &'a [usize],
    /// The nodes of the memories.
    pub memories: &'a [usize],
    /// The node of the initial value of some states, by the name of the state; the caller sets the others.
    pub initial: &'a [(&'a str, usize)],
    /// The offset of each parameter in the arena.
    pub params: &'a [usize],
    /// The function that the program's `call` invokes.
    pub function: Option<&'a Function>,
    /// The number of ids, for a layer that reads an id alone and is computed once for each of them.
    pub ids: Option<usize>,
}

impl<'a> LayerParts<'a> {
    /// A layer with one program and no penalty on parameters.
    pub fn new(program: &'a Program, inputs: &'a [usize], params: &'a [usize]) -> LayerParts<'a> {
        LayerParts {
            program,
            inference: None,
            penalty: None,
            inputs,
            memories: &[],
            initial: &[],
            params,
            function: None,
            ids: None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Layer {
    pub plan: LayerPlan,
    /// The plan for inference, if it differs from `plan`.
    pub inference: Option<Box<LayerPlan>>,
    /// The plan of the penalty on the parameters, if there is one.
    pub penalty: Option<Box<LayerPlan>>,
    /// The axis along which the step is repeated; along `Axis::Row` the layer runs once per row.
    pub axis: Axis,
    pub inputs: Vec<usize>,
    /// The nodes of the program's memories.
    pub memories: Vec<usize>,
    /// By state: the node of its initial value; None if the caller sets it.
    pub initial: Vec<Option<usize>>,
    /// By state: the node of its final value; None if no node reads it.
    pub finals: Vec<Option<usize>>,
    /// The nodes that the layer reads: its inputs, the initial values of states, its memories.
    pub parts: Vec<usize>,
    /// The node of each output of the program; None for an output that no node reads, and for a penalty.
    pub outputs: Vec<Option<usize>>,
    /// The index of the output that is the penalty of a step.
    pub step_penalty: Option<usize>,
    /// The offset of each parameter in the arena, and its number of elements.
    pub params: Vec<(usize, usize)>,
    /// For each parameter, whether inference reads it: the parts of a divided layer have all of its parameters.
    pub read: Vec<bool>,
    /// For each parameter, whether it is frozen: the backward pass does not compute its gradient.
    pub frozen: Vec<bool>,
    /// The index of the layer's first state among all states of the network.
    pub first_state: usize,
    /// Which part of which written layer it is.
    pub share: Share,
}

/// What a layer is of the network as written: a whole layer, or a part of a layer that is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The index of the written layer. All parts draw the noise of this layer.
    pub layer: usize,
    pub part: LayerPart,
}

/// How often a part of a layer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerPart {
    /// At every step; also a layer that is not divided.
    Step,
    /// Once per row: what the written layer repeats at every step.
    Row,
    /// Once per id: what the written layer computes of an embedding. Steps look it up.
    Id,
    /// Once per entry of a memory, by its entries axis.
    Entry(usize),
}

impl Layer {
    pub fn plan(&self, training: bool) -> &LayerPlan {
        self.inference.as_deref().filter(|_| !training).unwrap_or(&self.plan)
    }

    /// The offset of each parameter in the arena.
    pub fn offsets(&self) -> Vec<usize> {
        self.params.iter().map(|&(at, _)| at).collect()
    }

    /// The node at which the layer runs: the node of its first output.
    pub fn node(&self) -> usize {
        self.outputs.first().copied().flatten().unwrap_or(usize::MAX)
    }

    /// Whether the layer has a single output, not counting a penalty, and no final state that is read.
    pub fn has_one_output(&self) -> bool {
        self.outputs.iter().chain(&self.finals).flatten().count() == 1
    }

    /// Whether its states are in another order than values of rows are.
    pub fn is_reordered(&self) -> bool {
        !matches!(self.axis, Axis::Row | Axis::FIRST)
    }

    /// The layer's states among the states of the network.
    pub fn state_slots(&self) -> Range<usize> {
        self.first_state..self.first_state + self.plan.program.row_states().len()
    }

    /// The layer's forward pass.
    pub fn forward(&self, training: bool) -> &Pass {
        let plan = self.plan(training);
        if training { &plan.train } else { &plan.infer }
    }

    /// The output of the backward pass that is this layer's whole contribution to the gradient of a node. None if the layer
    /// reads the node more than once, or not at all.
    pub fn gradient_for(&self, node: usize) -> Option<usize> {
        if self.memories.contains(&node) {
            return None;
        }
        let mut reads =
            self.inputs.iter().zip(&self.plan.input_gradients).filter(|(input, _)| **input == node);
        match (reads.next(), reads.next()) {
            (Some((_, &output)), None) => output,
            _ => None,
        }
    }

    /// Whether the layer's steps add to the loss.
    pub fn has_step_penalty(&self) -> bool {
        self.step_penalty.is_some()
    }
}

/// The interface of a program: its inputs, states, parameters and outputs with their sizes.
type Ports = (Vec<(String, usize, bool)>, [Vec<(String, usize)>; 3], Vec<(String, usize)>);

fn ports(program: &Program) -> Ports {
    let sized = |&id: &usize| (program.label(id).to_string(), program.nodes[id].numel());
    let inputs = program.inputs.iter().map(|id| (sized(id).0, sized(id).1, program.nodes[*id].is_index));
    let both =
        [&program.states, &program.params, &program.memories].map(|ids| ids.iter().map(sized).collect());
    let outputs = program.outputs.iter().map(|(name, id)| (name.clone(), program.nodes[*id].numel()));
    (inputs.collect(), both, outputs.filter(|(name, _)| name != "penalty").collect())
}

/// Whether one program may replace the other in inference: both have the same interface, penalties aside.
pub fn same_ports(a: &Program, b: &Program) -> bool {
    ports(a) == ports(b)
}
