//! One operation of an optimizer's program: what it computes, and where its operands and its result lie.

use crate::kernel::{Binary, Ternary, Unary};

/// Where an operand lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Array number `k` of a parameter: the parameter, its gradient, its slots.
    Stream(usize),
    /// Temporary memory of a tile.
    Temp(usize),
    /// A number for all elements.
    Scalar(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    Unary(Unary, f64),
    Binary(Binary),
    Ternary(Ternary),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Operation {
    pub(super) action: Action,
    /// The first one, two or three count.
    pub(super) args: [Place; 3],
    pub(super) dst: Place,
}

impl Operation {
    /// The places that it reads.
    pub(super) fn reads(&self) -> &[Place] {
        let operands = match self.action {
            Action::Unary(..) => 1,
            Action::Binary(_) => 2,
            Action::Ternary(_) => 3,
        };
        &self.args[..operands]
    }
}
