//! Opens a program's inputs: an input of several pieces becomes several inputs, and what reads it reads the pieces.
//!
//! A slice of values side by side becomes the value that it lies in. A product with values side by side, `W [x; s]`, becomes
//! a sum of products, `W_x x + W_s s`, if some of the values are per row.

use std::collections::HashSet;

use crate::step::{Attrs, Builder, Dim, Equations, NodeId, Program, Result, Run, Source, rows};

use super::super::dependence::{Dependence, find_dependences};
use super::super::sums::copy;
use super::piece::{Piece, WORTH};

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
    let outputs: Vec<(String, NodeId)> =
        program.outputs.iter().map(|(name, id)| (name.clone(), moved[*id])).collect();
    let updates: Vec<(String, NodeId)> = (program.states.iter().zip(&program.updates))
        .map(|(&state, &next)| (program.label(state).to_string(), moved[next]))
        .collect();
    opening.g.finish(&outputs, &updates)
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
                let whole = self.vector(part)?;
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

    /// A number as a vector of one element; other values as they are.
    fn vector(&mut self, value: NodeId) -> Result<NodeId> {
        match self.g.node(value).shape.is_empty() {
            true => self.g.reshaped(value, &[Dim::number(1)]),
            false => Ok(value),
        }
    }

    /// The product of a matrix with a vector: one product, or one for each run of values that are all per row or all not.
    fn product(&mut self, matrix: NodeId, vector: NodeId, transpose: bool) -> Result<NodeId> {
        let mut leaves = Vec::new();
        self.leaves(vector, &mut leaves);
        find_dependences(self.g.nodes(), &|id| self.is_row.contains(&id), &mut self.dependence);
        let mut runs: Vec<(bool, usize, Vec<NodeId>)> = Vec::new();
        for leaf in leaves {
            let (is_row, width) = (self.dependence[leaf] == Dependence::Row, self.g.node(leaf).numel());
            match runs.last_mut() {
                Some((kind, sum, list)) if *kind == is_row => {
                    *sum += width;
                    list.push(leaf);
                }
                _ => runs.push((is_row, width, vec![leaf])),
            }
        }
        let is_divided = runs.len() > 1 && runs.iter().any(|(is_row, width, _)| *is_row && *width >= WORTH);
        let way = Attrs::numbers(&[("transpose", f64::from(transpose))]);
        if !is_divided {
            return self.g.op_with("matmul", &[matrix, vector], way);
        }
        let (mut start, mut sum) = (0, None);
        for (_, width, values) in runs {
            let stop = start + width;
            let part = match values[..] {
                [value] => self.vector(value)?,
                _ => self.g.op("concat", &values)?,
            };
            let range = Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
            // a transposed matrix has the vector's elements along its first axis
            let own = self.g.op_with(if transpose { "slice" } else { "columns" }, &[matrix], range)?;
            if let Some(name) = self.g.node(matrix).label.clone() {
                self.g.label(own, &name);
            }
            let product = self.g.op_with("matmul", &[own, part], way.clone())?;
            sum = Some(match sum {
                Some(sum) => self.g.op("add", &[sum, product])?,
                None => product,
            });
            start = stop;
        }
        Ok(sum.unwrap_or(vector))
    }

    /// The values that lie side by side in a vector.
    fn leaves(&self, vector: NodeId, leaves: &mut Vec<NodeId>) {
        let mut open = vec![vector];
        while let Some(id) = open.pop() {
            let node = self.g.node(id);
            match rows::row(node.op).run {
                Run::Concat if node.shape.len() == 1 => open.extend(node.args.iter().rev()),
                _ => leaves.push(id),
            }
        }
    }
}
