//! The op table: one row per op with its name, arity, shape rule, kernel, adjoint, tangent and cost.
//!
//! An op is added by one row in the file of its kind (and its eager form in Python's `ops`); the tests of the table
//! (`tests/language`) then check its value, adjoint and tangent.

mod arithmetic;
mod call;
mod linear;
mod reduction;
mod source;

use std::sync::OnceLock;

use super::{Attrs, Builder, NodeId, Result, Shape};
use crate::kernel::{Binary, NormGrad, Reduce, RowMap, Ternary, Unary};

/// Position of an op in the table.
pub type OpId = usize;

/// How the engine runs an op.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Run {
    /// From outside: an input, state, parameter or constant.
    Source,
    /// The same bytes with another shape or name.
    View,
    /// Expands into other ops as soon as it is added.
    Composite,
    Unary(Unary),
    Binary(Binary),
    Ternary(Ternary),
    Reduce(Reduce),
    RowMap(RowMap),
    /// The gradient of a norm.
    NormGrad(NormGrad),
    MatVec,
    Slice,
    Concat,
    Broadcast,
    SumTo,
    Lookup,
    Pick,
    OneHot,
    /// Uniform numbers by their address.
    Noise,
    /// A step outside the language, or its gradient.
    Call(Part),
    /// A state along time; the planner replaces the state's own equations by it.
    Scan,
}

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
    Rule(fn(&mut Builder, NodeId, NodeId) -> Result<NodeId>),
    /// Constant: no tangent.
    Zero,
    /// Unknown, with the reason.
    None(&'static str),
}

type ShapeRule = fn(&Builder, &[NodeId], &Attrs) -> std::result::Result<Shape, String>;
/// Writes a composite op in terms of others.
type Expansion = fn(&mut Builder, &[NodeId], &Attrs) -> Result<NodeId>;
type AdjointRule = fn(&mut Builder, &Site) -> Result<Vec<Grad>>;

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

pub use call::Part;
pub use reduction::norm_scale;
pub use source::PER_WEIGHTS;

/// The whole table.
pub fn table() -> &'static [OpRow] {
    static TABLE: OnceLock<Vec<OpRow>> = OnceLock::new();
    TABLE.get_or_init(|| {
        [source::rows(), arithmetic::rows(), linear::rows(), reduction::rows(), call::rows()]
            .into_iter()
            .flatten()
            .collect()
    })
}

pub fn row(op: OpId) -> &'static OpRow {
    &table()[op]
}

/// The elementwise ops that authors may use.
pub fn elementwise() -> Vec<&'static str> {
    arithmetic::rows().iter().filter(|row| !row.internal).map(|row| row.name).collect()
}

/// Position of the op called `name`.
pub fn find(name: &str) -> Option<OpId> {
    table().iter().position(|row| row.name == name)
}

/// Position of an op that the rules themselves name; tests of the table check that each exists.
pub(super) fn known(name: &'static str) -> OpId {
    find(name).unwrap_or_else(|| panic!("the op table has no row {name}"))
}

/// An adjoint rule for ops without gradient.
fn no_gradient(_: &mut Builder, site: &Site) -> Result<Vec<Grad>> {
    Ok(vec![Grad::Zero; site.args.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (position, row) in table().iter().enumerate() {
            assert_eq!(find(row.name), Some(position), "{} stands twice", row.name);
        }
    }
}
