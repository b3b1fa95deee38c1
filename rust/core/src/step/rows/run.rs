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
    /// The logarithm of a matrix times a vector, from their logarithms.
    LogProduct,
    /// Its gradient of the matrix.
    LogProductGrad,
    /// A parameter matrix times a vector.
    MatVec,
    /// Products of values, of which no operand needs to be a parameter.
    Product,
    Outer,
    Transpose,
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
    /// Elements of a vector by their places, which are numbers.
    Take,
    /// The sums of numbers by their places in a vector.
    AddAt,
    /// A vector with numbers added at places.
    AddAtTo,
    /// Uniform numbers by their address.
    Noise,
    /// A step outside the language, or its gradient.
    Call(Part),
    /// Reads or makes values for each entry of a memory.
    Entries(Across),
    /// A state that is a matrix, along time; the planner replaces the state's own equations by it.
    Matrix(MatrixPart),
    /// A state along time; the planner replaces the state's own equations by it.
    Scan,
}

/// An op between entries, or between the row and entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// One value for the row: the sum over its entries.
    Sum,
    Max,
    LogSumExp,
    /// Over all entries of the row, for each feature.
    Softmax,
    /// The value of the row, at each of its entries.
    Repeat,
    /// The value of the entry that stands `by` places before; 0 beyond the ends.
    Shift,
    /// The number of entries of the row.
    Count,
    /// The index of each entry in its row.
    Position,
    /// Adds the value to the gradient of a memory; made by the planner.
    Accumulate,
}

impl Across {
    /// Whether an op of operands on entries has a value for each entry; otherwise it has one for the row.
    pub fn keeps_entries(self) -> bool {
        matches!(self, Across::Softmax | Across::Shift | Across::Position | Across::Accumulate)
    }
}

/// What is computed of a state that is a matrix: values of the forward pass, or of the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixPart {
    /// Its products with vectors.
    Reads,
    /// Its next value.
    Next,
    /// The gradients of the operands, one after the other.
    Gradients,
    /// The gradient of the matrix before the step.
    Back,
}

/// What the function computes: values, gradients of input and states, or gradients of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Forward,
    Back,
    Gradient,
}
