//! The order of a program with reductions: what of a parameter has to be known before what.
//!
//! A value is of level n if n reductions, one after the other, lie between it and the numbers of the parameter. At each
//! level, values of a row or of a column are computed from what is known, and then one pass over all numbers makes the
//! reductions of this level. Numbers of a parameter are computed anew in each pass: no array of its size is needed.

use crate::step::{NodeId, Program, Result, StepError};

use super::compile::{Pass, Spread, Wanted, compile, needed, resolved};
use super::form::{Extent, Form, Measure};
use super::scalars::Scalars;

#[derive(Debug, Clone)]
pub(super) struct Levels {
    pub(super) steps: Vec<Level>,
    pub(super) rows: Side,
    pub(super) columns: Side,
    /// By slot of one number: its new value in the table of scalars.
    pub(super) wholes: Vec<usize>,
    /// Where the results of reductions over a whole parameter begin among the program's parameters.
    pub(super) numbers: usize,
    /// What passes over all numbers read of rows and columns.
    pub(super) spreads: Vec<(NodeId, Spread)>,
}

/// The arrays of one number for each row, or for each column: slots, results of reductions, other values.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub(super) slots: usize,
    /// The arrays that a step keeps itself.
    pub(super) buffers: usize,
    /// By slot: the array that holds its new value.
    pub(super) becomes: Vec<usize>,
}

impl Side {
    pub(super) fn arrays(&self) -> usize {
        self.slots + self.buffers
    }
}

/// Rows and columns: the side, one of its arrays by number, and its length.
type Sides<'a> = [(&'a Side, fn(usize) -> Spread, usize); 2];

impl Levels {
    pub(super) fn sides(&self, rows: usize, columns: usize) -> Sides<'_> {
        [(&self.rows, Spread::Row, rows), (&self.columns, Spread::Column, columns)]
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// The passes that compute values of rows and of columns.
    pub(super) rows: Option<Pass>,
    pub(super) columns: Option<Pass>,
    /// Reductions of values of rows or columns: an array, what is made of it, a parameter of the program.
    pub(super) of_sides: Vec<(Spread, Measure, usize)>,
    pub(super) full: Option<(Pass, Vec<Sum>)>,
}

/// A reduction in a pass over all numbers: of the value that the pass keeps at its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    pub(super) measure: Measure,
    pub(super) to: Target,
}

/// Where a reduction's results belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A parameter of the program.
    Whole(usize),
    /// An array of rows or of columns.
    Side(Spread),
}

/// A side while it is made.
struct Building {
    extent: Extent,
    /// By array: its value.
    arrays: Vec<Option<NodeId>>,
    /// By level: the arrays that are computed there, and their values.
    made: Vec<Vec<(usize, NodeId)>>,
    side: Side,
}

impl Building {
    /// The array that holds a value of this side from its level on.
    fn array_of(&mut self, id: NodeId, level: usize) -> usize {
        if let Some(known) = self.arrays.iter().position(|&one| one == Some(id)) {
            return known;
        }
        self.arrays.push(Some(id));
        self.made[level].push((self.arrays.len() - 1, id));
        self.arrays.len() - 1
    }

    /// The pass that computes the arrays of a level.
    fn pass(&self, program: &Program, scalars: &Scalars, level: usize) -> Option<Pass> {
        if self.made[level].is_empty() {
            return None;
        }
        let (mut sources, mut becomes) = (self.arrays.clone(), vec![None; self.arrays.len()]);
        for (array, _) in self.made[level..].iter().flatten() {
            sources[*array] = None;
        }
        for &(array, id) in &self.made[level] {
            becomes[array] = Some(id);
        }
        let wanted = Wanted { sources: &sources, becomes: &becomes, kept: &[], spreads: &[] };
        Some(compile(program, scalars, &wanted))
    }

    fn spread(&self, array: usize) -> Spread {
        if self.extent == Extent::Row { Spread::Row(array) } else { Spread::Column(array) }
    }

    fn done(mut self) -> Side {
        self.side.buffers = self.arrays.len() - self.side.slots;
        self.side
    }
}

/// Orders a program. `inputs` are those of full extent, `given` the scalars of a step.
pub(super) fn levels(
    program: &Program,
    form: &Form,
    scalars: &Scalars,
    inputs: usize,
    given: usize,
) -> Result<Levels> {
    let fail = |why: String| StepError::Trace(format!("{}: {why}", program.name));
    let nodes = &program.nodes;
    let wholes = form.slots.iter().filter(|&&one| one == Extent::Whole).count();
    let numbers = given + wholes;
    let operands: Vec<NodeId> = (program.outputs[1 + wholes..].iter()).map(|&(_, id)| id).collect();
    // The result of each reduction.
    let (mut sides, mut whole_numbers) = (program.inputs[inputs..].iter(), program.params[numbers..].iter());
    let results: Vec<NodeId> = (form.reductions.iter())
        .filter_map(|one| if one.over == Extent::Whole { whole_numbers.next() } else { sides.next() })
        .copied()
        .collect();
    // What each value is to a parameter, and its level.
    let mut extents = vec![Extent::Whole; nodes.len()];
    let mut level = vec![0; nodes.len()];
    program.inputs[..inputs].iter().for_each(|&id| extents[id] = Extent::Full);
    let states: Vec<Extent> = form.slots.iter().copied().filter(|&one| one != Extent::Whole).collect();
    program.states.iter().zip(&states).for_each(|(&id, &extent)| extents[id] = extent);
    for id in 0..nodes.len() {
        if let Some(reduction) = results.iter().position(|&one| one == id) {
            extents[id] = form.reductions[reduction].over;
            level[id] = level[operands[reduction]] + 1;
        }
        for &arg in &nodes[id].args {
            extents[id] = extents[id].join(extents[arg]);
            level[id] = level[id].max(level[arg]);
        }
    }
    let top = level.iter().copied().max().unwrap_or(0);
    let mut building = [Extent::Row, Extent::Column].map(|extent| {
        let slots: Vec<_> = (program.states.iter().zip(&states))
            .filter(|&(_, &one)| one == extent)
            .map(|(&id, _)| Some(id))
            .collect();
        let side = Side { slots: slots.len(), ..Side::default() };
        Building { extent, arrays: slots, made: vec![Vec::new(); top + 1], side }
    });
    let mut levels = Levels {
        steps: vec![Level::default(); top + 1],
        rows: Side::default(),
        columns: Side::default(),
        wholes: Vec::new(),
        numbers,
        spreads: Vec::new(),
    };
    let at = |extent: Extent| usize::from(extent == Extent::Column);
    // Results of reductions are arrays of their side.
    for (&id, reduction) in results.iter().zip(&form.reductions) {
        if reduction.over != Extent::Whole {
            building[at(reduction.over)].arrays.push(Some(id));
        }
    }
    // What passes over all numbers read of rows and columns: what is computed there, and its operands.
    let full_roots = std::iter::once(program.outputs[0].1)
        .chain(
            (program.updates.iter().zip(&states)).filter(|(_, one)| **one == Extent::Full).map(|(&id, _)| id),
        )
        .chain(
            (operands.iter().zip(&form.reductions))
                .map(|(&id, _)| id)
                .filter(|&id| extents[id] == Extent::Full),
        )
        .map(|id| resolved(nodes, id));
    let is_side = |id: NodeId| matches!(extents[id], Extent::Row | Extent::Column);
    let roots: Vec<NodeId> = full_roots.collect();
    let computed = needed(nodes, roots.iter().copied(), |id| is_side(id) || scalars.slot(id).is_some());
    let read = computed.iter().flat_map(|&id| &nodes[id].args).map(|&arg| resolved(nodes, arg));
    for id in read.chain(roots.iter().copied()).filter(|&id| is_side(id)) {
        building[at(extents[id])].array_of(id, level[id]);
    }
    let mut kept: Vec<Vec<NodeId>> = vec![Vec::new(); top + 1];
    let mut sums: Vec<Vec<Sum>> = vec![Vec::new(); top + 1];
    let mut number = numbers;
    for ((&operand, reduction), &result) in operands.iter().zip(&form.reductions).zip(&results) {
        let id = resolved(nodes, operand);
        let over = reduction.over;
        let param = number;
        number += usize::from(over == Extent::Whole);
        match (extents[id], over) {
            (Extent::Full, Extent::Whole) => {
                kept[level[id]].push(id);
                sums[level[id]].push(Sum { measure: reduction.measure, to: Target::Whole(param) });
            }
            (Extent::Full, _) => {
                let side = &mut building[at(over)];
                let array = side.array_of(result, level[result]);
                kept[level[id]].push(id);
                sums[level[id]]
                    .push(Sum { measure: reduction.measure, to: Target::Side(side.spread(array)) });
            }
            (Extent::Row | Extent::Column, Extent::Whole) => {
                let side = &mut building[at(extents[id])];
                let array = side.array_of(id, level[id]);
                levels.steps[level[id]].of_sides.push((side.spread(array), reduction.measure, param));
            }
            (extent, _) => {
                return Err(fail(format!(
                    "a reduction of {} has {}; expected one number for each number of a parameter",
                    program.label(id),
                    extent.told()
                )));
            }
        }
    }
    // New values of slots.
    let mut new = program.updates.iter().zip(&program.states).zip(&states);
    let (mut whole, mut whole_slots) = (program.outputs[1..].iter(), program.params[given..].iter());
    for &extent in &form.slots {
        let (id, slot) = match extent {
            Extent::Whole => match (whole.next(), whole_slots.next()) {
                (Some(&(_, id)), Some(&slot)) => (id, slot),
                _ => continue,
            },
            _ => match new.next() {
                Some(((&id, &slot), _)) => (id, slot),
                None => continue,
            },
        };
        let id = resolved(nodes, id);
        if extents[id].join(extent) != extent {
            return Err(fail(format!(
                "slot {} has {}, but its new value {}",
                program.label(slot),
                extent.told(),
                extents[id].told()
            )));
        }
        match extent {
            Extent::Full => {}
            Extent::Whole => levels.wholes.extend(scalars.slot(id)),
            _ => {
                // an array of its own: another slot may still be read, or take this one's old value
                let side = &mut building[at(extent)];
                side.arrays.push(None);
                let array = side.arrays.len() - 1;
                side.made[level[id]].push((array, id));
                side.side.becomes.push(array);
            }
        }
    }
    for (n, step) in levels.steps.iter_mut().enumerate() {
        step.rows = building[0].pass(program, scalars, n);
        step.columns = building[1].pass(program, scalars, n);
    }
    levels.spreads = (building.iter())
        .flat_map(|side| side.arrays.iter().enumerate().map(move |(array, id)| (id, side.spread(array))))
        .filter_map(|(id, spread)| id.map(|id| (id, spread)))
        .collect();
    // The arrays of full extent, which no pass of a level writes.
    let full: Vec<Option<NodeId>> = (program.inputs[..inputs].iter())
        .chain(
            (program.states.iter().zip(&states)).filter(|(_, one)| **one == Extent::Full).map(|(id, _)| id),
        )
        .map(|&id| Some(id))
        .collect();
    for ((step, kept), sums) in levels.steps.iter_mut().zip(&kept).zip(sums) {
        if !kept.is_empty() {
            let becomes = vec![None; full.len()];
            let wanted = Wanted { sources: &full, becomes: &becomes, kept, spreads: &levels.spreads };
            step.full = Some((compile(program, scalars, &wanted), sums));
        }
    }
    let [rows, columns] = building;
    (levels.rows, levels.columns) = (rows.done(), columns.done());
    Ok(levels)
}
