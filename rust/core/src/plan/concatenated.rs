//! Products with concatenated values: `W [x; s]` becomes `W_x x + W_s s` if one of the two is computed less often than the
//! other. So the product with an input leaves the loop, and the product with a key is computed once per entry.

use crate::step::{Attrs, Builder, Dim, Equations, Node, NodeId, Program, Result, Run, rows};

use super::dependence::{Dependence, constant_in_time, dependences};
use super::sums::{copy, finish};

/// Multiplications for each element of a result from which on the result is computed once per row: with less, a step
/// computes the value as fast as it reads it. A product of fewer columns is not divided for the same reason.
pub const WORTH: usize = 8;

/// Adjacent values of a concatenation that are of one kind.
pub struct Part<K> {
    pub kind: K,
    /// Elements of all its values.
    pub width: usize,
    values: Vec<NodeId>,
}

/// The parts of a vector: one part if it is not concatenated, or if all its values are of one kind.
pub fn parts<K: PartialEq>(nodes: &[Node], vector: NodeId, kind: impl Fn(NodeId) -> K) -> Vec<Part<K>> {
    let mut parts: Vec<Part<K>> = Vec::new();
    let mut open = vec![vector];
    while let Some(id) = open.pop() {
        let node = &nodes[id];
        if rows::row(node.op).run == Run::Concat && node.shape.len() == 1 {
            open.extend(node.args.iter().rev());
            continue;
        }
        let (kind, width) = (kind(id), node.numel());
        match parts.last_mut() {
            Some(part) if part.kind == kind => {
                part.width += width;
                part.values.push(id);
            }
            _ => parts.push(Part { kind, width, values: vec![id] }),
        }
    }
    parts
}

/// Adds the product of a matrix with a vector as the sum of the products with its parts. The matrix is a parameter, or computed
/// from parameters.
pub fn sum_of_products<K>(
    g: &mut Builder,
    matrix: NodeId,
    parts: &[Part<K>],
    transpose: bool,
) -> Result<NodeId> {
    let (mut start, mut sum) = (0, None);
    for Part { width, values, .. } in parts {
        let stop = start + width;
        let part = match values[..] {
            [value] => as_vector(g, value)?,
            _ => g.op("concat", values)?,
        };
        let range = Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
        // a transposed matrix has the vector's elements along its first axis
        let own = g.op_with(if transpose { "slice" } else { "columns" }, &[matrix], range)?;
        if let Some(name) = g.node(matrix).label.clone() {
            g.label(own, &name);
        }
        let way = Attrs::numbers(&[("transpose", f64::from(transpose))]);
        let product = g.op_with("matmul", &[own, part], way)?;
        sum = Some(match sum {
            Some(sum) => g.op("add", &[sum, product])?,
            None => product,
        });
        start = stop;
    }
    Ok(sum.unwrap_or_else(|| unreachable!("a vector has a part")))
}

/// A number as a vector of one element; other values as they are.
pub fn as_vector(g: &mut Builder, value: NodeId) -> Result<NodeId> {
    match g.node(value).shape.is_empty() {
        true => g.reshaped(value, &[Dim::number(1)]),
        false => Ok(value),
    }
}

/// Divides the products of the loop, and the products over entries, of which a part can be computed less often. None if there are
/// none.
pub fn divided(program: &Program) -> Result<Option<Program>> {
    let values = Values::new(program);
    let divisions: Vec<Option<Vec<Part<_>>>> =
        (0..program.nodes.len()).map(|id| values.division(id)).collect();
    if divisions.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut g = Builder::new(&program.name, program.sizes.clone());
    let mut moved: Vec<NodeId> = Vec::with_capacity(program.nodes.len());
    for (id, division) in divisions.into_iter().enumerate() {
        let node = &program.nodes[id];
        let made = match division {
            Some(mut parts) => {
                parts.iter_mut().flat_map(|part| &mut part.values).for_each(|value| *value = moved[*value]);
                sum_of_products(&mut g, moved[node.args[0]], &parts, node.attrs.flag("transpose"))?
            }
            None => copy(&mut g, program, id, &moved)?,
        };
        if let Some(label) = &node.label {
            g.label(made, label);
        }
        moved.push(made);
    }
    finish(g, program, &moved).map(Some)
}

/// How often the values of a program are computed.
struct Values<'a> {
    program: &'a Program,
    dependence: Vec<Dependence>,
    /// Whether a value on entries is the same at every step.
    constant: Vec<bool>,
    /// Whether a next state is computed from a value.
    feeds: Vec<bool>,
}

impl Values<'_> {
    fn new(program: &Program) -> Values<'_> {
        let nodes = &program.nodes;
        let mut feeds = vec![false; nodes.len()];
        program.updates.iter().for_each(|&update| feeds[update] = true);
        for (id, node) in nodes.iter().enumerate().rev().filter(|(_, node)| !node.folded) {
            if feeds[id] {
                node.args.iter().for_each(|&arg| feeds[arg] = true);
            }
        }
        let dependence = dependences(nodes, &|_| false);
        Values { program, dependence, constant: constant_in_time(nodes), feeds }
    }

    /// Whether a value is on entries, and whether it is computed outside the loop.
    fn kind(&self, id: NodeId) -> (bool, bool) {
        let on_entries = self.program.nodes[id].entries.is_some();
        (on_entries, if on_entries { self.constant[id] } else { self.dependence[id] < Dependence::State })
    }

    /// The parts into which a product is divided.
    fn division(&self, id: NodeId) -> Option<Vec<Part<(bool, bool)>>> {
        let node = &self.program.nodes[id];
        if rows::row(node.op).run != Run::MatVec || !self.program.nodes[node.args[0]].folded {
            return None;
        }
        let in_loop = self.dependence[id] == Dependence::State && self.feeds[id];
        let parts = parts(&self.program.nodes, node.args[1], |value| self.kind(value));
        let is_rare = |&(on_entries, is_outside): &(bool, bool)| match node.entries {
            Some(_) => !on_entries || is_outside,
            None => in_loop && is_outside,
        };
        let pays = parts.len() > 1 && parts.iter().any(|part| is_rare(&part.kind) && part.width >= WORTH);
        pays.then_some(parts)
    }
}
