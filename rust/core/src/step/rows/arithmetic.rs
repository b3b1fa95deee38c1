//! Rows of the elementwise ops. `y` is the result, `d` its gradient.

use super::super::shape;
use super::op_row::{Grad, OpRow, Site, Tangent, no_gradient};
use super::run::Run;
use crate::kernel::{Binary, Ternary, Unary};
use crate::step::{Attrs, Equations, NodeId, Result};

type Rule = fn(&mut dyn Equations, &Site) -> Result<Vec<Grad>>;

const BASE: OpRow = OpRow {
    name: "",
    arity: 1,
    attrs: &[],
    takes_shape: false,
    shape: shape::broadcast,
    run: Run::Unary(Unary::Copy),
    expand: None,
    adjoint: no_gradient,
    tangent: Tangent::Symmetric,
    cost: 1.0,
    internal: false,
};

fn unary(name: &'static str, run: Unary, cost: f32, adjoint: Rule) -> OpRow {
    OpRow { name, run: Run::Unary(run), cost, adjoint, ..BASE }
}

/// An op of one operand whose slope is 0 wherever it has one.
fn flat(name: &'static str, run: Unary) -> OpRow {
    OpRow { tangent: Tangent::Zero, ..unary(name, run, 1.0, no_gradient) }
}

fn binary(name: &'static str, run: Binary, cost: f32, adjoint: Rule) -> OpRow {
    OpRow { name, arity: 2, run: Run::Binary(run), cost, adjoint, ..BASE }
}

fn comparison(name: &'static str, run: Binary) -> OpRow {
    OpRow { tangent: Tangent::Zero, ..binary(name, run, 1.0, no_gradient) }
}

/// One operand, one gradient.
fn one(node: NodeId) -> Result<Vec<Grad>> {
    Ok(vec![Grad::Node(node)])
}

fn two(a: NodeId, b: NodeId) -> Result<Vec<Grad>> {
    Ok(vec![Grad::Node(a), Grad::Node(b)])
}

/// `d` where `keep` is true, zero elsewhere.
fn masked(g: &mut dyn Equations, keep: NodeId, d: NodeId) -> Result<NodeId> {
    let zero = g.constant(0.0);
    g.op("where", &[keep, d, zero])
}

fn clip(g: &mut dyn Equations, args: &[NodeId], attrs: &Attrs) -> Result<NodeId> {
    let (low, high) = (g.constant(attrs.number("low")), g.constant(attrs.number("high")));
    g.op("clip_to", &[args[0], low, high])
}

pub fn rows() -> Vec<OpRow> {
    vec![
        unary("neg", Unary::Neg, 1.0, |g, s| one(g.op("neg", &[s.d])?)),
        unary("exp", Unary::Exp, 8.0, |g, s| one(g.op("mul", &[s.d, s.node])?)),
        unary("log", Unary::Log, 8.0, |g, s| one(g.op("div", &[s.d, s.args[0]])?)),
        unary("sqrt", Unary::Sqrt, 4.0, |g, s| {
            let half = g.constant(0.5);
            let half_d = g.op("mul", &[s.d, half])?;
            one(g.op("div", &[half_d, s.node])?)
        }),
        unary("abs", Unary::Abs, 1.0, |g, s| {
            let sign = g.op("sign", &[s.args[0]])?;
            one(g.op("mul", &[s.d, sign])?)
        }),
        flat("sign", Unary::Sign),
        flat("round", Unary::Round),
        flat("floor", Unary::Floor),
        unary("sigmoid", Unary::Sigmoid, 10.0, |g, s| one(g.op("sigmoid_grad", &[s.node, s.d])?)),
        unary("tanh", Unary::Tanh, 10.0, |g, s| one(g.op("tanh_grad", &[s.node, s.d])?)),
        unary("relu", Unary::Relu, 1.0, |g, s| one(g.op("relu_grad", &[s.node, s.d])?)),
        OpRow {
            attrs: &[("alpha", Some(0.01))],
            ..unary("leaky_relu", Unary::LeakyRelu, 1.0, |g, s| {
                let (zero, alpha) = (g.constant(0.0), g.constant(s.attrs.number("alpha")));
                let positive = g.op("greater", &[s.args[0], zero])?;
                let scaled = g.op("mul", &[s.d, alpha])?;
                one(g.op("where", &[positive, s.d, scaled])?)
            })
        },
        OpRow {
            attrs: &[("alpha", Some(1.0))],
            ..unary("elu", Unary::Elu, 9.0, |g, s| {
                // y + alpha = alpha * exp(x) where x <= 0
                let (zero, alpha) = (g.constant(0.0), g.constant(s.attrs.number("alpha")));
                let positive = g.op("greater", &[s.args[0], zero])?;
                let slope = g.op("add", &[s.node, alpha])?;
                let scaled = g.op("mul", &[s.d, slope])?;
                one(g.op("where", &[positive, s.d, scaled])?)
            })
        },
        unary("softplus", Unary::Softplus, 16.0, |g, s| {
            let slope = g.op("sigmoid", &[s.args[0]])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        unary("silu", Unary::Silu, 10.0, |g, s| {
            // y' = sigma + y (1 - sigma)
            let one_ = g.constant(1.0);
            let sigma = g.op("sigmoid", &[s.args[0]])?;
            let rest = g.op("sub", &[one_, sigma])?;
            let bent = g.op("mul", &[s.node, rest])?;
            let slope = g.op("add", &[sigma, bent])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        unary("gelu", Unary::Gelu, 16.0, |g, s| {
            // y = x Phi(x); y' = Phi(x) + x phi(x)
            let x = s.args[0];
            let (half, one_) = (g.constant(0.5), g.constant(1.0));
            let root = g.constant(std::f64::consts::FRAC_1_SQRT_2);
            let density = g.constant(0.398_942_280_401_432_7); // 1 / sqrt(2 pi)
            let minus_half = g.constant(-0.5);
            let scaled = g.op("mul", &[x, root])?;
            let erf = g.op("erf", &[scaled])?;
            let shifted = g.op("add", &[erf, one_])?;
            let phi_big = g.op("mul", &[shifted, half])?;
            let square = g.op("mul", &[x, x])?;
            let exponent = g.op("mul", &[square, minus_half])?;
            let bell = g.op("exp", &[exponent])?;
            let phi = g.op("mul", &[bell, density])?;
            let bent = g.op("mul", &[x, phi])?;
            let slope = g.op("add", &[phi_big, bent])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        unary("erf", Unary::Erf, 14.0, |g, s| {
            let x = s.args[0];
            let scale = g.constant(std::f64::consts::FRAC_2_SQRT_PI);
            let square = g.op("mul", &[x, x])?;
            let minus = g.op("neg", &[square])?;
            let bell = g.op("exp", &[minus])?;
            let slope = g.op("mul", &[bell, scale])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        unary("sin", Unary::Sin, 12.0, |g, s| {
            let slope = g.op("cos", &[s.args[0]])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        unary("cos", Unary::Cos, 12.0, |g, s| {
            let sine = g.op("sin", &[s.args[0]])?;
            let slope = g.op("neg", &[sine])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        unary("lgamma", Unary::Lgamma, 60.0, |g, s| {
            let slope = g.op("digamma", &[s.args[0]])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        unary("digamma", Unary::Digamma, 60.0, |g, s| {
            let order = g.constant(1.0);
            let slope = g.op("polygamma", &[order, s.args[0]])?;
            one(g.op("mul", &[s.d, slope])?)
        }),
        OpRow {
            run: Run::View,
            tangent: Tangent::Zero,
            ..unary("stop_gradient", Unary::Copy, 0.0, no_gradient)
        },
        OpRow {
            run: Run::Composite,
            expand: Some(clip),
            attrs: &[("low", None), ("high", None)],
            ..unary("clip", Unary::Copy, 2.0, no_gradient)
        },
        binary("add", Binary::Add, 1.0, |_, s| two(s.d, s.d)),
        binary("sub", Binary::Sub, 1.0, |g, s| {
            let minus = g.op("neg", &[s.d])?;
            two(s.d, minus)
        }),
        binary("mul", Binary::Mul, 1.0, |g, s| {
            let a = g.op("mul", &[s.d, s.args[1]])?;
            let b = g.op("mul", &[s.d, s.args[0]])?;
            two(a, b)
        }),
        binary("div", Binary::Div, 3.0, |g, s| {
            let a = g.op("div", &[s.d, s.args[1]])?;
            let scaled = g.op("mul", &[a, s.node])?;
            let b = g.op("neg", &[scaled])?;
            two(a, b)
        }),
        binary("pow", Binary::Pow, 30.0, |g, s| {
            let (base, exponent) = (s.args[0], s.args[1]);
            let (zero, one_) = (g.constant(0.0), g.constant(1.0));
            let less = g.op("sub", &[exponent, one_])?;
            let power = g.op("pow", &[base, less])?;
            let steep = g.op("mul", &[exponent, power])?;
            // the slope of x^0 is 0, also at x = 0, where 0 * 0^-1 is undefined
            let flat = g.op("equal", &[exponent, zero])?;
            let slope = g.op("where", &[flat, zero, steep])?;
            let a = g.op("mul", &[s.d, slope])?;
            // d/dexponent = y ln(base); 0^b has slope 0 in b
            let positive = g.op("greater", &[base, zero])?;
            let safe = g.op("where", &[positive, base, one_])?;
            let ln = g.op("log", &[safe])?;
            let bent = g.op("mul", &[s.node, ln])?;
            let b = g.op("mul", &[s.d, bent])?;
            two(a, b)
        }),
        binary("minimum", Binary::Min, 1.0, |g, s| {
            let first = g.op("less_equal", &[s.args[0], s.args[1]])?;
            either(g, first, s.d)
        }),
        binary("maximum", Binary::Max, 1.0, |g, s| {
            let first = g.op("greater_equal", &[s.args[0], s.args[1]])?;
            either(g, first, s.d)
        }),
        binary("logaddexp", Binary::LogAddExp, 17.0, |g, s| {
            let gap = g.op("sub", &[s.args[0], s.args[1]])?;
            let share = g.op("sigmoid", &[gap])?;
            let a = g.op("mul", &[s.d, share])?;
            two(a, g.op("sub", &[s.d, a])?)
        }),
        binary("polygamma", Binary::Polygamma, 200.0, |g, s| {
            // the order is a whole number, so the result has no slope in it
            let one_ = g.constant(1.0);
            let order = g.op("add", &[s.args[0], one_])?;
            let slope = g.op("polygamma", &[order, s.args[1]])?;
            Ok(vec![Grad::Zero, Grad::Node(g.op("mul", &[s.d, slope])?)])
        }),
        comparison("less", Binary::Less),
        comparison("less_equal", Binary::LessEqual),
        comparison("greater", Binary::Greater),
        comparison("greater_equal", Binary::GreaterEqual),
        comparison("equal", Binary::Equal),
        comparison("not_equal", Binary::NotEqual),
        OpRow {
            name: "where",
            arity: 3,
            run: Run::Ternary(Ternary::Where),
            adjoint: |g, s| {
                let zero = g.constant(0.0);
                let a = g.op("where", &[s.args[0], s.d, zero])?;
                let b = g.op("where", &[s.args[0], zero, s.d])?;
                Ok(vec![Grad::Zero, Grad::Node(a), Grad::Node(b)])
            },
            ..BASE
        },
        OpRow {
            name: "clip_to", // (x, low, high): x between two numbers; what `clip` becomes
            arity: 3,
            run: Run::Ternary(Ternary::Clip),
            internal: true,
            cost: 2.0,
            adjoint: |g, s| {
                let d = g.op("clip_grad", &[s.args[0], s.node, s.d])?;
                Ok(vec![Grad::Node(d), Grad::Zero, Grad::Zero])
            },
            ..BASE
        },
        OpRow {
            name: "clip_grad", // (x, y, d): d where x is y, which is x after clipping
            arity: 3,
            run: Run::Ternary(Ternary::ClipGrad),
            internal: true,
            cost: 2.0,
            adjoint: |g, s| {
                let d = g.op("clip_grad", &[s.args[0], s.args[1], s.d])?;
                Ok(vec![Grad::Zero, Grad::Zero, Grad::Node(d)])
            },
            ..BASE
        },
        OpRow {
            name: "mul_add", // a b + c in one pass; created by the planner
            arity: 3,
            run: Run::Ternary(Ternary::MulAdd),
            internal: true,
            adjoint: |g, s| {
                let a = g.op("mul", &[s.d, s.args[1]])?;
                let b = g.op("mul", &[s.d, s.args[0]])?;
                Ok(vec![Grad::Node(a), Grad::Node(b), Grad::Node(s.d)])
            },
            ..BASE
        },
        OpRow {
            name: "lerp", // a b + (1 - a) c; created by the planner
            arity: 3,
            run: Run::Ternary(Ternary::Lerp),
            internal: true,
            cost: 3.0,
            adjoint: |g, s| {
                let one_ = g.constant(1.0);
                let difference = g.op("sub", &[s.args[1], s.args[2]])?;
                let a = g.op("mul", &[s.d, difference])?;
                let b = g.op("mul", &[s.d, s.args[0]])?;
                let gap = g.op("sub", &[one_, s.args[0]])?;
                let c = g.op("mul", &[s.d, gap])?;
                Ok(vec![Grad::Node(a), Grad::Node(b), Grad::Node(c)])
            },
            ..BASE
        },
        gradient_of_product("sigmoid_grad_of_product", Ternary::SigmoidGrad, |g, s| {
            // r = a b y (1 - y)
            let product = g.op("mul", &[s.args[1], s.args[2]])?;
            let (one_, minus_two) = (g.constant(1.0), g.constant(-2.0));
            let twice = g.op("mul", &[s.args[0], minus_two])?;
            let slope = g.op("add", &[twice, one_])?;
            let through = g.op("mul", &[s.d, product])?;
            let y = g.op("mul", &[through, slope])?;
            let d = g.op("sigmoid_grad", &[s.args[0], s.d])?;
            factors(g, s, y, d)
        }),
        gradient_of_product("tanh_grad_of_product", Ternary::TanhGrad, |g, s| {
            // r = a b (1 - y^2)
            let product = g.op("mul", &[s.args[1], s.args[2]])?;
            let minus_two = g.constant(-2.0);
            let slope = g.op("mul", &[s.args[0], minus_two])?;
            let through = g.op("mul", &[s.d, product])?;
            let y = g.op("mul", &[through, slope])?;
            let d = g.op("tanh_grad", &[s.args[0], s.d])?;
            factors(g, s, y, d)
        }),
        gradient_of("sigmoid_grad", Binary::SigmoidGrad, |g, s| {
            // r = d y (1 - y): dr/dy = d (1 - 2 y), dr/dd = y (1 - y)
            let (one_, minus_two) = (g.constant(1.0), g.constant(-2.0));
            let twice = g.op("mul", &[s.args[0], minus_two])?;
            let slope = g.op("add", &[twice, one_])?;
            let through = g.op("mul", &[s.d, s.args[1]])?;
            let y = g.op("mul", &[through, slope])?;
            two(y, g.op("sigmoid_grad", &[s.args[0], s.d])?)
        }),
        gradient_of("tanh_grad", Binary::TanhGrad, |g, s| {
            // r = d (1 - y^2): dr/dy = -2 y d
            let minus_two = g.constant(-2.0);
            let slope = g.op("mul", &[s.args[0], minus_two])?;
            let through = g.op("mul", &[s.d, s.args[1]])?;
            let y = g.op("mul", &[through, slope])?;
            two(y, g.op("tanh_grad", &[s.args[0], s.d])?)
        }),
        gradient_of("relu_grad", Binary::ReluGrad, |g, s| {
            Ok(vec![Grad::Zero, Grad::Node(g.op("relu_grad", &[s.args[0], s.d])?)])
        }),
    ]
}

/// A fused gradient `(y, d)`, created by adjoint rules only.
fn gradient_of(name: &'static str, run: Binary, adjoint: Rule) -> OpRow {
    OpRow { internal: true, ..binary(name, run, 3.0, adjoint) }
}

/// A fused gradient `(y, a, b)` whose incoming gradient is the product a b; created by the planner only.
fn gradient_of_product(name: &'static str, run: Ternary, adjoint: Rule) -> OpRow {
    OpRow { name, arity: 3, run: Run::Ternary(run), internal: true, cost: 4.0, adjoint, ..BASE }
}

/// `y`, and the gradients of the two factors of a product with gradient `d`.
fn factors(g: &mut dyn Equations, s: &Site, y: NodeId, d: NodeId) -> Result<Vec<Grad>> {
    let a = g.op("mul", &[d, s.args[2]])?;
    let b = g.op("mul", &[d, s.args[1]])?;
    Ok(vec![Grad::Node(y), Grad::Node(a), Grad::Node(b)])
}

/// The gradient goes to the first operand where `first` is true, else to the second.
fn either(g: &mut dyn Equations, first: NodeId, d: NodeId) -> Result<Vec<Grad>> {
    let a = masked(g, first, d)?;
    let zero = g.constant(0.0);
    two(a, g.op("where", &[first, zero, d])?)
}
