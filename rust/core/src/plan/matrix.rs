//! Detects states that are matrices with a linear recurrence of rank one, such as the memories of fast weights.
//!
//! The form is `C' = f C + (w + b (C a)) k^T`, where f and b are numbers or vectors of one number per line, and w, a and k are
//! vectors, all of which depend on no state that depends on C. The rest of the step may only multiply C and C' with vectors.
//! Nothing is declared, and the equations may be written in any of the usual ways: sums, differences, factors before or after
//! an outer product. The equations become the ops `matrix_reads`, the products with vectors, and `matrix_next`. The other equations stay
//! as they are.

use std::collections::HashMap;

use crate::kernel::MOST_READS;
use crate::step::{Attrs, Builder, Dim, Equations, Node, NodeId, Program, Run, Shape, rows};

/// The program with the equations of such states replaced, and these states; None if there is none.
pub fn with_matrices(program: &Program) -> Option<(Program, Vec<usize>)> {
    let mut found = Vec::new();
    let mut rewritten: Option<Program> = None;
    for state in 0..program.states.len() {
        if let Some(next) = rewrite(rewritten.as_ref().unwrap_or(program), state) {
            rewritten = Some(next);
            found.push(state);
        }
    }
    rewritten.map(|program| (program, found))
}

/// What the factor of a matrix is.
#[derive(Clone, Copy)]
enum Scale {
    Zero,
    One,
    By(NodeId),
}

/// A vector `sum of factor * (C vectors[i]) + rest`.
#[derive(Clone, Default)]
struct VectorForm {
    reads: Vec<(Option<NodeId>, usize)>,
    rest: Option<NodeId>,
}

/// A matrix `scale C + sum of (vector) (key)^T`.
struct MatrixForm {
    scale: Scale,
    terms: Vec<(VectorForm, NodeId)>,
}

/// The state that is looked at.
struct Reader {
    g: Builder,
    read: NodeId,
    shape: Shape,
    /// By node: whether it depends on the state within the step; and whether on that or on a state that depends on it.
    on: Vec<bool>,
    tainted: Vec<bool>,
    /// The vectors with which the matrix is multiplied before the step.
    before: Vec<NodeId>,
}

fn rewrite(program: &Program, state: usize) -> Option<Program> {
    let (read, update) = (program.states[state], program.updates[state]);
    let shape = program.nodes[read].shape.clone();
    let is_matrix = shape.len() == 2 && shape.iter().all(|dim| dim.value > 1);
    let alone = program.updates.iter().filter(|&&id| id == update).count() == 1;
    if !is_matrix || !alone || program.nodes[read].entries.is_some() || update == read {
        return None;
    }
    let mut reader = Reader {
        g: Builder::continuing(program),
        read,
        shape,
        on: dependent(program, &[read]),
        tainted: tainted(program, state),
        before: Vec::new(),
    };
    let MatrixForm { scale, terms } = reader.matrix(update)?;
    let [(vector, key)] = <[_; 1]>::try_from(terms).ok()?;
    let factor = match scale {
        Scale::Zero => return None,
        Scale::One => reader.g.constant(1.0),
        Scale::By(factor) => factor,
    };
    let rate = match vector.reads[..] {
        [] => None,
        [(rate, 0)] => Some(match rate {
            Some(rate) => rate,
            None => reader.g.constant(1.0),
        }),
        _ => return None,
    };
    let lines = reader.shape[..1].to_vec();
    let write = match vector.rest {
        Some(write) => write,
        None => {
            let zero = reader.g.constant(0.0);
            reader.g.op_with("broadcast_to", &[zero], Attrs::shape_of(&lines)).ok()?
        }
    };
    // the products with vectors, by the node that has them
    let live = program.live();
    let mut reads: HashMap<NodeId, (Option<NodeId>, usize)> = HashMap::new();
    let mut after: Vec<(NodeId, NodeId)> = Vec::new();
    let touched: Vec<NodeId> =
        (0..program.nodes.len()).filter(|&id| live[id] && reader.on[id] && id != update).collect();
    for &id in &touched {
        if let Some((matrix, vector)) = reader.product(id) {
            if matrix == update {
                after.push((id, vector));
            } else if let VectorForm { reads: of, rest: None } = reader.vector(id)? {
                reads.insert(id, *of.first()?);
            }
        }
    }
    let before = reader.before.clone();
    let mut vectors = before.clone();
    for &(id, vector) in &after {
        let place = vectors[before.len()..].iter().position(|&known| known == vector);
        let place = before.len() + place.unwrap_or(vectors.len() - before.len());
        if place == vectors.len() {
            vectors.push(vector);
        }
        reads.insert(id, (None, place));
    }
    if vectors.is_empty() || vectors.len() > MOST_READS {
        return None;
    }
    let mut operands = vec![factor, write, key];
    operands.extend(rate);
    operands.extend(&vectors);
    if operands.iter().all(|&id| reader.g.node(id).folded) {
        return None;
    }
    let numbers = [
        ("state", state),
        ("rate", usize::from(rate.is_some())),
        ("before", before.len()),
        ("after", vectors.len() - before.len()),
    ];
    let attrs = |shape: &[Dim]| {
        let mut attrs = Attrs::numbers(&numbers.map(|(name, x)| (name, x as f64)));
        attrs.0.extend(Attrs::shape_of(shape).0);
        attrs
    };
    let mut g = reader.g;
    let width = Dim::number(vectors.len() * lines[0].value);
    let all = g.op_with("matrix_reads", &operands, attrs(&[width])).ok()?;
    let next = g.op_with("matrix_next", &[all], attrs(&reader.shape)).ok()?;
    let mut moved: Vec<NodeId> = (0..program.nodes.len()).collect();
    moved[update] = next;
    for id in touched {
        let node = &program.nodes[id];
        moved[id] = if let Some(&(factor, place)) = reads.get(&id) {
            let start = place * lines[0].value;
            let range = [("start", start as f64), ("stop", (start + lines[0].value) as f64)];
            let part = g.op_with("slice", &[all], Attrs::numbers(&range)).ok()?;
            let part = match factor {
                Some(factor) => g.op("mul", &[factor, part]).ok()?,
                None => part,
            };
            g.reshaped(part, &node.shape).ok()?
        } else if id == read || node.args.iter().any(|&arg| moved[arg] == NodeId::MAX || arg == update) {
            NodeId::MAX // it needs the matrix itself
        } else {
            let args: Vec<NodeId> = node.args.iter().map(|&arg| moved[arg]).collect();
            g.add(node.op, &args, node.attrs.clone()).ok()?
        };
        if let (Some(label), true) = (&node.label, moved[id] != NodeId::MAX) {
            g.label(moved[id], label);
        }
    }
    let outputs: Vec<(String, NodeId)> =
        program.outputs.iter().map(|(name, id)| (name.clone(), moved[*id])).collect();
    let updates: Vec<NodeId> = program.updates.iter().map(|&id| moved[id]).collect();
    let lost = |id: NodeId| id == NodeId::MAX;
    if outputs.iter().any(|(_, id)| lost(*id) || *id == next) || updates.iter().any(|&id| lost(id)) {
        return None;
    }
    Some(Program { nodes: g.nodes().to_vec(), outputs, updates, ..program.clone() })
}

/// For each node, whether it depends on one of the given ones.
fn dependent(program: &Program, on: &[NodeId]) -> Vec<bool> {
    let mut depends = vec![false; program.nodes.len()];
    for (id, node) in program.nodes.iter().enumerate() {
        depends[id] = on.contains(&id) || node.args.iter().any(|&arg| depends[arg]);
    }
    depends
}

/// For each node, whether it depends on the state, or on a state that depends on it at some earlier step.
fn tainted(program: &Program, state: usize) -> Vec<bool> {
    let mut sources = vec![program.states[state]];
    loop {
        let depends = dependent(program, &sources);
        let more: Vec<NodeId> = (program.states.iter().zip(&program.updates))
            .filter(|(read, update)| depends[**update] && !sources.contains(read))
            .map(|(read, _)| *read)
            .collect();
        if more.is_empty() {
            return depends;
        }
        sources.extend(more);
    }
}

impl Reader {
    fn name(&self, id: NodeId) -> &'static str {
        rows::row(self.g.node(id).op).name
    }

    /// Whether the value is an operand: it depends on nothing that depends on the state.
    fn is_free(&self, id: NodeId) -> bool {
        // nodes that were added here are made of operands
        !self.tainted.get(id).copied().unwrap_or(false) && self.g.node(id).entries.is_none()
    }

    fn is_on(&self, id: NodeId) -> bool {
        self.on.get(id).copied().unwrap_or(false)
    }

    /// A number, or one number for each line, as a vector; through its broadcast to the matrix.
    fn of_lines(&mut self, id: NodeId) -> Option<NodeId> {
        if !self.is_free(id) {
            return None;
        }
        let node = self.g.node(id).clone();
        if self.name(id) == "broadcast_to" && node.shape == self.shape {
            return self.of_lines(node.args[0]);
        }
        let lines = self.shape[0].clone();
        let is_column =
            node.shape.len() == 2 && node.shape[0].value == lines.value && node.shape[1].value == 1;
        if node.numel() == 1 {
            self.g.reshaped(id, &[Dim::number(1)]).ok()
        } else if is_column {
            self.g.reshaped(id, &[lines]).ok()
        } else {
            None
        }
    }

    /// A vector over the columns; through its broadcast to the matrix.
    fn of_columns(&mut self, id: NodeId) -> Option<NodeId> {
        if !self.is_free(id) {
            return None;
        }
        let node = self.g.node(id).clone();
        if self.name(id) == "broadcast_to" && node.shape == self.shape {
            return self.of_columns(node.args[0]);
        }
        let columns = self.shape[1].clone();
        let is_row =
            node.shape.last().is_some_and(|dim| dim.value == columns.value) && node.numel() == columns.value;
        if is_row { self.g.reshaped(id, &[columns]).ok() } else { None }
    }

    /// The matrix and the vector of a product of one with the other, written as `M @ v` or as `sum(M * v)`.
    fn product(&mut self, id: NodeId) -> Option<(NodeId, NodeId)> {
        let node = self.g.node(id).clone();
        let is_matrix =
            |reader: &Self, id: NodeId| reader.g.node(id).shape == reader.shape && reader.is_on(id);
        match self.name(id) {
            "product" if is_matrix(self, node.args[0]) && self.g.node(node.args[1]).shape.len() == 1 => {
                self.is_free(node.args[1]).then_some((node.args[0], node.args[1]))
            }
            "sum" if self.name(node.args[0]) == "mul" => {
                let args = self.g.node(node.args[0]).args.clone();
                let at = args.iter().position(|&arg| is_matrix(self, arg))?;
                Some((args[at], self.of_columns(args[1 - at])?))
            }
            _ => None,
        }
    }

    fn times(&mut self, factor: NodeId, x: Option<NodeId>) -> Option<NodeId> {
        match x {
            Some(x) => self.g.op("mul", &[factor, x]).ok(),
            None => Some(factor),
        }
    }

    fn scaled(&mut self, form: VectorForm, op: &'static str, by: NodeId) -> Option<VectorForm> {
        let factor = match op {
            "div" => {
                let one = self.g.constant(1.0);
                self.g.op("div", &[one, by]).ok()?
            }
            _ => by,
        };
        let mut reads = Vec::new();
        for (scale, place) in form.reads {
            reads.push((Some(self.times(factor, scale)?), place));
        }
        let rest = match form.rest {
            Some(rest) => Some(self.g.op(op, &[rest, by]).ok()?),
            None => None,
        };
        Some(VectorForm { reads, rest })
    }

    fn negative(&mut self, form: VectorForm) -> Option<VectorForm> {
        let minus = self.g.constant(-1.0);
        self.scaled(form, "mul", minus)
    }

    fn matrix(&mut self, id: NodeId) -> Option<MatrixForm> {
        if id == self.read {
            return Some(MatrixForm { scale: Scale::One, terms: Vec::new() });
        }
        let node = self.g.node(id).clone();
        if node.shape != self.shape {
            return None;
        }
        match self.name(id) {
            "copy" => self.matrix(node.args[0]),
            "outer" => {
                let key = self.of_columns(node.args[1])?;
                let vector = self.vector(node.args[0])?;
                Some(MatrixForm { scale: Scale::Zero, terms: vec![(vector, key)] })
            }
            "neg" => {
                let form = self.matrix(node.args[0])?;
                self.negated(form)
            }
            name @ ("add" | "sub") => {
                let first = self.matrix(node.args[0])?;
                let mut second = self.matrix(node.args[1])?;
                if name == "sub" {
                    second = self.negated(second)?;
                }
                let scale = match (first.scale, second.scale) {
                    (scale, Scale::Zero) | (Scale::Zero, scale) => scale,
                    (a, b) => {
                        let [a, b] = [a, b].map(|scale| match scale {
                            Scale::By(id) => id,
                            _ => self.g.constant(1.0),
                        });
                        Scale::By(self.g.op("add", &[a, b]).ok()?)
                    }
                };
                Some(MatrixForm { scale, terms: first.terms.into_iter().chain(second.terms).collect() })
            }
            name @ ("mul" | "div") => {
                let sides = if name == "mul" { 2 } else { 1 };
                for at in 0..sides {
                    let (matrix, other) = (node.args[at], node.args[1 - at]);
                    if let Some(by) = self.of_lines(other)
                        && let Some(form) = self.matrix(matrix)
                    {
                        return self.multiplied(form, name, by);
                    }
                    // (lines, 1) * (cols)
                    if let (Some(left), Some(key)) = (self.column(matrix), self.of_columns(other))
                        && name == "mul"
                    {
                        let vector = self.vector(left)?;
                        return Some(MatrixForm { scale: Scale::Zero, terms: vec![(vector, key)] });
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// A vector over the lines, from a column that is broadcast to the matrix.
    fn column(&mut self, id: NodeId) -> Option<NodeId> {
        let node = self.g.node(id).clone();
        if self.name(id) == "broadcast_to" && node.shape == self.shape {
            return self.column(node.args[0]);
        }
        let is_column =
            node.shape.len() == 2 && node.shape[0].value == self.shape[0].value && node.shape[1].value == 1;
        match self.name(id) {
            "reshape" if is_column => {
                let from = node.args[0];
                (self.g.node(from).shape.len() == 1).then_some(from)
            }
            _ => None,
        }
    }

    fn negated(&mut self, form: MatrixForm) -> Option<MatrixForm> {
        let minus = self.g.constant(-1.0);
        self.multiplied(form, "mul", minus)
    }

    fn multiplied(&mut self, form: MatrixForm, op: &'static str, by: NodeId) -> Option<MatrixForm> {
        let factor = match op {
            "div" => {
                let one = self.g.constant(1.0);
                self.g.op("div", &[one, by]).ok()?
            }
            _ => by,
        };
        let scale = match form.scale {
            Scale::Zero => Scale::Zero,
            Scale::One => Scale::By(factor),
            Scale::By(scale) => Scale::By(self.times(factor, Some(scale))?),
        };
        let mut terms = Vec::new();
        for (vector, key) in form.terms {
            terms.push((self.scaled(vector, op, by)?, key));
        }
        Some(MatrixForm { scale, terms })
    }

    fn vector(&mut self, id: NodeId) -> Option<VectorForm> {
        let node = self.g.node(id).clone();
        let lines = self.shape[..1].to_vec();
        if node.numel() != lines[0].value {
            return None;
        }
        if self.is_free(id) {
            let rest = self.g.reshaped(id, &lines).ok()?;
            return Some(VectorForm { reads: Vec::new(), rest: Some(rest) });
        }
        if let Some((matrix, vector)) = self.product(id) {
            let MatrixForm { scale, terms } = self.matrix(matrix)?;
            let scale = match scale {
                Scale::Zero => return None,
                Scale::One => None,
                Scale::By(scale) => Some(scale),
            };
            if !terms.is_empty() {
                return None;
            }
            let known = self.before.iter().position(|&known| known == vector);
            let place = known.unwrap_or(self.before.len());
            if known.is_none() {
                self.before.push(vector);
            }
            return Some(VectorForm { reads: vec![(scale, place)], rest: None });
        }
        match self.name(id) {
            "copy" | "reshape" => self.vector(node.args[0]),
            "neg" => {
                let form = self.vector(node.args[0])?;
                self.negative(form)
            }
            name @ ("add" | "sub") => {
                let first = self.vector(node.args[0])?;
                let mut second = self.vector(node.args[1])?;
                if name == "sub" {
                    second = self.negative(second)?;
                }
                let rest = match (first.rest, second.rest) {
                    (Some(a), Some(b)) => Some(self.g.op("add", &[a, b]).ok()?),
                    (a, b) => a.or(b),
                };
                let mut reads = first.reads;
                reads.extend(second.reads);
                Some(VectorForm { reads, rest })
            }
            name @ ("mul" | "div") => {
                let sides = if name == "mul" { 2 } else { 1 };
                for at in 0..sides {
                    let (vector, by) = (node.args[at], node.args[1 - at]);
                    let numel = self.g.node(by).numel();
                    if self.is_free(by) && (numel == 1 || numel == lines[0].value) {
                        let shape = if numel == 1 { vec![Dim::number(1)] } else { lines.clone() };
                        let by = self.g.reshaped(by, &shape).ok()?;
                        let form = self.vector(vector)?;
                        return self.scaled(form, name, by);
                    }
                }
                None
            }
            _ => None,
        }
    }
}

/// Whether the op is one of those of a state that is a matrix.
pub fn is_matrix(node: &Node) -> bool {
    matches!(rows::row(node.op).run, Run::Matrix(_))
}
