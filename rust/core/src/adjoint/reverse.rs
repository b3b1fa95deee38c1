//! Reverse mode: the gradient equations of one step.
//!
//! With `L` the loss, the step `(x, s, p) -> (y, s')` becomes `(dL/dy, dL/ds') -> (dL/dx, dL/ds)` plus one sink per use of a
//! parameter, whose contributions are summed over rows and time.

use crate::step::rows::MatrixPart;
use crate::step::{
    Attrs, Builder, Dim, Equations, Grad, Node, NodeId, Program, Result, Run, Site, Source, rows,
};

/// A contribution of a step to the gradient of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accumulate {
    /// `left right^T`, summed over rows and time: one matrix product.
    Outer { left: NodeId, right: NodeId },
    /// The value itself, summed over rows and time.
    Sum(NodeId),
    /// `d`, added at row `id` of a table.
    Scatter { id: NodeId, d: NodeId },
    /// The contribution of a `call` of `x` and `s` with `d`, the gradient of its result.
    Called { x: NodeId, s: NodeId, d: NodeId },
}

/// A contribution to the gradient of `target`, a value computed from parameters alone.
#[derive(Debug, Clone, Copy)]
pub struct Sink {
    pub target: NodeId,
    pub what: Accumulate,
}

/// The forward program, followed by its gradient equations; forward nodes keep their numbers.
#[derive(Debug, Clone)]
pub struct Adjoint {
    pub nodes: Vec<Node>,
    /// Sources: the gradient of each output.
    pub d_outputs: Vec<NodeId>,
    /// Sources: the gradient of each next state, carried from step t + 1.
    pub d_next: Vec<NodeId>,
    /// The gradient of each input; None for ids and for inputs on which nothing depends.
    pub d_inputs: Vec<Option<NodeId>>,
    /// By memory: the gradient of its entries, to be summed over the steps; None if nothing depends on it.
    pub d_memories: Vec<Option<NodeId>>,
    /// The gradient of each state, carried to step t - 1.
    pub d_states: Vec<NodeId>,
    pub sinks: Vec<Sink>,
}

/// A contribution to the gradient of a node: of the whole node, or of a part along the first axis.
#[derive(Clone, Copy)]
enum Contribution {
    Whole(NodeId),
    Part { start: usize, d: NodeId },
}

impl Adjoint {
    /// No gradient equations: nothing is differentiated.
    pub fn none(program: &Program) -> Adjoint {
        Adjoint {
            nodes: program.nodes.clone(),
            d_outputs: Vec::new(),
            d_next: Vec::new(),
            d_inputs: vec![None; program.inputs.len()],
            d_memories: vec![None; program.memories.len()],
            d_states: Vec::new(),
            sinks: Vec::new(),
        }
    }
}

/// Derives the gradient equations of `program`. `trained`: whether a parameter has a gradient, by its index; there are no
/// sinks for the others.
pub fn reverse(program: &Program, trained: impl Fn(usize) -> bool) -> Result<Adjoint> {
    let mut g = Builder::continuing(program);
    let count = program.nodes.len();
    let trainable = depends_on_parameters(program, trained);
    let mut contributions: Vec<Vec<Contribution>> = vec![Vec::new(); count];
    let mut d_outputs = Vec::new();
    for (name, id) in &program.outputs {
        let d = g.derived_source(Source::Input, name, program.nodes[*id].shape.clone())?;
        d_outputs.push(d);
        contributions[*id].push(Contribution::Whole(d));
    }
    let mut d_next = Vec::new();
    for (&state, &next) in program.states.iter().zip(&program.updates) {
        let name = format!("{}.next", program.label(state));
        let d = g.derived_like(Source::State, &name, state)?;
        d_next.push(d);
        contributions[next].push(Contribution::Whole(d));
    }

    let mut sinks = Vec::new();
    let mut total: Vec<Option<NodeId>> = vec![None; count];
    for id in (0..count).rev() {
        let node = &program.nodes[id];
        if contributions[id].is_empty() || node.is_index {
            continue;
        }
        let d = sum_of(&mut g, id, &contributions[id])?;
        total[id] = Some(d);
        if node.folded {
            // an output or update that is a parameter itself
            if trainable[id] {
                sinks.push(Sink { target: id, what: Accumulate::Sum(d) });
            }
            continue;
        }
        let row = rows::row(node.op);
        let grads = match row.run {
            Run::Source => continue,
            Run::Matrix(MatrixPart::Next) => {
                // the gradient of the state goes on from here in `matrix_back`
                if contributions[node.args[0]].is_empty() {
                    let zeros = zeros(&mut g, &program.nodes[node.args[0]])?;
                    contributions[node.args[0]].push(Contribution::Whole(zeros));
                }
                continue;
            }
            Run::Matrix(_) => {
                let (grads, before) = matrix_gradients(&mut g, program, node, d)?;
                let state = program.states[node.attrs.int("state")];
                contributions[state].push(Contribution::Whole(before));
                grads
            }
            _ => (row.adjoint)(&mut g, &Site { node: id, args: &node.args, attrs: &node.attrs, d })?,
        };
        for (&arg, grad) in node.args.iter().zip(grads) {
            let operand = &program.nodes[arg];
            if operand.is_index || operand.folded && !trainable[arg] {
                continue;
            }
            let what = match grad {
                Grad::Zero => continue,
                Grad::Outer { left, right } => Accumulate::Outer { left, right },
                Grad::Scatter { id, d } => Accumulate::Scatter { id, d },
                Grad::Called { x, s, d } => Accumulate::Called { x, s, d },
                Grad::Slice { start, d } if !operand.folded => {
                    contributions[arg].push(Contribution::Part { start, d });
                    continue;
                }
                Grad::Slice { start, d } => {
                    Accumulate::Sum(sum_of(&mut g, arg, &[Contribution::Part { start, d }])?)
                }
                Grad::Node(d) => {
                    let mut d = d;
                    if g.node(d).shape != operand.shape {
                        d = g.op_with("sum_to", &[d], Attrs::shape_of(&operand.shape))?;
                    }
                    match (g.node(d).entries, operand.entries) {
                        (Some(_), None) => d = g.op("entries_sum", &[d])?,
                        (None, Some(axis)) => {
                            let axis = Attrs::numbers(&[("axis", axis as f64)]);
                            d = g.op_with("entries_repeat", &[d], axis)?;
                        }
                        _ => {}
                    }
                    if !operand.folded {
                        contributions[arg].push(Contribution::Whole(d));
                        continue;
                    }
                    Accumulate::Sum(d)
                }
            };
            sinks.push(Sink { target: arg, what });
        }
    }

    let d_inputs = program.inputs.iter().map(|&id| total[id]).collect();
    let d_memories = program.memories.iter().map(|&id| total[id]).collect();
    let mut d_states = Vec::new();
    for &state in &program.states {
        d_states.push(match total[state] {
            Some(d) => d,
            None => zeros(&mut g, &program.nodes[state])?,
        });
    }
    Ok(Adjoint { nodes: g.nodes().to_vec(), d_outputs, d_next, d_inputs, d_memories, d_states, sinks })
}

/// The gradients of the operands of `matrix_reads`, and that of the state before the step.
fn matrix_gradients(
    g: &mut Builder,
    program: &Program,
    node: &Node,
    d: NodeId,
) -> Result<(Vec<Grad>, NodeId)> {
    let shaped = |shape: &[Dim]| {
        let mut attrs = node.attrs.clone();
        attrs.0.retain(|(name, _)| *name != "shape");
        attrs.0.extend(Attrs::shape_of(shape).0);
        attrs
    };
    let of = |g: &Builder, id: NodeId| g.node(id).numel();
    let width = node.args.iter().map(|&arg| of(g, arg)).sum();
    let operands: Vec<NodeId> = node.args.iter().copied().chain([d]).collect();
    let all = g.op_with("matrix_gradients", &operands, shaped(&[Dim::number(width)]))?;
    let state = program.nodes[program.states[node.attrs.int("state")]].shape.clone();
    let before = g.op_with("matrix_back", &[all], shaped(&state))?;
    let (mut grads, mut start) = (Vec::new(), 0);
    for &arg in &node.args {
        let stop = start + of(g, arg);
        let range = Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
        let part = g.op_with("slice", &[all], range)?;
        let shape = g.node(arg).shape.clone();
        grads.push(Grad::Node(g.reshaped(part, &shape)?));
        start = stop;
    }
    Ok((grads, before))
}

/// For each node, whether it depends on a parameter that is trained.
fn depends_on_parameters(program: &Program, trained: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut depends = vec![false; program.nodes.len()];
    for (param, &id) in program.params.iter().enumerate() {
        depends[id] = trained(param);
    }
    for (id, node) in program.nodes.iter().enumerate() {
        depends[id] |= node.args.iter().any(|&arg| depends[arg]);
    }
    depends
}

fn zeros(g: &mut Builder, like: &Node) -> Result<NodeId> {
    let zero = g.constant(0.0);
    let zeros = g.op_with("broadcast_to", &[zero], Attrs::shape_of(&like.shape))?;
    match like.entries {
        Some(axis) => g.op_with("entries_repeat", &[zeros], Attrs::numbers(&[("axis", axis as f64)])),
        None => Ok(zeros),
    }
}

/// The sum of the contributions to the gradient of `id`. Adjacent parts become one `concat` instead of padded sums: so the
/// gradient of a split is written directly into one buffer.
fn sum_of(g: &mut Builder, id: NodeId, contributions: &[Contribution]) -> Result<NodeId> {
    let mut parts: Vec<(usize, NodeId)> = Vec::new();
    let mut terms: Vec<NodeId> = Vec::new();
    for &one in contributions {
        match one {
            Contribution::Whole(d) => terms.push(d),
            Contribution::Part { start, d } => parts.push((start, d)),
        }
    }
    parts.sort_by_key(|&(start, _)| start);
    while !parts.is_empty() {
        // one layer: parts that do not overlap, with zeros in the gaps
        let mut layer = Vec::new();
        let mut rest = Vec::new();
        let mut end = 0;
        for (start, d) in parts {
            if start < end {
                rest.push((start, d));
                continue;
            }
            if start > end {
                layer.push(gap(g, id, start - end)?);
            }
            layer.push(d);
            end = start + first_axis(g.node(d));
        }
        let whole = first_axis(g.node(id));
        if end < whole {
            layer.push(gap(g, id, whole - end)?);
        }
        let joined = if layer.len() == 1 { layer[0] } else { g.op("concat", &layer)? };
        let shape = g.node(id).shape.clone();
        terms.push(g.reshaped(joined, &shape)?);
        parts = rest;
    }
    let mut sum = terms[0];
    for &term in &terms[1..] {
        sum = g.op("add", &[sum, term])?;
    }
    Ok(sum)
}

fn first_axis(node: &Node) -> usize {
    node.shape.first().map_or(1, |dim| dim.value)
}

fn gap(g: &mut Builder, id: NodeId, size: usize) -> Result<NodeId> {
    let mut node = g.node(id).clone();
    node.shape[0] = node.shape[0].part(size);
    zeros(g, &node)
}
