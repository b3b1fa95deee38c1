//! A loss that counts at the last step of a row alone, in two programs: its states step by step, and its value from the last
//! states.
//!
//! Both follow from the equations of the loss: the value may read the new states and the target, but neither the output of the
//! network nor the old states. Then no step but the last computes a value, and the gradient of the value arrives as that of the
//! last states.

use std::collections::BTreeSet;

use crate::step::{Builder, Equations, NodeId, Program, Result, Run, Source, rows};

use super::sums::{copy, finish};

pub struct Divided {
    /// The states. Its output is 0.
    pub steps: Program,
    /// The value: a program (last states, target) -> number.
    pub end: Program,
    /// The states that `end` reads, in its order, by their index.
    pub states: Vec<usize>,
}

/// The two programs; None if the value of a step is not a function of its new states and its target.
pub fn at_last_step(program: &Program) -> Result<Option<Divided>> {
    let Some(Value { reached, states }) = value(program) else { return Ok(None) };
    let end = end(program, &reached, &states)?;
    Ok(Some(Divided { steps: steps(program)?, end, states }))
}

/// What the value of a step is made of.
struct Value {
    /// By node.
    reached: Vec<bool>,
    /// The states whose new values it reads.
    states: Vec<usize>,
}

fn value(program: &Program) -> Option<Value> {
    let ([(_, output)], [_, target]) = (&program.outputs[..], &program.inputs[..]) else { return None };
    let (output, target) = (*output, *target);
    let mut reached = vec![false; program.nodes.len()];
    let mut states = BTreeSet::new();
    let mut stack = vec![output];
    while let Some(id) = stack.pop() {
        let node = &program.nodes[id];
        let run = rows::row(node.op).run;
        if let Some(state) = program.updates.iter().position(|&update| update == id) {
            states.insert(state);
            continue;
        }
        if id == target || std::mem::replace(&mut reached[id], true) {
            continue;
        }
        let is_given = run == Run::Source && rows::row(node.op).name != "const";
        if is_given || matches!(run, Run::Noise | Run::Call(_)) || node.entries.is_some() {
            return None;
        }
        stack.extend(&node.args);
    }
    let plain = program.params.is_empty() && !program.updates.contains(&output);
    (plain && !states.is_empty()).then(|| Value { reached, states: states.into_iter().collect() })
}

/// The program of the value.
fn end(program: &Program, reached: &[bool], states: &[usize]) -> Result<Program> {
    let mut g = Builder::new(&program.name, program.sizes.clone());
    let mut moved = vec![NodeId::MAX; program.nodes.len()];
    for &state in states {
        let shape = program.nodes[program.states[state]].shape.clone();
        moved[program.updates[state]] =
            g.source(Source::Input, program.label(program.states[state]), shape)?;
    }
    moved[program.inputs[1]] = copy(&mut g, program, program.inputs[1], &moved)?;
    for id in (0..program.nodes.len()).filter(|&id| reached[id]) {
        moved[id] = copy(&mut g, program, id, &moved)?;
    }
    let (name, output) = &program.outputs[0];
    g.finish(&[(name.clone(), moved[*output])], &[])
}

/// The program of the states.
fn steps(program: &Program) -> Result<Program> {
    let mut g = Builder::new(&program.name, program.sizes.clone());
    let mut moved = vec![NodeId::MAX; program.nodes.len()];
    let mut needed = vec![false; program.nodes.len()];
    program.updates.iter().for_each(|&update| needed[update] = true);
    for id in (0..program.nodes.len()).rev() {
        if needed[id] {
            program.nodes[id].args.iter().for_each(|&arg| needed[arg] = true);
        }
    }
    for (id, node) in program.nodes.iter().enumerate() {
        let run = rows::row(node.op).run;
        if needed[id] || run == Run::Source {
            moved[id] = copy(&mut g, program, id, &moved)?;
        }
        if let (true, Some(label)) = (needed[id], &node.label) {
            g.label(moved[id], label);
        }
    }
    moved[program.outputs[0].1] = g.constant(0.0);
    finish(g, program, &moved)
}
