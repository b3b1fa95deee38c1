//! Finds products of matrices with vectors in the space of logarithms, `logsumexp(M + v)`: the forward variables of hidden Markov
//! models and of conditional random fields.
//!
//! v is a vector over the columns of M, broadcast to its lines. The op `log_product` reads both as they are, so neither the sums nor
//! their exponentials are stored. Nothing is declared: the equations may be those of any cell or loss, with the sum over the
//! first axis of a matrix too.

use crate::step::{Equations, NodeId, Program, Result, rows};

use super::sums::replaced;

/// The same program with `log_product` in place of `logsumexp(M + v)`.
pub fn with_log_products(program: &Program) -> Result<Program> {
    let live = program.live();
    let found: Vec<Option<Operands>> =
        (0..program.nodes.len()).map(|id| operands(program, id).filter(|_| live[id])).collect();
    if found.iter().all(Option::is_none) {
        return Ok(program.clone());
    }
    replaced(program, &found, |g, found, id, moved| {
        let mut matrix = moved[found.matrix];
        if found.transposed {
            matrix = g.op("transpose", &[matrix])?;
        }
        let columns = g.node(matrix).shape[1].clone();
        let vector = g.reshaped(moved[found.vector], &[columns])?;
        let product = g.op("log_product", &[matrix, vector])?;
        g.reshaped(product, &program.nodes[id].shape)
    })
}

/// The operands of a product. `transposed`: the sum runs over the first axis of the matrix.
#[derive(Clone, Copy)]
struct Operands {
    matrix: NodeId,
    vector: NodeId,
    transposed: bool,
}

/// The operands of node `id`, if it is a log-sum-exp over the columns of `M + v`.
fn operands(program: &Program, id: NodeId) -> Option<Operands> {
    let name = |id: NodeId| rows::row(program.nodes[id].op).name;
    let node = &program.nodes[id];
    if name(id) != "logsumexp" || node.folded || node.entries.is_some() {
        return None;
    }
    let mut sum = node.args[0];
    let transposed = name(sum) == "transpose";
    if transposed {
        sum = program.nodes[sum].args[0];
    }
    let shape = &program.nodes[sum].shape;
    let (lines, columns) = match (shape.as_slice(), transposed) {
        ([lines, columns], false) | ([columns, lines], true) => (lines.value, columns.value),
        _ => return None,
    };
    if name(sum) != "add" || lines < 2 || columns < 2 {
        return None;
    }
    let terms = &program.nodes[sum].args;
    [(0, 1), (1, 0)].into_iter().find_map(|(matrix, vector)| {
        let (matrix, spread) = (terms[matrix], terms[vector]);
        let vector =
            program.nodes[spread].args.first().copied().filter(|_| name(spread) == "broadcast_to")?;
        let [whole, part] = [matrix, vector].map(|id| &program.nodes[id]);
        let over_columns = match (part.shape.as_slice(), transposed) {
            ([width], false) | ([_, width], false) => width.value == columns,
            ([width, _], true) => width.value == columns,
            _ => false,
        };
        let fits = whole.shape == *shape && part.numel() == columns && over_columns;
        let of_row = whole.entries.is_none() && part.entries.is_none();
        (fits && of_row).then_some(Operands { matrix, vector, transposed })
    })
}
