//! Reassociates sums so that terms that do not depend on the state are added first: `(W_x x + W_h h) + b` becomes `(b + W_x
//! x) + W_h h`. The first bracket leaves the loop, and products start from the value to which they are added.

use crate::step::{Builder, Equations, NodeId, Program, Result, Run, Value, rows};

use super::dependence::{Dependence, dependences};

/// The same program with the terms of sums ordered: parameters, inputs, states.
pub fn reassociated(program: &Program) -> Result<Program> {
    reassociated_by(program, &dependences(&program.nodes, &|_| false))
}

/// The same program with the terms of sums ordered: parameters, inputs per row, inputs per step, states.
pub fn reassociated_by(program: &Program, dependence: &[Dependence]) -> Result<Program> {
    let count = program.nodes.len();
    let add = rows::find("add");
    let live = program.live();
    let mut uses = vec![0usize; count];
    for (id, node) in program.nodes.iter().enumerate() {
        if live[id] {
            node.args.iter().for_each(|&arg| uses[arg] += 1);
        }
    }
    for &id in program.outputs.iter().map(|(_, id)| id).chain(&program.updates) {
        uses[id] += 2;
    }
    let is_sum = |id: NodeId| Some(program.nodes[id].op) == add;
    // a sum is inner if only one sum of the same shape reads it
    let mut inner = vec![false; count];
    for (id, node) in program.nodes.iter().enumerate().filter(|(id, _)| live[*id] && is_sum(*id)) {
        for &arg in &node.args {
            inner[arg] |=
                is_sum(arg) && uses[arg] == 1 && program.nodes[arg].shape == program.nodes[id].shape;
        }
    }

    let mut g = Builder::new(&program.name, program.sizes.clone());
    // a removed value has no valid number, so reading it panics
    let mut moved: Vec<NodeId> = vec![NodeId::MAX; count];
    for (id, node) in program.nodes.iter().enumerate() {
        if !live[id] && rows::row(node.op).run != Run::Source || inner[id] {
            continue;
        }
        moved[id] = if is_sum(id) {
            let mut terms = Vec::new();
            collect(program, id, &inner, &mut terms);
            let matrix_product = |id: NodeId| rows::row(program.nodes[id].op).run == Run::MatVec;
            // a lookup of parameters alone is computed with the inputs per step: it is not folded
            let order = |term: NodeId| match dependence[term] {
                Dependence::Parameters if program.nodes[term].folded => 0,
                Dependence::Row => 1,
                Dependence::Parameters | Dependence::Step => 2,
                Dependence::State => 3,
            };
            terms.sort_by_key(|&term| (order(term), matrix_product(term)));
            // terms of the row and terms on entries are added apart: the sum of the row is computed once, not for each entry
            let (on_entries, of_row): (Vec<NodeId>, Vec<NodeId>) =
                terms.iter().partition(|&&term| program.nodes[term].entries.is_some());
            let mut sums = Vec::with_capacity(2);
            for part in [on_entries, of_row].into_iter().filter(|part| !part.is_empty()) {
                let mut sum = moved[part[0]];
                for &term in &part[1..] {
                    sum = g.op("add", &[sum, moved[term]])?;
                }
                sums.push(sum);
            }
            match sums[..] {
                [on_entries, of_row] => g.op("add", &[on_entries, of_row])?,
                _ => sums[0],
            }
        } else {
            copy(&mut g, program, id, &moved)?
        };
        if let Some(label) = &node.label {
            g.label(moved[id], label);
        }
    }
    finish(g, program, &moved)
}

/// The terms of a sum, through its inner sums, from left to right.
fn collect(program: &Program, id: NodeId, inner: &[bool], terms: &mut Vec<NodeId>) {
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        for &arg in program.nodes[id].args.iter().rev() {
            stack.push(arg);
        }
        while let Some(&arg) = stack.last()
            && !inner[arg]
        {
            terms.push(arg);
            stack.pop();
        }
    }
}

/// The same program with other values in place of those in `found`, by node. `make` adds the value for what was found; it gets
/// the node, and the node here of each node there.
pub fn replaced<F>(
    program: &Program,
    found: &[Option<F>],
    make: impl Fn(&mut Builder, &F, NodeId, &[NodeId]) -> Result<NodeId>,
) -> Result<Program> {
    let live = program.live();
    let mut g = Builder::new(&program.name, program.sizes.clone());
    // a removed value has no valid number, so reading it panics
    let mut moved: Vec<NodeId> = vec![NodeId::MAX; program.nodes.len()];
    for (id, node) in program.nodes.iter().enumerate() {
        if !live[id] && rows::row(node.op).run != Run::Source {
            continue;
        }
        moved[id] = match &found[id] {
            Some(one) => make(&mut g, one, id, &moved)?,
            None => copy(&mut g, program, id, &moved)?,
        };
        if let (Some(label), None) = (&node.label, &g.node(moved[id]).label) {
            g.label(moved[id], label);
        }
    }
    finish(g, program, &moved)
}

/// Finishes a program with the outputs and the next states of another one. `moved` has the node here of each node there.
pub fn finish(g: Builder, program: &Program, moved: &[NodeId]) -> Result<Program> {
    let outputs: Vec<(String, NodeId)> =
        program.outputs.iter().map(|(name, id)| (name.clone(), moved[*id])).collect();
    let updates: Vec<(String, NodeId)> = (program.states.iter().zip(&program.updates))
        .map(|(&state, &next)| (program.label(state).to_string(), moved[next]))
        .collect();
    g.finish(&outputs, &updates)
}

/// Adds node `id` of `program` to another builder.
pub fn copy(g: &mut Builder, program: &Program, id: NodeId, moved: &[NodeId]) -> Result<NodeId> {
    use crate::step::Source;
    let node = &program.nodes[id];
    let row = rows::row(node.op);
    if row.name == "const" {
        return Ok(g.constant(match node.attrs.0.first() {
            Some((_, Value::Number(x))) => *x,
            _ => 0.0,
        }));
    }
    if row.run == Run::Source {
        let kind = match row.name {
            "input" if node.is_index => Source::Index,
            "input" => Source::Input,
            "state" => {
                if let Some(axis) = node.entries {
                    return g.state_on(program.label(id), node.shape.clone(), axis);
                }
                Source::State
            }
            "memory" => {
                return g.memory(program.label(id), node.shape.clone(), node.entries.unwrap_or(0));
            }
            _ => Source::Param,
        };
        return g.source(kind, program.label(id), node.shape.clone());
    }
    let args: Vec<NodeId> = node.args.iter().map(|&arg| moved[arg]).collect();
    g.add(node.op, &args, node.attrs.clone())
}
