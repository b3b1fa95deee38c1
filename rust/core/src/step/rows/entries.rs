//! Rows of the ops over the entries of a memory. A value on entries has one value for each entry of its row; how many they are
//! is not part of any shape. A row without entries has the sum, mean and maximum 0, and the log of a sum of nothing, -inf.

use super::super::shape;
use super::op_row::{Grad, OpRow, Tangent, no_gradient};
use super::run::{Across, Run};
use crate::step::{Attrs, Equations, Node, NodeId, Result, Shape};

const BASE: OpRow = OpRow {
    name: "",
    arity: 1,
    attrs: &[],
    takes_shape: false,
    shape: shape::same,
    run: Run::Entries(Across::Sum),
    expand: None,
    adjoint: no_gradient,
    tangent: Tangent::Linear,
    cost: 1.0,
    internal: false,
};

/// The largest distance of a shift.
const FARTHEST: f64 = 65536.0;

/// The shape of the operand, if the distance is a whole number.
fn whole_shift(args: &[&Node], attrs: &Attrs) -> std::result::Result<Shape, String> {
    let by = attrs.number("by");
    if by.fract() != 0.0 || by.abs() > FARTHEST {
        return Err(format!("by is {by}; expected a whole number of at most {FARTHEST}"));
    }
    shape::same(args, attrs)
}

fn grad(node: NodeId) -> Result<Vec<Grad>> {
    Ok(vec![Grad::Node(node)])
}

/// The value of the row `d` at each entry of the axis of `like`.
fn repeated(g: &mut dyn Equations, d: NodeId, like: NodeId) -> Result<NodeId> {
    let axis = g.node(like).entries.unwrap_or(0) as f64;
    g.op_with("entries_repeat", &[d], Attrs::numbers(&[("axis", axis)]))
}

/// The sum over the entries, divided by their number; 0 without entries.
fn mean(g: &mut dyn Equations, args: &[NodeId], _: &Attrs) -> Result<NodeId> {
    let (sum, one) = (g.op("entries_sum", args)?, g.constant(1.0));
    let count = g.op("entries_count", args)?;
    let divisor = g.op("maximum", &[count, one])?;
    g.op("div", &[sum, divisor])
}

/// The tangent of a reduction with the slopes `slope`.
fn weighted(g: &mut dyn Equations, slope: NodeId, t: NodeId) -> Result<NodeId> {
    let product = g.op("mul", &[slope, t])?;
    g.op("entries_sum", &[product])
}

/// For each entry, its share of the maximum `y` of `x`: equal maxima share it equally.
fn shares(g: &mut dyn Equations, x: NodeId, y: NodeId) -> Result<NodeId> {
    let hit = g.op("equal", &[x, y])?;
    let count = g.op("entries_sum", &[hit])?;
    g.op("div", &[hit, count])
}

/// The softmax whose logarithm of the divisor is `y`.
fn probabilities(g: &mut dyn Equations, x: NodeId, y: NodeId) -> Result<NodeId> {
    let shifted = g.op("sub", &[x, y])?;
    g.op("exp", &[shifted])
}

/// `y (v - sum over entries of y v)`: the Jacobian of the softmax `y`, which is symmetric, times v.
fn centred(g: &mut dyn Equations, y: NodeId, v: NodeId) -> Result<NodeId> {
    let mean = weighted(g, v, y)?;
    let rest = g.op("sub", &[v, mean])?;
    g.op("mul", &[y, rest])
}

pub fn rows() -> Vec<OpRow> {
    vec![
        OpRow { name: "entries_sum", adjoint: |g, s| grad(repeated(g, s.d, s.args[0])?), ..BASE },
        OpRow { name: "entries_mean", run: Run::Composite, expand: Some(mean), ..BASE },
        OpRow {
            name: "entries_max",
            run: Run::Entries(Across::Max),
            tangent: Tangent::Operand(|g, x, y, t| {
                let shares = shares(g, x, y)?;
                weighted(g, shares, t)
            }),
            adjoint: |g, s| {
                let shares = shares(g, s.args[0], s.node)?;
                grad(g.op("mul", &[shares, s.d])?)
            },
            ..BASE
        },
        OpRow {
            name: "entries_logsumexp",
            run: Run::Entries(Across::LogSumExp),
            cost: 10.0,
            tangent: Tangent::Operand(|g, x, y, t| {
                let p = probabilities(g, x, y)?;
                weighted(g, p, t)
            }),
            adjoint: |g, s| {
                let p = probabilities(g, s.args[0], s.node)?;
                grad(g.op("mul", &[p, s.d])?)
            },
            ..BASE
        },
        OpRow {
            name: "entries_softmax",
            run: Run::Entries(Across::Softmax),
            cost: 10.0,
            tangent: Tangent::Symmetric,
            adjoint: |g, s| grad(centred(g, s.node, s.d)?),
            ..BASE
        },
        OpRow {
            name: "entries_shift",
            attrs: &[("by", None)],
            shape: whole_shift,
            run: Run::Entries(Across::Shift),
            adjoint: |g, s| {
                let back = Attrs::numbers(&[("by", -s.attrs.number("by"))]);
                grad(g.op_with("entries_shift", &[s.d], back)?)
            },
            ..BASE
        },
        OpRow {
            name: "entries_repeat",
            attrs: &[("axis", None)],
            run: Run::Entries(Across::Repeat),
            internal: true,
            cost: 0.0,
            // the caller sums a gradient on entries
            adjoint: |_, s| grad(s.d),
            ..BASE
        },
        OpRow {
            name: "entries_count",
            shape: |_, _| Ok(Vec::new()),
            run: Run::Entries(Across::Count),
            tangent: Tangent::Zero,
            ..BASE
        },
        OpRow {
            name: "entries_position",
            shape: |_, _| Ok(Vec::new()),
            run: Run::Entries(Across::Position),
            tangent: Tangent::Zero,
            ..BASE
        },
        OpRow {
            name: "entries_accumulate",
            attrs: &[("memory", None)],
            run: Run::Entries(Across::Accumulate),
            tangent: Tangent::None("it is made when a plan is made, after all derivatives"),
            internal: true,
            ..BASE
        },
    ]
}
