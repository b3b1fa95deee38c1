//! An optimizer's program, ready to run: one pass over all numbers, or several with reductions between them.

use crate::step::{Program, Result, Run, StepError, rows};

use super::compile::{Pass, Wanted, compile};
use super::form::{Extent, Form};
use super::levels::{Levels, levels};
use super::scalars::Scalars;

/// An optimizer's program, ready to run.
#[derive(Debug, Clone)]
pub struct Rule {
    /// By array of a parameter: how many numbers it has.
    pub(super) extents: Vec<Extent>,
    /// By array of a parameter: whether it changes.
    pub(super) written: Vec<bool>,
    pub(super) scalars: Scalars,
    /// The numbers that a caller gives for a step.
    pub(super) given: usize,
    /// What comes before the last pass, if numbers of a parameter depend on others.
    pub(super) levels: Option<Levels>,
    /// The pass that writes the parameter and its slots.
    pub(super) last: Pass,
}

impl Rule {
    /// Plans a program whose values are all single numbers, each of a parameter's independent of the others. Its first
    /// input is what its one output replaces.
    pub fn new(program: &Program) -> Result<Rule> {
        let slots = vec![Extent::Full; program.states.len()];
        Rule::of(program, &Form { slots, reductions: Vec::new() })
    }

    /// Plans a program with slots and reductions of this form.
    pub fn of(program: &Program, form: &Form) -> Result<Rule> {
        let fail = |why: &str| Err(StepError::Trace(format!("{}: {why}", program.name)));
        let count = |extent: Extent| form.slots.iter().filter(|&&one| one == extent).count();
        let wholes = count(Extent::Whole);
        let sides = form.reductions.iter().filter(|one| one.over != Extent::Whole).count();
        let numbers = wholes + form.reductions.len() - sides;
        if program.inputs.len() <= sides
            || program.outputs.len() != 1 + wholes + form.reductions.len()
            || program.params.len() < numbers
            || program.states.len() != form.slots.len() - wholes
            || form.reductions.iter().any(|one| one.over == Extent::Full)
        {
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
        let inputs = program.inputs.len() - sides;
        let scalars = Scalars::new(program, &live);
        let given = program.params.len() - numbers;
        let levels = if form.reductions.is_empty() && form.slots.iter().all(|&one| one == Extent::Full) {
            None
        } else {
            Some(levels(program, form, &scalars, inputs, given)?)
        };
        // The arrays of full extent: the first inputs, and states.
        let mut sources: Vec<_> = program.inputs[..inputs].iter().map(|&id| Some(id)).collect();
        let mut becomes = vec![None; inputs];
        becomes[0] = Some(program.outputs[0].1);
        let mut states = program.states.iter().zip(&program.updates);
        let mut written = vec![false; inputs];
        for &extent in &form.slots {
            if extent == Extent::Whole {
                written.push(true);
                continue;
            }
            if let Some((&state, &update)) = states.next() {
                if extent == Extent::Full {
                    sources.push(Some(state));
                    becomes.push(Some(update));
                }
                written.push(super::compile::resolved(&program.nodes, update) != state);
            }
        }
        written[0] = super::compile::resolved(&program.nodes, program.outputs[0].1) != program.inputs[0];
        let spreads = levels.as_ref().map_or(&[][..], |levels| &levels.spreads);
        let last =
            compile(program, &scalars, &Wanted { sources: &sources, becomes: &becomes, kept: &[], spreads });
        let extents = std::iter::repeat_n(Extent::Full, inputs).chain(form.slots.iter().copied()).collect();
        Ok(Rule { extents, written, scalars, given, levels, last })
    }

    /// The arrays that a parameter has, itself the first.
    pub fn streams(&self) -> usize {
        self.written.len()
    }

    /// The scalars of a step.
    pub fn scalars(&self) -> usize {
        self.given
    }

    /// By array of a parameter: whether a step changes it.
    pub fn written(&self) -> &[bool] {
        &self.written
    }

    /// The position among all arrays of number `of_extent` of an extent.
    pub(super) fn array(&self, extent: Extent, of_extent: usize) -> usize {
        let mut same = (0..self.extents.len()).filter(|&array| self.extents[array] == extent);
        same.nth(of_extent).unwrap_or_default()
    }

    /// By array of a parameter: how many numbers it has. Those of full extent have the parameter's number type, all
    /// others are float64.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }
}
