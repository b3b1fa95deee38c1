//! What depends on the scalars of a step alone: computed once a step, in float64 whatever the parameters are.
//!
//! `1 - beta2^t` in float32 would lose four digits at t = 1.

use crate::kernel::{Dst, Float, Isa, Kernels, Src};
use crate::step::{NodeId, Program, Run, rows};

use super::operation::Action;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Origin {
    /// Scalar number `k` of the step.
    Given(usize),
    Const(f64),
    /// An operation on the slots of these scalars.
    Computed(Action, [usize; 3]),
}

/// The table of scalars.
#[derive(Debug, Clone)]
pub(super) struct Scalars {
    given: usize,
    origins: Vec<Origin>,
    /// By node: its slot in the table.
    slots: Vec<Option<usize>>,
}

impl Scalars {
    /// The table of the live nodes that are made of parameters and constants of `program` alone.
    pub(super) fn new(program: &Program, live: &[bool]) -> Scalars {
        let mut table =
            Scalars { given: program.params.len(), origins: Vec::new(), slots: vec![None; live.len()] };
        for (id, node) in program.nodes.iter().enumerate() {
            if !live[id] || !node.folded {
                continue;
            }
            let mut args = [0; 3];
            for (slot, &arg) in args.iter_mut().zip(&node.args) {
                *slot = table.slots[arg].unwrap_or_default(); // what is folded has folded operands, before it
            }
            let origin = match rows::row(node.op).run {
                Run::View => {
                    table.slots[id] = table.slots[node.args[0]];
                    continue;
                }
                Run::Unary(op) => Origin::Computed(Action::Unary(op, node.attrs.number("alpha")), args),
                Run::Binary(op) => Origin::Computed(Action::Binary(op), args),
                Run::Ternary(op) => Origin::Computed(Action::Ternary(op), args),
                _ => match program.params.iter().position(|&param| param == id) {
                    Some(position) => Origin::Given(position),
                    None => Origin::Const(node.attrs.number("value")),
                },
            };
            table.slots[id] = Some(table.origins.len());
            table.origins.push(origin);
        }
        table
    }

    pub(super) fn given(&self) -> usize {
        self.given
    }

    pub(super) fn slot(&self, id: NodeId) -> Option<usize> {
        self.slots[id]
    }

    /// Fills `table` with the values of a step whose scalars are `given`.
    pub(super) fn evaluate(&self, given: &[f64], isa: Isa, table: &mut Vec<f64>) {
        let kernels = f64::kernels(isa);
        table.clear();
        for origin in &self.origins {
            let value = match *origin {
                Origin::Given(position) => given[position],
                Origin::Const(value) => value,
                Origin::Computed(action, args) => computed(action, args.map(|arg| table.get(arg)), kernels),
            };
            table.push(value);
        }
    }
}

fn computed(action: Action, args: [Option<&f64>; 3], kernels: &Kernels<f64>) -> f64 {
    let values = args.map(|arg| arg.copied().unwrap_or_default());
    let [a, b, c] = [0, 1, 2].map(|k| Src { ptr: &values[k], row: 0, col: 0 });
    let mut result = 0.0;
    let dst = Dst { ptr: &mut result, row: 0 };
    // SAFETY: one element is read of each source and one is written.
    unsafe {
        match action {
            Action::Unary(op, alpha) => (kernels.unary)(op, alpha, 1, 1, dst, a),
            Action::Binary(op) => (kernels.binary)(op, 1, 1, dst, a, b),
            Action::Ternary(op) => (kernels.ternary)(op, 1, 1, dst, a, b, c),
        }
    }
    result
}
