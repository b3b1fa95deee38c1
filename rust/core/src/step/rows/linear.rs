//! Rows of the ops that move or mix elements linearly: matrix products, tables, slices, shapes.

use super::super::shape;
use super::op_row::{Grad, OpRow, Site, Tangent, no_gradient};
use super::run::Run;
use crate::step::{Attrs, Dim, Equations, NodeId, Result, StepError};

const BASE: OpRow = OpRow {
    name: "",
    arity: 1,
    attrs: &[],
    takes_shape: false,
    shape: shape::same,
    run: Run::View,
    expand: None,
    adjoint: no_gradient,
    tangent: Tangent::Linear,
    cost: 1.0,
    internal: false,
};

const MADE_LAST: &str = "it is made when a plan is made, after all derivatives";

fn take(g: &mut dyn Equations, args: &[NodeId], _: &Attrs) -> Result<NodeId> {
    let places = g.op("stop_gradient", &[args[1]])?;
    g.op("take_at", &[args[0], places])
}

fn dot(g: &mut dyn Equations, args: &[NodeId], _: &Attrs) -> Result<NodeId> {
    let product = g.op("mul", args)?;
    g.op("sum", &[product])
}

/// The sum over the first axis of a matrix.
fn sum_first(g: &mut dyn Equations, args: &[NodeId], attrs: &Attrs) -> Result<NodeId> {
    let columns = g.node(args[0]).shape[1].clone();
    let sum = g.op_with("sum_to", args, Attrs::shape_of(&[Dim::number(1), columns.clone()]))?;
    if attrs.flag("keepdims") { Ok(sum) } else { g.reshaped(sum, &[columns]) }
}

fn product_back(g: &mut dyn Equations, s: &Site) -> Result<Vec<Grad>> {
    let (a, b) = (s.args[0], s.args[1]);
    let grads = match (g.node(a).shape.len(), g.node(b).shape.len()) {
        // y = A b: dA = d b^T, db = d A
        (2, 1) => [g.op("outer", &[s.d, b])?, g.op("product", &[s.d, a])?],
        // y = a B: da = B d, dB = a^T d
        (1, 2) => [g.op("product", &[b, s.d])?, g.op("outer", &[a, s.d])?],
        // Y = A B: dA = d B^T, dB = A^T d
        _ => {
            let (left, right) = (g.op("transpose", &[a])?, g.op("transpose", &[b])?);
            [g.op("product", &[s.d, right])?, g.op("product", &[left, s.d])?]
        }
    };
    Ok(grads.map(Grad::Node).to_vec())
}

/// The gradient of some columns of a matrix, between zeros.
fn columns_back(g: &mut dyn Equations, s: &Site) -> Result<Vec<Grad>> {
    let (start, stop) = (s.attrs.int("start"), s.attrs.int("stop"));
    let shape = g.node(s.args[0]).shape.clone();
    let gap = |g: &mut dyn Equations, width: usize| {
        let (zero, shape) = (g.constant(0.0), [shape[0].clone(), shape[1].part(width)]);
        g.op_with("broadcast_to", &[zero], Attrs::shape_of(&shape))
    };
    let mut parts = Vec::new();
    if start > 0 {
        parts.push(gap(g, start)?);
    }
    parts.push(s.d);
    if stop < shape[1].value {
        parts.push(gap(g, shape[1].value - stop)?);
    }
    Ok(vec![Grad::Node(g.op("join_columns", &parts)?)])
}

pub fn rows() -> Vec<OpRow> {
    vec![
        OpRow {
            name: "matmul",
            arity: 2,
            attrs: &[("transpose", Some(0.0))],
            shape: shape::matmul,
            run: Run::MatVec,
            cost: 100.0,
            adjoint: |g, s| {
                // y = W v: dW = d v^T, dv = W^T d; transposed: dW = v d^T, dv = W d
                let (matrix, vector) = (s.args[0], s.args[1]);
                let flipped = s.attrs.flag("transpose");
                let back = Attrs::numbers(&[("transpose", f64::from(!flipped))]);
                let (left, right) = if flipped { (vector, s.d) } else { (s.d, vector) };
                Ok(vec![Grad::Outer { left, right }, Grad::Node(g.op_with("matmul", &[matrix, s.d], back)?)])
            },
            ..BASE
        },
        OpRow {
            name: "matmul_lines", // each line of a value times a parameter matrix; created by the planner
            arity: 2,
            attrs: &[("transpose", Some(0.0))],
            shape: shape::matmul_lines,
            run: Run::MatVec,
            cost: 100.0,
            internal: true,
            adjoint: |g, s| {
                let flipped = s.attrs.flag("transpose");
                let back = Attrs::numbers(&[("transpose", f64::from(!flipped))]);
                let (left, right) = if flipped { (s.args[1], s.d) } else { (s.d, s.args[1]) };
                let d = g.op_with("matmul_lines", &[s.args[0], s.d], back)?;
                Ok(vec![Grad::Outer { left, right }, Grad::Node(d)])
            },
            ..BASE
        },
        OpRow {
            name: "product", // a matrix and a vector, a vector and a matrix, or two matrices
            arity: 2,
            shape: shape::product,
            run: Run::Product,
            cost: 100.0,
            adjoint: product_back,
            ..BASE
        },
        OpRow {
            name: "outer",
            arity: 2,
            shape: shape::outer,
            run: Run::Outer,
            adjoint: |g, s| {
                let (a, b) = (g.op("product", &[s.d, s.args[1]])?, g.op("product", &[s.args[0], s.d])?);
                Ok(vec![Grad::Node(a), Grad::Node(b)])
            },
            ..BASE
        },
        OpRow {
            name: "transpose",
            shape: shape::transpose,
            run: Run::Transpose,
            adjoint: |g, s| Ok(vec![Grad::Node(g.op("transpose", &[s.d])?)]),
            ..BASE
        },
        OpRow {
            name: "sum_first",
            attrs: &[("keepdims", Some(0.0))],
            shape: shape::sum_first,
            run: Run::Composite,
            expand: Some(sum_first),
            ..BASE
        },
        OpRow { name: "dot", arity: 2, shape: shape::dot, run: Run::Composite, expand: Some(dot), ..BASE },
        OpRow {
            name: "lookup",
            arity: 2,
            shape: shape::lookup,
            run: Run::Lookup,
            adjoint: |_, s| Ok(vec![Grad::Scatter { id: s.args[1], d: s.d }, Grad::Zero]),
            ..BASE
        },
        OpRow {
            name: "pick",
            arity: 2,
            shape: shape::pick,
            run: Run::Pick,
            adjoint: |g, s| {
                let size = g.node(s.args[0]).numel() as f64;
                let hot = g.op_with("one_hot", &[s.args[1]], Attrs::numbers(&[("size", size)]))?;
                Ok(vec![Grad::Node(g.op("mul", &[hot, s.d])?), Grad::Zero])
            },
            ..BASE
        },
        OpRow {
            name: "one_hot",
            attrs: &[("size", None)],
            shape: shape::one_hot,
            run: Run::OneHot,
            tangent: Tangent::Zero,
            ..BASE
        },
        OpRow { name: "take", arity: 2, shape: shape::take, run: Run::Composite, expand: Some(take), ..BASE },
        OpRow {
            name: "take_at", // what `take` becomes: its places have no gradient and no tangent
            arity: 2,
            shape: shape::take,
            run: Run::Take,
            internal: true,
            adjoint: |g, s| {
                let size = g.node(s.args[0]).numel() as f64;
                let d = g.op_with("add_at", &[s.d, s.args[1]], Attrs::numbers(&[("size", size)]))?;
                Ok(vec![Grad::Node(d), Grad::Zero])
            },
            ..BASE
        },
        OpRow {
            name: "add_at", // the gradient of `take_at`: its operands are numbers and their places
            arity: 2,
            attrs: &[("size", None)],
            shape: shape::add_at,
            run: Run::AddAt,
            internal: true,
            adjoint: |g, s| Ok(vec![Grad::Node(g.op("take_at", &[s.d, s.args[1]])?), Grad::Zero]),
            ..BASE
        },
        OpRow {
            name: "add_at_to", // x + add_at(d, places); created by the planner
            arity: 3,
            shape: shape::same,
            run: Run::AddAtTo,
            internal: true,
            tangent: Tangent::None(MADE_LAST),
            adjoint: |_, _| Err(StepError::Trace(MADE_LAST.into())),
            ..BASE
        },
        OpRow {
            name: "slice",
            attrs: &[("start", None), ("stop", None)],
            shape: shape::slice,
            run: Run::Slice,
            cost: 0.0,
            adjoint: |_, s| Ok(vec![Grad::Slice { start: s.attrs.int("start"), d: s.d }]),
            ..BASE
        },
        OpRow {
            name: "concat",
            arity: usize::MAX,
            shape: shape::concat,
            run: Run::Concat,
            adjoint: |g, s| {
                let mut start = 0;
                let mut grads = Vec::with_capacity(s.args.len());
                for &arg in s.args {
                    let stop = start + g.node(arg).shape.first().map_or(1, |dim| dim.value);
                    let range = Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
                    let part = g.op_with("slice", &[s.d], range)?;
                    let shape = g.node(arg).shape.clone();
                    grads.push(Grad::Node(g.reshaped(part, &shape)?));
                    start = stop;
                }
                Ok(grads)
            },
            ..BASE
        },
        // `columns` and `join_columns` are slice and concat along the second axis; the planner divides products with them
        OpRow {
            name: "columns",
            attrs: &[("start", None), ("stop", None)],
            shape: shape::columns,
            run: Run::Columns,
            internal: true,
            adjoint: columns_back,
            ..BASE
        },
        OpRow {
            name: "join_columns",
            arity: usize::MAX,
            shape: shape::join_columns,
            run: Run::JoinColumns,
            internal: true,
            adjoint: |g, s| {
                let mut start = 0;
                let mut grads = Vec::with_capacity(s.args.len());
                for &arg in s.args {
                    let stop = start + g.node(arg).shape.last().map_or(1, |dim| dim.value);
                    let range = Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
                    grads.push(Grad::Node(g.op_with("columns", &[s.d], range)?));
                    start = stop;
                }
                Ok(grads)
            },
            ..BASE
        },
        OpRow {
            name: "reshape",
            takes_shape: true,
            shape: shape::reshape,
            cost: 0.0,
            adjoint: |g, s| {
                let shape = g.node(s.args[0]).shape.clone();
                Ok(vec![Grad::Node(g.reshaped(s.d, &shape)?)])
            },
            ..BASE
        },
        OpRow {
            name: "copy",
            run: Run::Unary(crate::kernel::Unary::Copy),
            internal: true,
            adjoint: |_, s| Ok(vec![Grad::Node(s.d)]),
            ..BASE
        },
        OpRow {
            name: "broadcast_to",
            takes_shape: true,
            shape: shape::broadcast_to,
            run: Run::Broadcast,
            // the caller sums a gradient of the broadcast shape over the broadcast axes
            adjoint: |_, s| Ok(vec![Grad::Node(s.d)]),
            ..BASE
        },
        OpRow {
            name: "scan",
            arity: usize::MAX,
            shape: |_, _| Err("a scan is made by the planner".into()),
            run: Run::Scan,
            internal: true,
            ..BASE
        },
        OpRow {
            name: "sum_to",
            takes_shape: true,
            shape: shape::sum_to,
            run: Run::SumTo,
            internal: true,
            adjoint: |g, s| {
                let shape = g.node(s.args[0]).shape.clone();
                Ok(vec![Grad::Node(g.op_with("broadcast_to", &[s.d], Attrs::shape_of(&shape))?)])
            },
            ..BASE
        },
    ]
}
