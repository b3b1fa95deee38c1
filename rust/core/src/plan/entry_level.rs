//! The dependence level `entries`: divides the program of a layer into programs that run once per entry of a memory, and the
//! program that is left for every step.
//!
//! What depends on a memory and on parameters alone is the same at every step: where that saves work, it moves to a program of its
//! own, which runs along the memory as a layer without states runs along its input. Its results are further memories of the
//! step, on the same entries axis.

use crate::step::{Builder, Equations, NodeId, Program, Result, Run, Source, rows};

use super::concatenated::divided;
use super::dependence::constant_in_time;
use super::row_level::{ancestors, frontier, is_worth};
use super::sums::{copy, finish, reassociated};

/// A program that runs once per entry.
#[derive(Debug)]
pub struct EntryPart {
    /// The entries axis.
    pub axis: usize,
    /// Its inputs are the memories `reads`; its outputs are memories of the step. It has all parameters of the layer.
    pub program: Program,
    /// The same for inference, where the program of the layer differs.
    pub inference: Option<Program>,
    /// The memories of the layer that it reads, by their index.
    pub reads: Vec<usize>,
}

/// The programs of a divided layer.
#[derive(Debug)]
pub struct EntrySplit {
    pub parts: Vec<EntryPart>,
    /// Runs at every step. Its memories are those of the layer, then the outputs of the parts, in order.
    pub step: Program,
    pub inference: Option<Program>,
}

/// Divides the program of a layer, and its program for inference in the same way. None if no work is saved, or if the two
/// programs would be divided at different places.
pub fn split_entries(program: &Program, inference: Option<&Program>) -> Result<Option<EntrySplit>> {
    if program.memories.is_empty() {
        return Ok(None);
    }
    let training = Cut::new(program)?;
    let resting = inference.map(Cut::new).transpose()?;
    if training.frontier.is_empty() || resting.as_ref().is_some_and(|other| other.ports() != training.ports())
    {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for axis in 0..program.entry_axes() {
        if training.on_axis(axis).next().is_none() {
            continue;
        }
        let mut reads = training.reads(axis);
        if let Some(other) = &resting {
            reads.extend(other.reads(axis));
            reads.sort_unstable();
            reads.dedup();
        }
        let inference = resting.as_ref().map(|cut| cut.part(axis, &reads)).transpose()?;
        parts.push(EntryPart { axis, program: training.part(axis, &reads)?, inference, reads });
    }
    let inference = resting.as_ref().map(Cut::step).transpose()?;
    Ok(Some(EntrySplit { parts, step: training.step()?, inference }))
}

/// A program, and the values at which it is cut: by entries axis, in order.
struct Cut {
    program: Program,
    frontier: Vec<NodeId>,
}

impl Cut {
    fn new(program: &Program) -> Result<Cut> {
        let program = reassociated(divided(program)?.as_ref().unwrap_or(program))?;
        let constant = constant_in_time(&program.nodes);
        // a product is worth it in any case: it would be stored for all entries of a block of steps
        let is_product = |id: NodeId| rows::row(program.nodes[id].op).run == Run::MatVec;
        let pays = |id: NodeId| is_product(id) || is_worth(&program.nodes, id, &|id| constant[id]);
        let mut frontier = frontier(&program, &|id| constant[id], &pays);
        frontier.sort_by_key(|&id| (program.nodes[id].entries, id));
        Ok(Cut { program, frontier })
    }

    /// The axis and the width of each value at the cut.
    fn ports(&self) -> Vec<(Option<usize>, usize)> {
        self.frontier
            .iter()
            .map(|&id| &self.program.nodes[id])
            .map(|node| (node.entries, node.numel()))
            .collect()
    }

    fn on_axis(&self, axis: usize) -> impl Iterator<Item = NodeId> + Clone + '_ {
        self.frontier.iter().copied().filter(move |&id| self.program.nodes[id].entries == Some(axis))
    }

    /// The memories from which the values of an axis are computed.
    fn reads(&self, axis: usize) -> Vec<usize> {
        let wanted = ancestors(&self.program.nodes, self.on_axis(axis), &[]);
        (0..self.program.memories.len()).filter(|&k| wanted[self.program.memories[k]]).collect()
    }

    /// A name that no source of the program has.
    fn name(&self, number: usize) -> String {
        let program = &self.program;
        let mut name = format!("entry{number}");
        let sources =
            || program.inputs.iter().chain(&program.states).chain(&program.params).chain(&program.memories);
        while sources().any(|&id| program.label(id) == name) {
            name.push('_');
        }
        name
    }

    /// The program that computes the values of an axis.
    fn part(&self, axis: usize, reads: &[usize]) -> Result<Program> {
        let program = &self.program;
        let mut g = Builder::new(&program.name, program.sizes.clone());
        // a value of the other program has no valid number, so reading it panics
        let mut moved = vec![NodeId::MAX; program.nodes.len()];
        for id in reads.iter().map(|&k| program.memories[k]) {
            moved[id] = g.source(Source::Input, program.label(id), program.nodes[id].shape.clone())?;
        }
        for &id in &program.params {
            moved[id] = copy(&mut g, program, id, &[])?;
        }
        self.copy_nodes(&mut g, &ancestors(&program.nodes, self.on_axis(axis), &[]), &mut moved)?;
        let mut outputs = Vec::new();
        for (number, &id) in self.frontier.iter().enumerate() {
            if program.nodes[id].entries == Some(axis) {
                outputs.push((self.name(number), moved[id]));
            }
        }
        g.finish(&outputs, &[])
    }

    /// The program of the steps.
    fn step(&self) -> Result<Program> {
        let program = &self.program;
        let mut g = Builder::new(&program.name, program.sizes.clone());
        let mut moved = vec![NodeId::MAX; program.nodes.len()];
        let sources =
            program.inputs.iter().chain(&program.memories).chain(&program.states).chain(&program.params);
        for &id in sources {
            moved[id] = copy(&mut g, program, id, &[])?;
        }
        for (number, &id) in self.frontier.iter().enumerate() {
            let node = &program.nodes[id];
            let vector = vec![crate::step::Dim::number(node.numel())];
            let flat = g.memory(&self.name(number), vector, node.entries.unwrap_or(0))?;
            moved[id] = g.reshaped(flat, &node.shape)?;
        }
        let results = program.outputs.iter().map(|(_, id)| *id).chain(program.updates.iter().copied());
        self.copy_nodes(&mut g, &ancestors(&program.nodes, results, &self.frontier), &mut moved)?;
        finish(g, program, &moved)
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
