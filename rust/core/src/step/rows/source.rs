//! Rows of ops without operands: the sources of a program, and noise.

use super::super::{Attrs, Node, Shape};
use super::op_row::{OpRow, Tangent, no_gradient};
use super::run::Run;

/// The values of `per`: new numbers for each row and step, for each row, or one set of numbers per call.
const PER: usize = 3;
/// The value of `per` for one set of numbers per call, like a parameter.
pub const PER_WEIGHTS: usize = 2;
/// The largest number of streams in a program: the address has 16 bits for them.
const STREAMS: usize = 1 << 16;

/// The requested shape, if the other attributes are integers in their range.
fn noise_shape(_: &[&Node], attrs: &Attrs) -> Result<Shape, String> {
    for (name, limit) in [("stream", STREAMS), ("per", PER)] {
        let value = attrs.number(name);
        if !(0..limit).contains(&attrs.int(name)) || value < 0.0 || value.fract() != 0.0 {
            return Err(format!("{name} is {value}; expected an integer below {limit}"));
        }
    }
    if attrs.shape().len() > 2 {
        return Err("a shape of more than 2 axes".into());
    }
    Ok(attrs.shape().to_vec())
}

fn source(name: &'static str) -> OpRow {
    OpRow {
        name,
        arity: 0,
        attrs: &[],
        takes_shape: false,
        shape: |_, _| Err("a source is declared, not computed".into()),
        run: Run::Source,
        expand: None,
        adjoint: no_gradient,
        tangent: Tangent::Zero,
        cost: 0.0,
        internal: true,
    }
}

pub fn rows() -> Vec<OpRow> {
    let constant = OpRow { attrs: &[("value", None)], ..source("const") };
    let noise = OpRow {
        attrs: &[("stream", None), ("per", None)],
        takes_shape: true,
        shape: noise_shape,
        run: Run::Noise,
        cost: 8.0,
        ..source("noise")
    };
    let memory = OpRow { attrs: &[("axis", None)], ..source("memory") };
    vec![source("input"), source("state"), source("param"), constant, noise, memory]
}
