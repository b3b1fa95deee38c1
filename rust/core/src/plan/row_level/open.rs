//! Opens a program's inputs: an input of several pieces becomes several inputs, and what reads it reads the pieces.
//!
//! A slice of values side by side becomes the value that it lies in. A product with values side by side, `W [x; s]`, becomes
//! a sum of products, `W_x x + W_s s`, if some of the values are per row.

use std::collections::HashSet;

use crate::step::{Attrs, Builder, Dim, Equations, NodeId, Program, Result, Run, Source, rows};

use super::super::concatenated::{WORTH, as_vector, parts, sum_of_products};
use super::super::dependence::{Dependence, find_dependences};
use super::super::sums::{copy, finish};
use super::piece::Piece;

/// The program with an input for each piece, in order.
pub fn opened(program: &Program, inputs: &[Vec<Piece>]) -> Result<Program> {
    let builder = Builder::new(&program.name, program.sizes.clone());
    let mut opening = Opening { g: builder, is_row: HashSet::new(), dependence: Vec::new() };
    let mut moved: Vec<NodeId> = Vec::with_capacity(program.nodes.len());
    for (id, node) in program.nodes.iter().enumerate() {
        let row = rows::row(node.op);
        let input = program.inputs.iter().position(|&input| input == id);
        let made = match (input, row.run) {
            (Some(k), _) => opening.input(program, id, &inputs[k])?,
            (None, Run::Slice) => {
                let range = (node.attrs.int("start"), node.attrs.int("stop"));
                opening.slice(moved[node.args[0]], range)?
            }
            (None, Run::MatVec) => {
                let [matrix, vector] = [0, 1].map(|k| moved[node.args[k]]);
                opening.product(matrix, vector, node.attrs.flag("transpose"))?
            }
            _ => copy(&mut opening.g, program, id, &moved)?,
        };
        if let Some(label) = &node.label {
            opening.g.label(made, label);
        }
        moved.push(made);
    }
    finish(opening.g, program, &moved)
}

/// A name that no input of a program has.
pub fn free_name(program: &Program, mut name: String) -> String {
    while program.inputs.iter().any(|&input| program.label(input) == name) {
        name.push('_');
    }
    name
}

struct Opening {
    g: Builder,
    /// The inputs that are values per row.
    is_row: HashSet<NodeId>,
    dependence: Vec<Dependence>,
}

impl Opening {
    /// The pieces of an input, side by side.
    fn input(&mut self, program: &Program, id: NodeId, pieces: &[Piece]) -> Result<NodeId> {
        let node = &program.nodes[id];
        if let [piece] = pieces {
            let made = copy(&mut self.g, program, id, &[])?;
            if piece.is_row {
                self.is_row.insert(made);
            }
            return Ok(made);
        }
        let mut parts = Vec::with_capacity(pieces.len());
        for (number, piece) in pieces.iter().enumerate() {
            let name = free_name(program, format!("{}_{number}", program.label(id)));
            let made = self.g.source(Source::Input, &name, vec![Dim::number(piece.width)])?;
            if piece.is_row {
                self.is_row.insert(made);
            }
            parts.push(made);
        }
        let joined = self.g.op("concat", &parts)?;
        self.g.reshaped(joined, &node.shape)
    }

    /// Elements `start..stop` along the first axis of a value.
    fn slice(&mut self, value: NodeId, (start, stop): (usize, usize)) -> Result<NodeId> {
        let range =
            |start: usize, stop: usize| Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
        let of = self.g.node(value);
        if rows::row(of.op).run != Run::Concat || of.shape.len() != 1 {
            return self.g.op_with("slice", &[value], range(start, stop));
        }
        let (mut at, mut parts) = (0, Vec::new());
        for part in of.args.clone() {
            let width = self.g.node(part).numel();
            let (from, to) = (start.max(at), stop.min(at + width));
            if from < to {
                let whole = as_vector(&mut self.g, part)?;
                parts.push(match to - from == width {
                    true => whole,
                    false => self.slice(whole, (from - at, to - at))?,
                });
            }
            at += width;
        }
        match parts[..] {
            [part] => Ok(part),
            _ => self.g.op("concat", &parts),
        }
    }

    /// The product of a matrix with a vector: one product, or one for each run of values that are all per row or all not.
    fn product(&mut self, matrix: NodeId, vector: NodeId, transpose: bool) -> Result<NodeId> {
        find_dependences(self.g.nodes(), &|id| self.is_row.contains(&id), &mut self.dependence);
        let parts = parts(self.g.nodes(), vector, |id| self.dependence[id] == Dependence::Row);
        if parts.len() > 1 && parts.iter().any(|part| part.kind && part.width >= WORTH) {
            return sum_of_products(&mut self.g, matrix, &parts, transpose);
        }
        let way = Attrs::numbers(&[("transpose", f64::from(transpose))]);
        self.g.op_with("matmul", &[matrix, vector], way)
    }
}
