//! Rows of the reductions over the last axis and of the row maps (softmax, norms).

use super::super::shape;
use super::op_row::{Grad, OpRow, Site, Tangent, no_gradient};
use super::run::Run;
use crate::kernel::{NormGrad, Reduce, RowMap};
use crate::step::{Attrs, Equations, NodeId, Result, StepError};

const KEEP: &[(&str, Option<f64>)] = &[("keepdims", Some(0.0))];
const KEEP_EPS: &[(&str, Option<f64>)] = &[("keepdims", Some(0.0)), ("eps", Some(1e-5))];
const EPS: &[(&str, Option<f64>)] = &[("eps", Some(1e-5))];

const BASE: OpRow = OpRow {
    name: "",
    arity: 1,
    attrs: KEEP,
    takes_shape: false,
    shape: shape::reduce,
    run: Run::Reduce(Reduce::Sum),
    expand: None,
    adjoint: no_gradient,
    tangent: Tangent::Gradient,
    cost: 1.0,
    internal: false,
};

const ROW_MAP: OpRow =
    OpRow { attrs: &[], shape: shape::same, tangent: Tangent::Symmetric, cost: 10.0, ..BASE };

/// The gradient `(r, y, d)` of a norm y with scale r. The planner creates it from the equations of the adjoint rule, after
/// all derivatives are taken; deriving it is an error.
const NORM_GRAD: OpRow = OpRow {
    arity: 3,
    shape: shape::broadcast,
    tangent: Tangent::None("it is made when a plan is made, after all derivatives"),
    adjoint: |_, _| Err(StepError::Trace("the gradient of a norm is derived from its equations".into())),
    internal: true,
    ..ROW_MAP
};

/// The result of a reduction (or its gradient) with its last axis kept, so that it broadcasts against the operand.
fn kept(g: &mut dyn Equations, node: NodeId, operand: NodeId) -> Result<NodeId> {
    let mut shape = g.node(operand).shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = crate::step::Dim::number(1);
    }
    g.reshaped(node, &shape)
}

/// A reduction over the last axis that keeps it.
fn over(g: &mut dyn Equations, name: &'static str, x: NodeId) -> Result<NodeId> {
    g.op_with(name, &[x], Attrs::numbers(&[("keepdims", 1.0)]))
}

fn width(g: &dyn Equations, x: NodeId) -> f64 {
    g.node(x).shape.last().map_or(1, |dim| dim.value) as f64
}

fn grad(node: NodeId) -> Result<Vec<Grad>> {
    Ok(vec![Grad::Node(node)])
}

pub fn rows() -> Vec<OpRow> {
    vec![
        OpRow {
            name: "sum",
            tangent: Tangent::Linear,
            adjoint: |g, s| {
                let d = kept(g, s.d, s.args[0])?;
                let shape = g.node(s.args[0]).shape.clone();
                grad(g.op_with("broadcast_to", &[d], Attrs::shape_of(&shape))?)
            },
            ..BASE
        },
        OpRow {
            name: "mean",
            run: Run::Reduce(Reduce::Mean),
            tangent: Tangent::Linear,
            adjoint: |g, s| {
                let d = kept(g, s.d, s.args[0])?;
                let scale = width(g, s.args[0]);
                let count = g.constant(scale);
                let each = g.op("div", &[d, count])?;
                let shape = g.node(s.args[0]).shape.clone();
                grad(g.op_with("broadcast_to", &[each], Attrs::shape_of(&shape))?)
            },
            ..BASE
        },
        OpRow {
            name: "max",
            run: Run::Reduce(Reduce::Max),
            adjoint: |g, s| {
                // divided equally among equal maxima
                let (x, d, y) = (s.args[0], kept(g, s.d, s.args[0])?, kept(g, s.node, s.args[0])?);
                let hit = g.op("equal", &[x, y])?;
                let count = over(g, "sum", hit)?;
                let each = g.op("div", &[d, count])?;
                grad(g.op("mul", &[hit, each])?)
            },
            ..BASE
        },
        OpRow {
            name: "logsumexp",
            run: Run::Reduce(Reduce::LogSumExp),
            cost: 10.0,
            adjoint: |g, s| {
                let (x, d, y) = (s.args[0], kept(g, s.d, s.args[0])?, kept(g, s.node, s.args[0])?);
                let shifted = g.op("sub", &[x, y])?;
                let p = g.op("exp", &[shifted])?;
                grad(g.op("mul", &[p, d])?)
            },
            ..BASE
        },
        OpRow {
            name: "argmax",
            attrs: &[],
            shape: shape::argmax,
            run: Run::Reduce(Reduce::ArgMax),
            tangent: Tangent::Zero,
            ..BASE
        },
        OpRow {
            name: "reciprocal_std",
            attrs: KEEP_EPS,
            run: Run::Reduce(Reduce::ReciprocalStd),
            cost: 4.0,
            internal: true,
            adjoint: |g, s| {
                // r = (var + eps)^(-1/2): dr/dx = -(x - mean) r^3 / n
                let x = s.args[0];
                let mean = over(g, "mean", x)?;
                let centred = g.op("sub", &[x, mean])?;
                cubed(g, s, centred)
            },
            ..BASE
        },
        OpRow {
            name: "reciprocal_rms",
            attrs: KEEP_EPS,
            run: Run::Reduce(Reduce::ReciprocalRms),
            cost: 4.0,
            internal: true,
            adjoint: |g, s| cubed(g, s, s.args[0]), // r = (mean(x^2) + eps)^(-1/2): dr/dx = -x r^3 / n
            ..BASE
        },
        OpRow {
            name: "softmax",
            run: Run::RowMap(RowMap::Softmax),
            adjoint: |g, s| {
                let weighted = g.op("mul", &[s.d, s.node])?;
                let total = over(g, "sum", weighted)?;
                let centred = g.op("sub", &[s.d, total])?;
                grad(g.op("mul", &[s.node, centred])?)
            },
            ..ROW_MAP
        },
        OpRow {
            name: "log_softmax",
            run: Run::RowMap(RowMap::LogSoftmax),
            tangent: Tangent::Rule(|g, y, t| {
                // t - sum(softmax * t)
                let p = g.op("exp", &[y])?;
                let weighted = g.op("mul", &[p, t])?;
                let mean = over(g, "sum", weighted)?;
                g.op("sub", &[t, mean])
            }),
            adjoint: |g, s| {
                let p = g.op("exp", &[s.node])?;
                let total = over(g, "sum", s.d)?;
                let share = g.op("mul", &[p, total])?;
                grad(g.op("sub", &[s.d, share])?)
            },
            ..ROW_MAP
        },
        OpRow {
            name: "layer_norm",
            attrs: EPS,
            run: Run::RowMap(RowMap::LayerNorm),
            adjoint: |g, s| {
                // dx = r (d - mean(d) - y mean(d y)), r = 1 / sqrt(var + eps)
                let mean = over(g, "mean", s.d)?;
                let centred = g.op("sub", &[s.d, mean])?;
                normalised(g, s, "reciprocal_std", centred)
            },
            ..ROW_MAP
        },
        OpRow {
            name: "log_product", // (m, v): logsumexp(m + v), created by the planner
            arity: 2,
            attrs: &[],
            shape: shape::product,
            run: Run::LogProduct,
            cost: 10.0,
            tangent: Tangent::None("it is made when a plan is made, after all tangents"),
            internal: true,
            adjoint: |g, s| {
                let d = g.op("log_product_grad", &[s.args[0], s.args[1], s.node, s.d])?;
                Ok(vec![Grad::Node(d), Grad::Node(d)]) // the caller sums it for the vector, which is broadcast
            },
            ..BASE
        },
        OpRow {
            name: "log_product_grad", // (m, v, y, d): d exp(m + v - y)
            arity: 4,
            shape: shape::same,
            run: Run::LogProductGrad,
            ..NORM_GRAD
        },
        OpRow { name: "layer_norm_grad", run: Run::NormGrad(NormGrad::Layer), ..NORM_GRAD },
        OpRow { name: "rms_norm_grad", run: Run::NormGrad(NormGrad::Rms), ..NORM_GRAD },
        OpRow {
            name: "rms_norm",
            attrs: EPS,
            run: Run::RowMap(RowMap::RmsNorm),
            adjoint: |g, s| normalised(g, s, "reciprocal_rms", s.d), // dx = r (d - y mean(d y))
            ..ROW_MAP
        },
    ]
}

/// `r (d' - y mean(d y))` for a norm y whose scale `r` is the reduction `scale`.
fn normalised(g: &mut dyn Equations, s: &Site, scale: &'static str, d: NodeId) -> Result<Vec<Grad>> {
    let r = scale_of(g, scale, s.args[0], s.attrs)?;
    let product = g.op("mul", &[s.d, s.node])?;
    let mean = over(g, "mean", product)?;
    let along = g.op("mul", &[s.node, mean])?;
    let rest = g.op("sub", &[d, along])?;
    grad(g.op("mul", &[rest, r])?)
}

/// The scale of a norm of `x`: the reduction `scale`.
fn scale_of(g: &mut dyn Equations, scale: &'static str, x: NodeId, attrs: &Attrs) -> Result<NodeId> {
    g.op_with(scale, &[x], Attrs::numbers(&[("keepdims", 1.0), ("eps", attrs.number("eps"))]))
}

/// The scale of the norm `run` of `x`, as the adjoint rule of the norm requires it; None for other ops.
pub fn norm_scale(g: &mut dyn Equations, run: Run, x: NodeId, attrs: &Attrs) -> Option<Result<NodeId>> {
    let scale = match run {
        Run::RowMap(RowMap::LayerNorm) => "reciprocal_std",
        Run::RowMap(RowMap::RmsNorm) => "reciprocal_rms",
        _ => return None,
    };
    Some(scale_of(g, scale, x, attrs))
}

/// `-v r^3 d / n` for a reciprocal scale r.
fn cubed(g: &mut dyn Equations, s: &Site, v: NodeId) -> Result<Vec<Grad>> {
    let (r, d) = (kept(g, s.node, s.args[0])?, kept(g, s.d, s.args[0])?);
    let scale = -1.0 / width(g, s.args[0]);
    let factor = g.constant(scale);
    let square = g.op("mul", &[r, r])?;
    let cube = g.op("mul", &[square, r])?;
    let scaled = g.op("mul", &[cube, factor])?;
    let weight = g.op("mul", &[scaled, d])?;
    grad(g.op("mul", &[v, weight])?)
}
