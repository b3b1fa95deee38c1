//! Cuts a program between the values that are computed once per row and those of every step.

use crate::step::{Builder, Node, NodeId, Program, Result, Run, Source, rows};

use super::super::concatenated::WORTH;
use super::super::dependence::{Dependence, dependences};
use super::super::sums::{copy, finish, reassociated_by};
use super::open::free_name;
use super::piece::Piece;

/// A program, and the values at which it is cut.
pub struct Cut {
    program: Program,
    /// Values per row that the program of the steps reads as inputs.
    frontier: Vec<NodeId>,
    /// The nodes that each of the two programs computes.
    in_row: Vec<bool>,
    in_step: Vec<bool>,
}

impl Cut {
    /// `pieces` are the inputs of the program. None if no value is worth computing once per row.
    pub fn new(program: Program, pieces: &[Piece]) -> Result<Option<Cut>> {
        let of = |program: &Program| {
            let is_row = |id: NodeId| {
                program.inputs.iter().position(|&input| input == id).is_some_and(|k| pieces[k].is_row)
            };
            dependences(&program.nodes, &is_row)
        };
        let program = reassociated_by(&program, &of(&program))?;
        let dependence = of(&program);
        let is_row = |id: NodeId| dependence[id] == Dependence::Row;
        let frontier = frontier(&program, &is_row, &|id| is_worth(&program.nodes, id, &is_row));
        if frontier.is_empty() {
            return Ok(None);
        }
        let in_row = ancestors(&program.nodes, frontier.iter().copied(), &[]);
        let results = program.outputs.iter().map(|(_, id)| *id).chain(program.updates.iter().copied());
        let in_step = ancestors(&program.nodes, results, &frontier);
        Ok(Some(Cut { program, frontier, in_row, in_step }))
    }

    /// Elements of each value at the cut.
    pub fn widths(&self) -> Vec<usize> {
        self.frontier.iter().map(|&id| self.program.nodes[id].numel()).collect()
    }

    /// For each input, whether the row program reads it.
    pub fn row_reads(&self) -> Vec<bool> {
        self.program.inputs.iter().map(|&id| self.in_row[id]).collect()
    }

    /// For each input, whether the program of the steps reads it.
    pub fn step_reads(&self) -> Vec<bool> {
        self.program.inputs.iter().map(|&id| self.in_step[id]).collect()
    }

    /// The program that computes the values at the cut.
    pub fn row(&self, reads: &[bool]) -> Result<Program> {
        let mut g = Builder::new(&self.program.name, self.program.sizes.clone());
        let mut moved = self.sources(&mut g, reads, false)?;
        self.copy_nodes(&mut g, &self.in_row, &mut moved)?;
        let outputs: Vec<(String, NodeId)> =
            self.names().into_iter().zip(self.frontier.iter().map(|&id| moved[id])).collect();
        g.finish(&outputs, &[])
    }

    /// The program of the steps: its last inputs are the values at the cut.
    pub fn step(&self, reads: &[bool]) -> Result<Program> {
        let program = &self.program;
        let mut g = Builder::new(&program.name, program.sizes.clone());
        let mut moved = self.sources(&mut g, reads, true)?;
        self.copy_nodes(&mut g, &self.in_step, &mut moved)?;
        finish(g, program, &moved)
    }

    /// The names of the values at the cut.
    fn names(&self) -> Vec<String> {
        (0..self.frontier.len()).map(|k| free_name(&self.program, format!("row{k}"))).collect()
    }

    /// Declares the sources of one of the two programs. `is_step`: states and the values at the cut too.
    fn sources(&self, g: &mut Builder, reads: &[bool], is_step: bool) -> Result<Vec<NodeId>> {
        let program = &self.program;
        // a value of the other program has no valid number, so reading it panics
        let mut moved = vec![NodeId::MAX; program.nodes.len()];
        let inputs = program.inputs.iter().zip(reads).filter(|(_, read)| **read).map(|(&id, _)| id);
        for id in inputs {
            moved[id] = copy(g, program, id, &[])?;
        }
        if is_step {
            for (&id, name) in self.frontier.iter().zip(self.names()) {
                moved[id] = g.source(Source::Input, &name, program.nodes[id].shape.clone())?;
            }
        }
        let states = program.memories.iter().chain(&program.states).filter(|_| is_step);
        for &id in states.chain(&program.params) {
            moved[id] = copy(g, program, id, &[])?;
        }
        Ok(moved)
    }

    fn copy_nodes(&self, g: &mut Builder, wanted: &[bool], moved: &mut [NodeId]) -> Result<()> {
        for (id, node) in self.program.nodes.iter().enumerate() {
            if wanted[id] && moved[id] == NodeId::MAX {
                moved[id] = copy(g, &self.program, id, moved)?;
                if let Some(label) = &node.label {
                    g.label(moved[id], label);
                }
            }
        }
        Ok(())
    }
}

/// The values per row at which the program is cut, in order: the last ones before the steps that are worth it.
/// `is_row`: whether a value is one of those that may leave the step.
/// `is_worth`: whether computing it outside the steps saves work.
pub fn frontier(
    program: &Program,
    is_row: &dyn Fn(NodeId) -> bool,
    is_worth: &dyn Fn(NodeId) -> bool,
) -> Vec<NodeId> {
    let nodes = &program.nodes;
    let live = program.live();
    let mut open: Vec<NodeId> = program.outputs.iter().map(|(_, id)| *id).collect();
    open.extend(&program.updates);
    let others = nodes.iter().enumerate().filter(|&(id, _)| live[id] && !is_row(id));
    open.extend(others.flat_map(|(_, node)| &node.args));
    open.retain(|&id| is_row(id));
    let mut seen = vec![false; nodes.len()];
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut seen[id], true) {
            continue;
        }
        match is_worth(id) {
            true => found.push(id),
            false => open.extend(nodes[id].args.iter().filter(|&&arg| is_row(arg))),
        }
    }
    found.sort_unstable();
    found
}

/// Whether a value per row is to be computed once per row: it is computed, not moved, and costs more than reading it.
pub fn is_worth(nodes: &[Node], id: NodeId, is_row: &dyn Fn(NodeId) -> bool) -> bool {
    let moves = |run: Run| matches!(run, Run::Source | Run::View | Run::Slice | Run::Concat | Run::Broadcast);
    let node = &nodes[id];
    if node.is_index || moves(rows::row(node.op).run) {
        return false; // an id cannot be an input: inputs hold features
    }
    let most = WORTH * node.numel();
    let (mut work, mut open, mut seen) = (0, vec![id], vec![false; id + 1]);
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut seen[id], true) {
            work += cost(nodes, id);
            open.extend(nodes[id].args.iter().filter(|&&arg| is_row(arg)));
        }
        if work >= most {
            return true;
        }
    }
    false
}

/// The cost of a node in multiplications.
fn cost(nodes: &[Node], id: NodeId) -> usize {
    let node = &nodes[id];
    let row = rows::row(node.op);
    match row.run {
        Run::MatVec => nodes[node.args[0]].numel(),
        _ => {
            let widest = node.args.iter().map(|&arg| &nodes[arg]).filter(|arg| !arg.folded);
            let elements = widest.map(Node::numel).fold(node.numel(), usize::max);
            (row.cost * elements as f32) as usize
        }
    }
}

/// The results and all nodes from which they are computed; the nodes `stop` are given.
pub fn ancestors(nodes: &[Node], results: impl Iterator<Item = NodeId>, stop: &[NodeId]) -> Vec<bool> {
    let mut wanted = vec![false; nodes.len()];
    results.for_each(|id| wanted[id] = true);
    let mut given = vec![false; nodes.len()];
    stop.iter().for_each(|&id| given[id] = true);
    for (id, node) in nodes.iter().enumerate().rev() {
        if wanted[id] && !given[id] {
            node.args.iter().for_each(|&arg| wanted[arg] = true);
        }
    }
    wanted
}
