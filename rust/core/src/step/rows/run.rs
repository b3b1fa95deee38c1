//! How the engine runs an op.

use crate::kernel::{Binary, NormGrad, Reduce, RowMap, Ternary, Unary};

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
    /// Some columns of a matrix.
    Columns,
    /// Matrices side by side.
    JoinColumns,
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

/// What the function computes: values, gradients of input and states, or gradients of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Forward,
    Back,
    Gradient,
}
