//! One row of the op table: its fields, and the results of its rules.

use super::super::{Attrs, Equations, Node, NodeId, Result, Shape};
use super::run::Run;

/// The site of an adjoint rule: the node, its operands and the gradient `d` of the node.
pub struct Site<'a> {
    pub node: NodeId,
    pub args: &'a [NodeId],
    pub attrs: &'a Attrs,
    pub d: NodeId,
}

/// The result of an adjoint rule for one operand.
#[derive(Debug, Clone, Copy)]
pub enum Grad {
    /// No gradient flows to it.
    Zero,
    /// The gradient. If the operand was broadcast, it has the result's shape (the caller sums it over the broadcast axes).
    Node(NodeId),
    /// Gradient of the part of the operand that starts at `start` along the first axis; zero elsewhere.
    Slice { start: usize, d: NodeId },
    /// Gradient of a parameter matrix: the outer product `left right^T`, summed over rows and time.
    Outer { left: NodeId, right: NodeId },
    /// Gradient of a table: `d` added at row `id`.
    Scatter { id: NodeId, d: NodeId },
    /// Gradient of the parameters of a `call` of `x` and `s` with result gradient `d`.
    Called { x: NodeId, s: NodeId, d: NodeId },
}

/// How the tangent of an op follows from its row.
#[derive(Debug, Clone, Copy)]
pub enum Tangent {
    /// The Jacobian is symmetric (every elementwise op, softmax, layer norm): the adjoint rule, applied to the tangent.
    Symmetric,
    /// Linear in each operand that varies: the op itself, applied to one tangent at a time.
    Linear,
    /// A reduction: the sum over the last axis of (adjoint of 1) * tangent.
    Gradient,
    /// A separate rule, given the operand's tangent.
    Rule(fn(&mut dyn Equations, NodeId, NodeId) -> Result<NodeId>),
    /// A separate rule, given the operand, the result and the operand's tangent.
    Operand(fn(&mut dyn Equations, NodeId, NodeId, NodeId) -> Result<NodeId>),
    /// Constant: no tangent.
    Zero,
    /// Unknown, with the reason.
    None(&'static str),
}

/// The shape of the result, from the operands; or what is wrong with them, as half a sentence.
type ShapeRule = fn(&[&Node], &Attrs) -> std::result::Result<Shape, String>;
/// Writes a composite op in terms of others.
type Expansion = fn(&mut dyn Equations, &[NodeId], &Attrs) -> Result<NodeId>;
type AdjointRule = fn(&mut dyn Equations, &Site) -> Result<Vec<Grad>>;

pub struct OpRow {
    pub name: &'static str,
    /// Number of operands; `usize::MAX` for one or more.
    pub arity: usize,
    /// Attributes with their defaults; `None` means required.
    pub attrs: &'static [(&'static str, Option<f64>)],
    /// It takes the attribute `shape`.
    pub takes_shape: bool,
    pub shape: ShapeRule,
    pub run: Run,
    /// For `Run::Composite`: the ops that replace it.
    pub expand: Option<Expansion>,
    pub adjoint: AdjointRule,
    pub tangent: Tangent,
    /// Cost of one element in multiplications; it decides what is stored and what is recomputed.
    pub cost: f32,
    /// Created by adjoint rules only: no eager form.
    pub internal: bool,
}

/// An adjoint rule for ops without gradient.
pub fn no_gradient(_: &mut dyn Equations, site: &Site) -> Result<Vec<Grad>> {
    Ok(vec![Grad::Zero; site.args.len()])
}
