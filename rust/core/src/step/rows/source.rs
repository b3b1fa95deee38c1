//! Rows of the sources: what a program is given.

use super::{OpRow, Run, Tangent, no_gradient};

fn source(name: &'static str) -> OpRow {
    OpRow {
        name,
        arity: 0,
        attrs: &[],
        takes_shape: false,
        shape: |_, _, _| Err("a source is declared, not computed".into()),
        run: Run::Source,
        expand: None,
        adjoint: no_gradient,
        tangent: Tangent::Zero,
        cost: 0.0,
        internal: true,
    }
}

pub fn rows() -> Vec<OpRow> {
    let constant = OpRow { attrs: &[("value", None)], ..source("const") };
    vec![source("input"), source("state"), source("param"), constant]
}
