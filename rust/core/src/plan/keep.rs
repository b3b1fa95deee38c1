//! Which forward values are stored for the backward pass, and which are recomputed.

use crate::adjoint::{Accumulate, Adjoint};
use crate::kernel::Reduce;
use crate::step::rows::Across;
use crate::step::{NodeId, Program, Run, rows};

/// The highest cost of recomputing a value, in multiplications per element: one or two transcendental functions. This is
/// less than the cost of writing the value to memory and reading it back.
const RECOMPUTE: f32 = 24.0;

/// The most numbers for each entry that are stored because recomputing them is expensive: with more, rows times entries times
/// numbers would fill the memory.
const MOST_OF_ENTRY: usize = 16;

/// The forward values that the gradient equations read and that are too expensive to recompute. Inputs, states, their next
/// values and the outputs are available in any case.
pub fn kept(program: &Program, adjoint: &Adjoint) -> Vec<NodeId> {
    let count = program.nodes.len();
    let mut live = vec![false; adjoint.nodes.len()];
    for sink in &adjoint.sinks {
        match sink.what {
            Accumulate::Outer { left, right } => (live[left], live[right]) = (true, true),
            Accumulate::Sum(d) => live[d] = true,
            Accumulate::Scatter { id, d } => (live[id], live[d]) = (true, true),
            Accumulate::Called { x, s, d } => (live[x], live[s], live[d]) = (true, true, true),
        }
    }
    let d_memories = adjoint.d_memories.iter().flatten();
    for &id in adjoint.d_states.iter().chain(adjoint.d_inputs.iter().flatten()).chain(d_memories) {
        live[id] = true;
    }
    let mut wanted: Vec<bool> = live[..count].to_vec();
    mark(adjoint, (count..live.len()).filter(|&id| live[id]).collect(), count, &mut wanted);
    let mut free = vec![false; count];
    for (id, node) in program.nodes.iter().enumerate() {
        free[id] = node.folded || rows::row(node.op).run == Run::Source;
    }
    for &id in program.updates.iter().chain(program.outputs.iter().map(|(_, id)| id)) {
        free[id] = true;
    }
    let mut kept = Vec::new();
    for id in (0..count).filter(|&id| wanted[id]) {
        if is_wide(program, id) {
            open(program, id, &mut free, &mut kept);
        } else if cost(program, id, &free) > RECOMPUTE {
            free[id] = true;
            kept.push(id);
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Whether a value is too large to be stored at every step: many numbers for each entry of a memory.
fn is_wide(program: &Program, id: NodeId) -> bool {
    program.nodes[id].entries.is_some() && program.nodes[id].numel() > MOST_OF_ENTRY
}

/// Makes sure that a wide value can be recomputed from what is stored: stores the expensive values of the row from which it is
/// computed, and matrix products.
fn open(program: &Program, id: NodeId, free: &mut [bool], kept: &mut Vec<NodeId>) {
    let node = &program.nodes[id];
    if free[id] {
        return;
    }
    let is_stored = match is_wide(program, id) {
        true => rows::row(node.op).run == Run::MatVec,
        false => cost(program, id, free) > RECOMPUTE,
    };
    if is_stored {
        free[id] = true;
        kept.push(id);
    } else if is_wide(program, id) {
        node.args.iter().for_each(|&arg| open(program, arg, free, kept));
    }
}

/// Marks the forward values that gradient equations read, directly or through other gradient equations.
fn mark(adjoint: &Adjoint, mut stack: Vec<NodeId>, count: usize, wanted: &mut [bool]) {
    let mut seen = vec![false; adjoint.nodes.len()];
    stack.iter().for_each(|&id| seen[id] = true);
    while let Some(id) = stack.pop() {
        for &arg in &adjoint.nodes[id].args {
            if arg < count {
                wanted[arg] = true;
            } else if !seen[arg] {
                seen[arg] = true;
                stack.push(arg);
            }
        }
    }
}

fn cost(program: &Program, id: NodeId, free: &[bool]) -> f32 {
    if free[id] {
        return 0.0;
    }
    let node = &program.nodes[id];
    let row = rows::row(node.op);
    if matches!(
        row.run,
        Run::MatVec
            | Run::LogProduct
            | Run::Matrix(_)
            | Run::Entries(Across::Sum | Across::Max | Across::LogSumExp)
    ) {
        return f32::INFINITY;
    }
    // recomputing the number of a line costs as much as all its elements
    let is_number = |of: NodeId| 4 * node.numel() <= program.nodes[of].numel();
    if row.run == Run::Reduce(Reduce::LogSumExp) && is_number(node.args[0]) {
        return f32::INFINITY;
    }
    let mut sum = row.cost;
    for &arg in &node.args {
        // for each entry, a number that is made of many costs as much as all of them
        let of = &program.nodes[arg];
        let each = if node.entries.is_some() { (of.numel() / node.numel()).max(1) } else { 1 };
        sum += cost(program, arg, free) * each as f32;
        if sum > RECOMPUTE {
            break;
        }
    }
    sum
}
