//! Rows of the ops of a state that is a matrix: the planner replaces the author's equations by them. Their operands are factor,
//! write, key, rate (if there is one) and the vectors of the reads.

use super::op_row::{OpRow, Tangent, no_gradient};
use super::run::{MatrixPart, Run};

const BASE: OpRow = OpRow {
    name: "",
    arity: usize::MAX,
    attrs: &[("state", None), ("rate", None), ("before", None), ("after", None)],
    takes_shape: true,
    shape: |_, attrs| Ok(attrs.shape().to_vec()),
    run: Run::Matrix(MatrixPart::Reads),
    expand: None,
    // `adjoint::reverse` writes the gradient of both ops together
    adjoint: no_gradient,
    tangent: Tangent::None("the planner makes it after the tangents"),
    cost: 100.0,
    internal: true,
};

pub fn rows() -> Vec<OpRow> {
    vec![
        OpRow { name: "matrix_reads", ..BASE },
        // of `matrix_reads`
        OpRow { name: "matrix_next", run: Run::Matrix(MatrixPart::Next), ..BASE },
        // of the operands, and the gradient of the reads
        OpRow { name: "matrix_gradients", run: Run::Matrix(MatrixPart::Gradients), ..BASE },
        // of `matrix_gradients`
        OpRow { name: "matrix_back", run: Run::Matrix(MatrixPart::Back), ..BASE },
    ]
}
