//! Products of a parameter matrix with a matrix of values: each line of the values is a vector, so all lines of all rows are one
//! product, and their gradient is one too.
//!
//! `X @ W` multiplies the lines of X. `W @ X` multiplies its columns: the lines of its transpose.

use crate::step::{Attrs, Builder, Equations, NodeId, Program, Result, Run, rows};

use super::sums::{copy, finish};

/// How a product has its parameter matrix.
#[derive(Clone, Copy)]
enum Side {
    /// W X
    Left,
    /// X W
    Right,
}

/// The same program with such products as products of lines.
pub fn with_line_products(program: &Program) -> Result<Program> {
    let count = program.nodes.len();
    let live = program.live();
    let found: Vec<Option<Side>> = (0..count).map(|id| side(program, id).filter(|_| live[id])).collect();
    if found.iter().all(Option::is_none) {
        return Ok(program.clone());
    }
    let mut g = Builder::new(&program.name, program.sizes.clone());
    let mut moved: Vec<NodeId> = vec![NodeId::MAX; count];
    for (id, node) in program.nodes.iter().enumerate() {
        if !live[id] && rows::row(node.op).run != Run::Source {
            continue;
        }
        moved[id] = match (found[id], &node.args[..]) {
            (Some(Side::Left), &[matrix, values]) => {
                let lines = transposed(&mut g, moved[values])?;
                let product = g.op("matmul_lines", &[moved[matrix], lines])?;
                g.op("transpose", &[product])?
            }
            (Some(Side::Right), &[values, matrix]) => {
                let op = if program.nodes[values].shape.len() == 1 { "matmul" } else { "matmul_lines" };
                let way = Attrs::numbers(&[("transpose", 1.0)]);
                g.op_with(op, &[moved[matrix], moved[values]], way)?
            }
            _ if rows::row(node.op).run == Run::Transpose => transposed(&mut g, moved[node.args[0]])?,
            _ => copy(&mut g, program, id, &moved)?,
        };
        if let (Some(label), None) = (&node.label, &g.node(moved[id]).label) {
            g.label(moved[id], label);
        }
    }
    finish(g, program, &moved)
}

fn side(program: &Program, id: NodeId) -> Option<Side> {
    let node = &program.nodes[id];
    if rows::row(node.op).run != Run::Product || node.folded {
        return None;
    }
    let [left, right] = [0, 1].map(|k| &program.nodes[node.args[k]]);
    let of_row = left.entries.is_none() && right.entries.is_none();
    match (left.folded, right.folded) {
        (true, false) if of_row && left.shape.len() == 2 && right.shape.len() == 2 => Some(Side::Left),
        (false, true) if of_row && right.shape.len() == 2 => Some(Side::Right),
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
