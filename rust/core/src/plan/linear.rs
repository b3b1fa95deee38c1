//! Detects states with a linear, element-wise recurrence. They need no loop: a scan along time computes them.
//!
//! Nothing is declared. States that depend on each other form a group. A group is linear if the path from its reads to its
//! updates has only sums, differences, and products with values that do not depend on the group. Its update is then written
//! as `s' = factor * s + rest`, and the factors and rests leave the loop like all other values. The gradient of such a step
//! is linear too, in reverse, and is detected in the same way.

use std::collections::HashMap;

use crate::step::{Attrs, Builder, Equations, Node, NodeId, Program, Result, Run, StepError, rows};

/// The largest number of states of one group that a scan keeps in registers: two represent a complex number.
const MOST_STATES: usize = 2;

/// How a group of states depends on itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Linear and element-wise: a scan.
    Scan,
    /// A state that moves by some elements, where new values follow: a delay line. A scan runs it.
    Line,
    /// Linear, a factor and an outer product: see `matrix`.
    Matrix,
    /// Linear, but through a matrix or between elements.
    Mixing,
    /// Element-wise, but not linear.
    Elementwise,
    Other,
}

/// States that depend on each other's past; positions among the states.
#[derive(Debug, Clone)]
pub struct Group {
    pub states: Vec<usize>,
    pub kind: Kind,
}

/// A group as `s'[i] = sum over j of factor[i][j] * (s[j] + shift[j]) + rest[i]`.
#[derive(Debug, Clone)]
pub struct Recurrence {
    /// Positions of the group's states.
    pub states: Vec<usize>,
    /// `s + shift`, which the rest of the program reads; the state itself if there is no shift.
    pub seen: Vec<NodeId>,
    pub shift: Vec<Option<NodeId>>,
    pub factor: Vec<Vec<Option<NodeId>>>,
    pub rest: Vec<Option<NodeId>>,
    /// Of a delay line, the elements by which it moves: `s'[c] = (s + shift)[c - moved] + rest[c]`, without factors. A rest
    /// of fewer elements than the state has the new elements alone. 0 for other recurrences.
    pub moved: isize,
}

impl Recurrence {
    /// All values that the recurrence reads.
    pub fn operands(&self) -> impl Iterator<Item = NodeId> + '_ {
        let factors = self.factor.iter().flatten();
        self.shift.iter().chain(factors).chain(&self.rest).filter_map(|one| *one)
    }
}

/// The nodes of a state: its value that the step reads, and its next value.
pub type StateNodes = (NodeId, NodeId);

/// The states that depend on their own past, in groups.
pub fn groups(nodes: &[Node], states: &[StateNodes]) -> Vec<Group> {
    let sees = sees(nodes, states);
    let mut reach: Vec<Vec<bool>> = states.iter().map(|&(_, update)| sees[update].clone()).collect();
    for via in 0..states.len() {
        for from in 0..states.len() {
            if reach[from][via] {
                let further = reach[via].clone();
                reach[from].iter_mut().zip(further).for_each(|(reach, further)| *reach |= further);
            }
        }
    }
    let mut groups = Vec::new();
    for (state, reached) in reach.iter().enumerate() {
        let group: Vec<usize> =
            (0..states.len()).filter(|&other| reached[other] && reach[other][state]).collect();
        if group.first() == Some(&state) {
            let kind = kind(nodes, states, &group, &sees);
            groups.push(Group { states: group, kind });
        }
    }
    groups
}

/// For each node, the states on which it depends.
fn sees(nodes: &[Node], states: &[StateNodes]) -> Vec<Vec<bool>> {
    let mut sees: Vec<Vec<bool>> = Vec::with_capacity(nodes.len());
    for (id, node) in nodes.iter().enumerate() {
        let mut own: Vec<bool> = states.iter().map(|&(read, _)| read == id).collect();
        for &arg in &node.args {
            own.iter_mut().zip(&sees[arg]).for_each(|(own, other)| *own |= other);
        }
        sees.push(own);
    }
    sees
}

/// The nodes between the reads of a group and its updates, in order of computation.
fn between(nodes: &[Node], states: &[StateNodes], group: &[usize], sees: &[Vec<bool>]) -> Vec<NodeId> {
    let depends = |id: NodeId| group.iter().any(|&state| sees[id][state]);
    let mut marked = vec![false; nodes.len()];
    let mut stack: Vec<NodeId> = group.iter().map(|&state| states[state].1).collect();
    while let Some(id) = stack.pop() {
        if depends(id) && !marked[id] {
            marked[id] = true;
            stack.extend(&nodes[id].args);
        }
    }
    (0..nodes.len()).filter(|&id| marked[id]).collect()
}

fn kind(nodes: &[Node], states: &[StateNodes], group: &[usize], sees: &[Vec<bool>]) -> Kind {
    let depends = |id: NodeId| group.iter().any(|&state| sees[id][state]);
    let shape = &nodes[states[group[0]].0].shape;
    let own = |id: NodeId| group.iter().any(|&state| states[state].0 == id);
    let (mut linear, mut elementwise) = (true, true);
    // a scan runs over rows
    if group.iter().any(|&state| nodes[states[state].0].entries.is_some()) {
        return Kind::Other;
    }
    for id in between(nodes, states, group, sees) {
        let node = &nodes[id];
        elementwise &= node.shape == *shape;
        if own(id) {
            continue;
        }
        let row = rows::row(node.op);
        elementwise &= matches!(row.run, Run::Unary(_) | Run::Binary(_) | Run::Ternary(_) | Run::View);
        linear &= match row.name {
            "add" | "sub" | "neg" | "copy" | "stop_gradient" | "reshape" | "transpose" => true,
            "slice" | "concat" | "broadcast_to" | "sum_to" | "sum" | "mean" => true,
            "mul" | "product" | "outer" => depends(node.args[0]) != depends(node.args[1]),
            "div" => !depends(node.args[1]),
            "where" => !depends(node.args[0]),
            _ => row.run == Run::MatVec,
        };
    }
    match (linear, elementwise) {
        (true, true) if group.len() <= MOST_STATES => Kind::Scan,
        (true, _) => Kind::Mixing,
        (false, true) => Kind::Elementwise,
        (false, false) => Kind::Other,
    }
}

/// Rewrites every group that a scan can run as a recurrence; factors and rests become new nodes. `wanted` are the program's
/// results besides the updates.
pub fn recurrences(
    nodes: &mut Vec<Node>,
    states: &[StateNodes],
    wanted: &[NodeId],
) -> (Vec<Group>, Vec<Recurrence>) {
    let mut groups = groups(nodes, states);
    let sees = sees(nodes, states);
    let lines: Vec<Option<Line>> = groups.iter().map(|group| line(nodes, states, group, &sees)).collect();
    if groups.iter().all(|group| group.kind != Kind::Scan) && lines.iter().all(Option::is_none) {
        return (groups, Vec::new());
    }
    let readers = readers(nodes, states, wanted);
    let mut g = Builder::continuing(&Program {
        name: String::new(),
        sizes: Default::default(),
        nodes: std::mem::take(nodes),
        inputs: Vec::new(),
        states: Vec::new(),
        params: Vec::new(),
        memories: Vec::new(),
        outputs: Vec::new(),
        updates: Vec::new(),
    });
    let mut found = Vec::new();
    for (group, line) in groups.iter_mut().zip(lines) {
        if group.kind != Kind::Scan && line.is_none() {
            continue;
        }
        let updates: Vec<NodeId> = group.states.iter().map(|&state| states[state].1).collect();
        // an update of two states, or one that is a state or a parameter itself, cannot be stored separately
        let alone = updates.iter().all(|&update| {
            let times = states.iter().filter(|&&(_, other)| other == update).count();
            times == 1 && rows::row(g.node(update).op).run != Run::Source && !g.node(update).folded
        });
        let writing = GroupWriter { states, group: &group.states, sees: &sees, readers: &readers };
        let written = match line {
            Some(line) => writing.write_line(&mut g, &line),
            None => writing.write(&mut g),
        };
        match written {
            Ok(recurrence) if alone => {
                group.kind = if recurrence.moved == 0 { Kind::Scan } else { Kind::Line };
                found.push(recurrence);
            }
            _ => group.kind = Kind::Mixing,
        }
    }
    *nodes = g.nodes().to_vec();
    (groups, found)
}

/// The form of a delay line's update: a `concat` in which one part is a slice of the state, plus `terms`.
struct Line {
    concat: NodeId,
    part: usize,
    /// The value that the slice is of: the state, or its sum with a shift.
    seen: NodeId,
    terms: Vec<NodeId>,
    moved: isize,
}

/// The delay line that a state is, if its update has this form.
fn line(nodes: &[Node], states: &[StateNodes], group: &Group, sees: &[Vec<bool>]) -> Option<Line> {
    let ([state], Kind::Mixing) = (&group.states[..], group.kind) else { return None };
    let (read, update) = states[*state];
    let name = |id: NodeId| rows::row(nodes[id].op).name;
    let (mut at, mut terms) = (update, Vec::new());
    while name(at) == "add" && nodes[at].shape == nodes[read].shape {
        let (a, b) = (nodes[at].args[0], nodes[at].args[1]);
        let (next, term) = if sees[a][*state] { (a, b) } else { (b, a) };
        if sees[term][*state] || nodes[term].shape != nodes[read].shape {
            return None;
        }
        terms.push(term);
        at = next;
    }
    if name(at) != "concat" || nodes[at].shape != nodes[read].shape {
        return None;
    }
    let dependent: Vec<usize> =
        (0..nodes[at].args.len()).filter(|&part| sees[nodes[at].args[part]][*state]).collect();
    let [part] = dependent[..] else { return None };
    let slice = nodes[at].args[part];
    if name(slice) != "slice" || rows::row(nodes[slice].op).run != Run::Slice {
        return None;
    }
    let whole = nodes[read].numel();
    let line = nodes[slice].numel();
    let to: usize = nodes[at].args[..part].iter().map(|&arg| nodes[arg].numel()).sum();
    let from = nodes[slice].attrs.int("start") * (whole / nodes[read].shape[0].value.max(1));
    let moved = to as isize - from as isize;
    // all elements that stay inside the state move
    let inside = whole.checked_sub(moved.unsigned_abs())?;
    (moved != 0 && line == inside).then(|| Line {
        concat: at,
        part,
        seen: nodes[slice].args[0],
        terms,
        moved,
    })
}

/// The readers of each node, among the required nodes; a wanted value counts as its own reader.
fn readers(nodes: &[Node], states: &[StateNodes], wanted: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut readers: Vec<Vec<NodeId>> = vec![Vec::new(); nodes.len()];
    for &id in wanted.iter().chain(states.iter().map(|(_, update)| update)) {
        readers[id].push(id);
    }
    for id in (0..nodes.len()).rev() {
        if !readers[id].is_empty() {
            nodes[id].args.iter().for_each(|&arg| readers[arg].push(id));
        }
    }
    readers
}

/// A value as `sum over j of terms[j] * s[j] + terms.last()`; None is 0.
type Form = Vec<Option<NodeId>>;

/// Writes the linear form of a group of states.
struct GroupWriter<'a> {
    states: &'a [StateNodes],
    group: &'a [usize],
    sees: &'a [Vec<bool>],
    readers: &'a [Vec<NodeId>],
}

impl GroupWriter<'_> {
    fn depends(&self, id: NodeId) -> bool {
        // nodes that were added here do not depend on the group
        self.sees.get(id).is_some_and(|sees| self.group.iter().any(|&state| sees[state]))
    }

    fn write(&self, g: &mut Builder) -> Result<Recurrence> {
        let count = self.group.len();
        let mut recurrence = Recurrence {
            states: self.group.to_vec(),
            seen: Vec::new(),
            shift: Vec::new(),
            factor: Vec::new(),
            rest: Vec::new(),
            moved: 0,
        };
        let mut forms: HashMap<NodeId, Form> = HashMap::new();
        let one = g.constant(1.0);
        for (position, &state) in self.group.iter().enumerate() {
            let (seen, shift) = self.shifted(g, self.states[state].0)?;
            let shift = shift.map(|id| self.full(g, id)).transpose()?;
            let mut form = vec![None; count + 1];
            form[position] = Some(one);
            forms.insert(seen, form);
            recurrence.seen.push(seen);
            recurrence.shift.push(shift);
        }
        let nodes = g.nodes()[..self.sees.len()].to_vec();
        for id in between(&nodes, self.states, self.group, self.sees) {
            // a shifted state is read by that sum alone
            let below = nodes[id].args.iter().any(|arg| self.depends(*arg) && !forms.contains_key(arg));
            if !forms.contains_key(&id) && !below && !nodes[id].args.is_empty() {
                let form = self.form(g, &nodes[id], &forms, one)?;
                forms.insert(id, form);
            }
        }
        for &state in self.group {
            let Some(form) = forms.get(&self.states[state].1) else {
                unreachable!("an update of a linear group has a form");
            };
            let mut form = form.iter().map(|term| term.map(|id| self.full(g, id)).transpose());
            recurrence.factor.push(form.by_ref().take(count).collect::<Result<_>>()?);
            recurrence.rest.push(form.next().transpose()?.flatten());
        }
        Ok(recurrence)
    }

    /// Writes a delay line.
    fn write_line(&self, g: &mut Builder, line: &Line) -> Result<Recurrence> {
        let (seen, shift) = self.shifted(g, self.states[self.group[0]].0)?;
        if seen != line.seen {
            return Err(StepError::Trace("a delay line moves another value than its state".into()));
        }
        let parts = g.node(line.concat).args.clone();
        if let ([_, _], []) = (&parts[..], &line.terms[..])
            && (line.part == 1) == (line.moved > 0)
        {
            return Ok(self.line(seen, shift, parts[1 - line.part], line.moved));
        }
        // -0.0 is the number that changes no other one in a sum
        let zero = g.constant(-0.0);
        let mut parts = parts;
        let shape = g.node(parts[line.part]).shape.clone();
        parts[line.part] = g.op_with("broadcast_to", &[zero], Attrs::shape_of(&shape))?;
        let mut rest = g.op("concat", &parts)?;
        for &term in line.terms.iter().rev() {
            rest = g.op("add", &[rest, term])?;
        }
        Ok(self.line(seen, shift, rest, line.moved))
    }

    fn line(&self, seen: NodeId, shift: Option<NodeId>, rest: NodeId, moved: isize) -> Recurrence {
        Recurrence {
            states: self.group.to_vec(),
            seen: vec![seen],
            shift: vec![shift],
            factor: vec![vec![None]],
            rest: vec![Some(rest)],
            moved,
        }
    }

    /// A value broadcast to the shape of the states.
    fn full(&self, g: &mut Builder, id: NodeId) -> Result<NodeId> {
        let shape = g.node(self.states[self.group[0]].0).shape.clone();
        if g.node(id).shape == shape {
            Ok(id)
        } else {
            g.op_with("broadcast_to", &[id], Attrs::shape_of(&shape))
        }
    }

    /// `s + shift` if only that sum reads the state: in a backward pass, the sum of the incoming gradients.
    fn shifted(&self, g: &mut Builder, read: NodeId) -> Result<(NodeId, Option<NodeId>)> {
        let (mut seen, mut shift) = (read, None);
        while let [reader] = self.readers[seen][..] {
            if reader == seen {
                break; // wanted, and read by nothing
            }
            let node = g.node(reader).clone();
            let is_update = self.states.iter().any(|&(_, update)| update == reader);
            if rows::row(node.op).name != "add" || is_update || node.shape != g.node(read).shape {
                break;
            }
            let other = if node.args[0] == seen { node.args[1] } else { node.args[0] };
            if self.depends(other) {
                break;
            }
            shift = Some(match shift {
                None => other,
                Some(shift) => g.op("add", &[shift, other])?,
            });
            seen = reader;
        }
        Ok((seen, shift))
    }

    fn form(&self, g: &mut Builder, node: &Node, forms: &HashMap<NodeId, Form>, one: NodeId) -> Result<Form> {
        let of = |id: NodeId| {
            forms.get(&id).cloned().unwrap_or_else(|| {
                let mut form = vec![None; self.group.len() + 1];
                form[self.group.len()] = Some(id);
                form
            })
        };
        let args = &node.args;
        let name = rows::row(node.op).name;
        match name {
            "add" | "sub" => {
                let pairs = of(args[0]).into_iter().zip(of(args[1]));
                pairs.map(|pair| sum(g, name, pair)).collect()
            }
            "where" => {
                let zero = g.constant(0.0);
                let pairs = of(args[1]).into_iter().zip(of(args[2]));
                pairs
                    .map(|(a, b)| match (a, b) {
                        (None, None) => Ok(None),
                        _ => g.op("where", &[args[0], a.unwrap_or(zero), b.unwrap_or(zero)]).map(Some),
                    })
                    .collect()
            }
            "mul" | "div" => {
                // the operand that depends on the state, and the factor or divisor
                let (linear, by) =
                    if self.depends(args[0]) { (args[0], args[1]) } else { (args[1], args[0]) };
                of(linear)
                    .into_iter()
                    .map(|term| match term {
                        None => Ok(None),
                        Some(term) if term == one && name == "mul" => Ok(Some(by)),
                        Some(term) if name == "mul" => g.op("mul", &[term, by]).map(Some),
                        Some(term) => g.op("div", &[term, by]).map(Some),
                    })
                    .collect()
            }
            "neg" => {
                let terms = of(args[0]).into_iter();
                terms.map(|term| term.map(|id| g.op("neg", &[id])).transpose()).collect()
            }
            _ => Ok(of(args[0])), // copies and other names for the same value
        }
    }
}

/// `a + b` or `a - b`, where either may be 0 (None).
fn sum(g: &mut Builder, name: &str, pair: (Option<NodeId>, Option<NodeId>)) -> Result<Option<NodeId>> {
    match (pair, name) {
        ((a, None), _) => Ok(a),
        ((None, b), "add") => Ok(b),
        ((None, Some(b)), _) => g.op("neg", &[b]).map(Some),
        ((Some(a), Some(b)), "add") => g.op("add", &[a, b]).map(Some),
        ((Some(a), Some(b)), _) => g.op("sub", &[a, b]).map(Some),
    }
}
