//! Products of a parameter matrix with a matrix of values: each line of the values is a vector, so all lines of all rows are one
//! product, and their gradient is one too.
//!
//! `X @ W` multiplies the lines of X. `W @ X` multiplies its columns: the lines of its transpose.

use crate::step::{Attrs, Builder, Equations, NodeId, Program, Result, Run, rows};

use super::sums::replaced;

/// A value that becomes another one.
#[derive(Clone, Copy)]
enum Found {
    /// A product W X.
    Left,
    /// A product X W.
    Right,
    Transpose,
}

/// The same program with such products as products of lines.
pub fn with_line_products(program: &Program) -> Result<Program> {
    let live = program.live();
    let mut found: Vec<Option<Found>> =
        (0..program.nodes.len()).map(|id| side(program, id).filter(|_| live[id])).collect();
    if found.iter().all(Option::is_none) {
        return Ok(program.clone());
    }
    for (found, node) in found.iter_mut().zip(&program.nodes) {
        if rows::row(node.op).run == Run::Transpose {
            *found = Some(Found::Transpose);
        }
    }
    replaced(program, &found, |g, found, id, moved| {
        let args = &program.nodes[id].args;
        let [left, right] = [args[0], args[args.len() - 1]];
        match found {
            Found::Left => {
                let lines = transposed(g, moved[right])?;
                let product = g.op("matmul_lines", &[moved[left], lines])?;
                g.op("transpose", &[product])
            }
            Found::Right => {
                let op = if program.nodes[left].shape.len() == 1 { "matmul" } else { "matmul_lines" };
                let way = Attrs::numbers(&[("transpose", 1.0)]);
                g.op_with(op, &[moved[right], moved[left]], way)
            }
            Found::Transpose => transposed(g, moved[left]),
        }
    })
}

fn side(program: &Program, id: NodeId) -> Option<Found> {
    let node = &program.nodes[id];
    if rows::row(node.op).run != Run::Product || node.folded {
        return None;
    }
    let [left, right] = [0, 1].map(|k| &program.nodes[node.args[k]]);
    let of_row = left.entries.is_none() && right.entries.is_none();
    match (left.folded, right.folded) {
        (true, false) if of_row && left.shape.len() == 2 && right.shape.len() == 2 => Some(Found::Left),
        (false, true) if of_row && right.shape.len() == 2 => Some(Found::Right),
        _ => None,
    }
}

/// The transpose of a value; of a transpose, the value.
fn transposed(g: &mut Builder, id: NodeId) -> Result<NodeId> {
    let node = g.node(id);
    match rows::row(node.op).run {
        Run::Transpose => Ok(node.args[0]),
        _ => g.op("transpose", &[id]),
    }
}
