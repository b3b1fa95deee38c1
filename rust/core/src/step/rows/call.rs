//! Rows of the ops that leave the language: a step written outside it, and its vector-Jacobian product.
//!
//! `call(p, x, s)` is `[output, next states]` of parameters `p`, input `x` and states `s`, each concatenated to one vector;
//! `call_back(p, x, s, d)` is the gradient `[d_x, d_s]`. The function itself belongs to the layer, not to the program.

use super::super::{Attrs, Dim, Equations, Node, NodeId, Result, Shape, StepError};
use super::op_row::{Grad, OpRow, Site, Tangent};
use super::run::{Part, Run};

fn given_shape(_: &[&Node], attrs: &Attrs) -> std::result::Result<Shape, String> {
    match attrs.shape() {
        [size] => Ok(vec![size.clone()]),
        other => Err(format!("a result of {} axes; expected a vector", other.len())),
    }
}

fn no_derivative(_: &mut dyn Equations, _: &Site) -> Result<Vec<Grad>> {
    Err(StepError::Trace("the gradient of a step in NumPy is not differentiated again".into()))
}

fn adjoint(g: &mut dyn Equations, site: &Site) -> Result<Vec<Grad>> {
    let (x, s) = (site.args[1], site.args[2]);
    let (inputs, states) = (g.node(x).numel(), g.node(s).numel());
    let args = [site.args[0], x, s, site.d];
    let both = g.op_with("call_back", &args, Attrs::shape_of(&[Dim::number(inputs + states)]))?;
    let mut part = |start: usize, stop: usize, like: NodeId| {
        let ends = Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
        let slice = g.op_with("slice", &[both], ends)?;
        let shape = g.node(like).shape.clone();
        g.reshaped(slice, &shape).map(Grad::Node)
    };
    let (d_x, d_s) = (part(0, inputs, x)?, part(inputs, inputs + states, s)?);
    Ok(vec![Grad::Called { x, s, d: site.d }, d_x, d_s])
}

pub fn rows() -> Vec<OpRow> {
    let call = OpRow {
        name: "call",
        arity: 3,
        attrs: &[],
        takes_shape: true,
        shape: given_shape,
        run: Run::Call(Part::Forward),
        expand: None,
        adjoint,
        tangent: Tangent::None("a step in NumPy has no tangent; write it in the step language"),
        // never recomputed: its cost is unknown
        cost: 1e6,
        internal: true,
    };
    let back =
        OpRow { name: "call_back", arity: 4, run: Run::Call(Part::Back), adjoint: no_derivative, ..call };
    vec![call, back]
}
