//! The operations of an optimizer's program: which kernel runs on which memory, in what order.
//!
//! A new value is written over the old one by the very operation that computes it, unless the old one is still to be
//! read; so an update passes each array through the first cache once.

use crate::kernel::Unary;
use crate::step::{Node, NodeId, Program, Result, Run, StepError, rows};

use super::operation::{Action, Operation, Place};
use super::scalars::Scalars;
use super::stages::{Stage, stages};

/// An optimizer's program, ready to run.
#[derive(Debug, Clone)]
pub struct Rule {
    /// By array of a parameter: whether it changes.
    pub(super) written: Vec<bool>,
    pub(super) temps: usize,
    pub(super) stages: Vec<Stage>,
    pub(super) scalars: Scalars,
}

impl Rule {
    /// Plans a program whose values are all single numbers. Its first input is what its one output replaces.
    pub fn new(program: &Program) -> Result<Rule> {
        let fail = |why: &str| Err(StepError::Trace(format!("{}: {why}", program.name)));
        if program.inputs.is_empty() || program.outputs.len() != 1 {
            return fail(
                "an update has the parameter as its first input, and its new value as its one output",
            );
        }
        let live = program.live();
        for (id, node) in program.nodes.iter().enumerate().filter(|(id, _)| live[*id]) {
            let elementwise = matches!(
                rows::row(node.op).run,
                Run::Source | Run::View | Run::Unary(_) | Run::Binary(_) | Run::Ternary(_)
            );
            if node.is_index || node.numel() != 1 || !elementwise {
                let (op, of) = (rows::row(node.op).name, program.label(id));
                return fail(&format!("{op} {of} is not element by element, as all of an update must be"));
            }
        }
        Ok(Compiler::new(program, live).compile())
    }

    /// The arrays that a parameter has, itself the first.
    pub fn streams(&self) -> usize {
        self.written.len()
    }

    /// The scalars of a step.
    pub fn scalars(&self) -> usize {
        self.scalars.given()
    }

    /// By array of a parameter: whether a step changes it.
    pub fn written(&self) -> &[bool] {
        &self.written
    }
}

struct Compiler<'a> {
    program: &'a Program,
    live: Vec<bool>,
    /// Arrays: the inputs, then the states.
    sources: Vec<NodeId>,
    /// By array: the node that it becomes.
    becomes: Vec<NodeId>,
    scalars: Scalars,
}

impl<'a> Compiler<'a> {
    fn new(program: &'a Program, live: Vec<bool>) -> Compiler<'a> {
        let sources: Vec<NodeId> = program.inputs.iter().chain(&program.states).copied().collect();
        let inputs = program.inputs.len();
        let becomes = (0..sources.len())
            .map(|stream| match stream {
                0 => resolved(&program.nodes, program.outputs[0].1),
                stream if stream < inputs => sources[stream],
                stream => resolved(&program.nodes, program.updates[stream - inputs]),
            })
            .collect();
        Compiler { scalars: Scalars::new(program, &live), program, live, sources, becomes }
    }

    fn compile(self) -> Rule {
        let nodes = &self.program.nodes;
        let computed: Vec<NodeId> = (0..nodes.len())
            .filter(|&id| {
                let run = rows::row(nodes[id].op).run;
                self.live[id] && !nodes[id].folded && !matches!(run, Run::Source | Run::View)
            })
            .collect();
        let reads = |id: NodeId| nodes[id].args.iter().map(|&arg| resolved(nodes, arg));
        let mut last_read = vec![None; nodes.len()];
        for &id in &computed {
            reads(id).for_each(|arg| last_read[arg] = Some(id));
        }
        // Streams whose old value another stream takes over: they are saved first.
        let changed = |stream: usize| self.becomes[stream] != self.sources[stream];
        let saved: Vec<NodeId> = (0..self.sources.len())
            .filter(|&stream| changed(stream))
            .map(|stream| self.becomes[stream])
            .filter(|node| self.sources.contains(node))
            .collect();
        let mut homes: Vec<Option<Place>> = vec![None; nodes.len()];
        for (stream, &source) in self.sources.iter().enumerate() {
            homes[source] = Some(Place::Stream(stream));
        }
        // Streams that the operation of their new value may write, as nothing later reads the old one.
        for (stream, (&old, &new)) in self.sources.iter().zip(&self.becomes).enumerate() {
            let over = last_read[old].is_none_or(|reader: NodeId| reader <= new);
            if changed(stream) && computed.contains(&new) && homes[new].is_none() && over {
                homes[new] = Some(Place::Stream(stream));
            }
        }
        let mut temps = Temps::default();
        let mut operations = Vec::new();
        let copy = |from: Place, dst: Place| Operation {
            action: Action::Unary(Unary::Copy, 0.0),
            args: [from; 3],
            dst,
        };
        let mut saves: Vec<(NodeId, Place)> = Vec::new();
        for &node in &saved {
            if !saves.iter().any(|&(known, _)| known == node) {
                let place = Place::Temp(temps.take());
                operations.extend(homes[node].map(|from| copy(from, place)));
                saves.push((node, place));
            }
        }
        let place = |homes: &[Option<Place>], scalars: &Scalars, id: NodeId| match scalars.slot(id) {
            Some(slot) => Place::Scalar(slot),
            None => homes[id].unwrap_or(Place::Temp(0)), // operands come before their operation
        };
        for &id in &computed {
            let mut args = [Place::Scalar(0); 3];
            for (slot, arg) in args.iter_mut().zip(reads(id)) {
                *slot = place(&homes, &self.scalars, arg);
            }
            for arg in reads(id) {
                if let (Some(Place::Temp(temp)), true) = (homes[arg], last_read[arg] == Some(id))
                    && !self.becomes.contains(&arg)
                {
                    temps.give(temp);
                }
            }
            let dst = *homes[id].get_or_insert_with(|| Place::Temp(temps.take()));
            operations.push(Operation { action: action(&nodes[id]), args, dst });
        }
        for (stream, &new) in self.becomes.iter().enumerate().filter(|&(stream, _)| changed(stream)) {
            let saved = saves.iter().find(|&&(node, _)| node == new).map(|&(_, place)| place);
            let from = saved.unwrap_or_else(|| place(&homes, &self.scalars, new));
            if from != Place::Stream(stream) {
                operations.push(copy(from, Place::Stream(stream)));
            }
        }
        Rule {
            written: (0..self.sources.len()).map(changed).collect(),
            temps: temps.made,
            stages: stages(&operations),
            scalars: self.scalars,
        }
    }
}

/// The node behind other names of the same number.
fn resolved(nodes: &[Node], mut id: NodeId) -> NodeId {
    while rows::row(nodes[id].op).run == Run::View {
        id = nodes[id].args[0];
    }
    id
}

fn action(node: &Node) -> Action {
    match rows::row(node.op).run {
        Run::Binary(op) => Action::Binary(op),
        Run::Ternary(op) => Action::Ternary(op),
        Run::Unary(op) => Action::Unary(op, node.attrs.number("alpha")),
        _ => Action::Unary(Unary::Copy, 0.0), // `Rule::new` has refused all others
    }
}

/// Temporary memories by number, given back and taken again.
#[derive(Default)]
struct Temps {
    made: usize,
    free: Vec<usize>,
}

impl Temps {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.made += 1;
            self.made - 1
        })
    }

    fn give(&mut self, temp: usize) {
        if !self.free.contains(&temp) {
            self.free.push(temp);
        }
    }
}
