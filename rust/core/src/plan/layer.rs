//! The plan of a layer: the forward pass of its program for inference and for training, and the backward pass of its
//! gradient equations.

use std::collections::HashMap;

use crate::adjoint::{Adjoint, reverse};
use crate::step::{
    Attrs, Builder, Dim, Equations, Node, NodeId, Program, Result, Run, Source, StepError, rows,
};

use super::concatenated::divided;
use super::fold::FoldProgram;
use super::fold_table::{FoldSource, FoldTable};
use super::function::Function;
use super::keep::kept;
use super::last_step::{Divided, at_last_step};
use super::line_products::with_line_products;
use super::linear::{Group, Kind, Recurrence, recurrences};
use super::log_product::with_log_products;
use super::matrix::with_matrices;
use super::norms::with_scales;
use super::pass::{Class, Pass, Ref};
use super::storage::plan;
use super::sums::reassociated;
use super::task::{Given, State, Task, sink_operands};

#[derive(Debug, Clone)]
pub struct LayerPlan {
    /// The program as its author wrote it.
    pub program: Program,
    /// The forward pass for inference; it stores nothing for a backward pass.
    pub infer: Pass,
    /// The forward pass for training; it stores the values that `back` reads.
    pub train: Pass,
    /// The gradient equations. The outputs are the gradients of the inputs that have one, in order.
    pub back: Pass,
    /// The parameter-only values that the passes read, and how they are computed.
    pub folds: FoldTable,
    pub fold: Option<Box<Fold>>,
    /// Names of the stored values, for `explain`.
    pub kept: Vec<String>,
    /// The states that depend on their own past, and how.
    pub groups: Vec<Group>,
    /// For each input: its output in `back`; None for ids, and for the target of a loss.
    pub input_gradients: Vec<Option<usize>>,
    /// For each memory: the buffer of `back` that holds its gradient.
    pub memory_gradients: Vec<Option<usize>>,
    /// Of a loss: the same if the value counts at the last step of each row alone, where it can be divided.
    pub last_step: Option<Box<LastStep>>,
}

/// The plans of a loss that counts at the last step of a row alone: see `last_step`.
#[derive(Debug, Clone)]
pub struct LastStep {
    /// The states. Its output is 0.
    pub steps: LayerPlan,
    /// The value: a program (last states, target) -> number.
    pub end: LayerPlan,
    /// The states that `end` reads, in its order, by their index.
    pub states: Vec<usize>,
}

/// The plan of a program that runs once per call, on one row: the parameters are its inputs.
#[derive(Debug, Clone)]
pub struct Fold {
    pub plan: LayerPlan,
    /// For each input of the fold program, the index of the parameter in the layer.
    pub params: Vec<usize>,
    /// The number of ids of a program that reads an id instead. It runs on a row for each of them, and its parameters are
    /// those of the layer.
    pub ids: Option<usize>,
}

/// The gradients that a backward pass computes.
pub struct Wanted<'a> {
    /// Whether the gradient of an input is wanted, by its index.
    pub inputs: &'a dyn Fn(usize) -> bool,
    /// Whether the gradient of a memory is wanted, by its index.
    pub memories: &'a dyn Fn(usize) -> bool,
    /// Whether the gradient of a parameter is wanted, by its index.
    pub params: &'a dyn Fn(usize) -> bool,
    /// Whether there is a backward pass at all. If there is one, it also computes the gradients of the initial states.
    pub backward: bool,
}

impl LayerPlan {
    pub fn new(program: &Program) -> Result<LayerPlan> {
        LayerPlan::with_input_gradients(program, &|_| true)
    }

    /// The plan of a loss (output, target). It has no gradient of the target, which is as large as the gradient of the
    /// output.
    pub fn of_loss(program: &Program) -> Result<LayerPlan> {
        let of_steps = |program: &Program| LayerPlan::with_input_gradients(program, &|input| input == 0);
        let last_step = match at_last_step(program)? {
            Some(Divided { steps, end, states }) => {
                let steps = of_steps(&steps)?;
                let end = LayerPlan::with_input_gradients(&end, &|input| input < states.len())?;
                Some(Box::new(LastStep { steps, end, states }))
            }
            None => None,
        };
        Ok(LayerPlan { last_step, ..of_steps(program)? })
    }

    /// A plan whose backward pass computes the gradients of some inputs only, by their index.
    pub fn with_input_gradients(program: &Program, inputs: &dyn Fn(usize) -> bool) -> Result<LayerPlan> {
        LayerPlan::with_gradients(
            program,
            &Wanted { inputs, memories: &|_| true, params: &|_| true, backward: true },
        )
    }

    /// A plan whose backward pass computes some gradients only.
    pub fn with_gradients(program: &Program, wanted: &Wanted) -> Result<LayerPlan> {
        let divided = divided(program)?;
        let sums = reassociated(divided.as_ref().unwrap_or(program))?;
        let sums = with_scales(&with_log_products(&with_line_products(&sums)?)?)?;
        if let Some((rewritten, matrices)) = with_matrices(&sums) {
            // otherwise a state of the loop reads the matrix, or its gradient: the loop needs the state's own equations
            if let Some(plan) = LayerPlan::with_sums(program, rewritten, &matrices, wanted)? {
                return Ok(plan);
            }
        }
        Ok(LayerPlan::with_sums(program, sums, &[], wanted)?.unwrap_or_else(no_matrix))
    }

    /// The plan of a program whose sums are ordered; `matrices` are the states whose equations are ops of matrices.
    fn with_sums(
        program: &Program,
        mut sums: Program,
        matrices: &[usize],
        wanted: &Wanted,
    ) -> Result<Option<LayerPlan>> {
        let outputs: Vec<NodeId> = sums.outputs.iter().map(|(_, id)| *id).collect();
        let states: Vec<_> = sums.states.iter().copied().zip(sums.updates.iter().copied()).collect();
        let (mut groups, forward) = recurrences(&mut sums.nodes, &states, &outputs);
        groups.extend(matrices.iter().map(|&state| Group { states: vec![state], kind: Kind::Matrix }));
        groups.sort_by_key(|group| group.states[0]);
        let mut adjoint = match wanted.backward {
            true => reverse(&sums, wanted.params)?,
            false => Adjoint::none(&sums),
        };
        let d_inputs = adjoint.d_inputs.iter_mut().enumerate();
        d_inputs.filter(|(input, _)| !(wanted.inputs)(*input)).for_each(|(_, d)| *d = None);
        accumulate(&mut adjoint, wanted.memories);
        let states: Vec<_> = adjoint.d_next.iter().copied().zip(adjoint.d_states.iter().copied()).collect();
        let operands = adjoint.sinks.iter().flat_map(|sink| sink_operands(sink.what));
        let memories = adjoint.d_memories.iter().flatten().copied();
        let results: Vec<NodeId> =
            adjoint.d_inputs.iter().flatten().copied().chain(memories).chain(operands).collect();
        let (_, back) = recurrences(&mut adjoint.nodes, &states, &results);
        let scans = Scans { groups, forward, back };
        let whole = folded_results(&adjoint, &sums, &scans);
        let ids = fold_ids(&adjoint, &whole);
        let folds = FoldTable::new(&adjoint.nodes, &sums.params, &ids, &whole);
        let trained = |param: usize| wanted.backward && (wanted.params)(param);
        let fold = match FoldProgram::new(&adjoint.nodes, &sums.params, &folds)? {
            Some(FoldProgram { program, params }) => {
                let plan = LayerPlan::unfolded(&program, |input| trained(params[input]))?;
                Some(Box::new(Fold { plan, params, ids: None }))
            }
            None => None,
        };
        LayerPlan::assemble(program, sums, adjoint, folds, fold, scans)
    }

    /// The plan of a program that reads only an id below `ids`: it runs once per call, for each of them, and a step looks its
    /// results up.
    pub fn by_id(program: &Program, ids: usize, wanted: &Wanted) -> Result<LayerPlan> {
        let mut g = Builder::new(&program.name, Default::default());
        let id = g.source(
            Source::Index,
            program.label(program.inputs[0]),
            program.nodes[program.inputs[0]].shape.clone(),
        )?;
        let mut outputs = Vec::with_capacity(program.outputs.len());
        for (name, node) in &program.outputs {
            let shape = vec![Dim::number(ids), Dim::number(program.nodes[*node].numel())];
            let table = g.source(Source::Param, name, shape)?;
            outputs.push((name.clone(), g.op("lookup", &[table, id])?));
        }
        let lookups = Wanted { params: &|_| wanted.backward, ..*wanted };
        let mut made = LayerPlan::with_gradients(&g.finish(&outputs, &[])?, &lookups)?;
        for slot in &mut made.folds.slots {
            if let FoldSource::Param(table) = slot.source {
                slot.source = FoldSource::Computed(table);
            }
        }
        let plan = LayerPlan::with_gradients(program, wanted)?;
        made.fold =
            Some(Box::new(Fold { plan, params: (0..program.params.len()).collect(), ids: Some(ids) }));
        Ok(LayerPlan { program: program.clone(), ..made })
    }

    /// The plan of a fold program: only its constants are slots; everything else is computed in the pass. `wanted` are the
    /// inputs that have a gradient, by their index.
    fn unfolded(program: &Program, wanted: impl Fn(usize) -> bool) -> Result<LayerPlan> {
        let sums = with_scales(&reassociated(program)?)?;
        let mut adjoint = match (0..sums.inputs.len()).any(&wanted) {
            true => reverse(&sums, |_| true)?,
            false => Adjoint::none(&sums),
        };
        let d_inputs = adjoint.d_inputs.iter_mut().enumerate();
        d_inputs.filter(|(input, _)| !wanted(*input)).for_each(|(_, d)| *d = None);
        let constants: Vec<NodeId> =
            (0..adjoint.nodes.len()).filter(|&id| rows::row(adjoint.nodes[id].op).name == "const").collect();
        let folds = FoldTable::new(&adjoint.nodes, &sums.params, &constants, &[]);
        let plan = LayerPlan::assemble(program, sums, adjoint, folds, None, Scans::default())?;
        Ok(plan.unwrap_or_else(no_matrix))
    }

    fn assemble(
        program: &Program,
        sums: Program,
        adjoint: Adjoint,
        folds: FoldTable,
        fold: Option<Box<Fold>>,
        scans: Scans,
    ) -> Result<Option<LayerPlan>> {
        if program.outputs.is_empty() {
            return Err(StepError::Trace(format!("{} has no output", program.name)));
        }
        let keep = kept(&sums, &adjoint);
        let outputs: Vec<NodeId> = sums.outputs.iter().map(|(_, id)| *id).collect();
        let mut given = HashMap::new();
        for (k, &id) in sums.inputs.iter().enumerate() {
            given.insert(id, Given { class: Class::Input(k), width: sums.nodes[id].numel(), col: 0 });
        }
        for (k, &id) in sums.memories.iter().enumerate() {
            given.insert(id, Given { class: Class::Memory(k), width: sums.nodes[id].numel(), col: 0 });
        }
        let forward = |kept: &[NodeId], training: bool| {
            let state = |(&read, &update): (&NodeId, &NodeId)| {
                // the history is required for the backward pass, or because it is an output
                let history = training || outputs.contains(&update);
                State { read, update, history }
            };
            plan(Task {
                nodes: sums.nodes.clone(),
                given: given.clone(),
                states: sums.states.iter().zip(&sums.updates).map(state).collect(),
                outputs: outputs.clone(),
                kept: kept.to_vec(),
                accumulated: Vec::new(),
                sinks: &[],
                folds: &folds,
                scans: scans.forward.clone(),
                reversed: false,
            })
        };
        let (Some((infer, _)), Some((train, places))) = (forward(&[], false), forward(&keep, true)) else {
            return Ok(None);
        };

        let mut known = given.clone();
        let saved = |place: &Ref| Given {
            class: Class::Saved(place.buffer),
            width: train.buffers[place.buffer].width,
            col: place.col,
        };
        for (id, place) in outputs.iter().zip(&train.outputs).chain(keep.iter().zip(&places)) {
            let given = match train.buffers[place.buffer].class {
                Class::History(state) => Given {
                    class: Class::History(state),
                    width: train.buffers[place.buffer].width,
                    col: place.col,
                },
                _ => saved(place),
            };
            known.insert(*id, given);
        }
        for (index, (&state, &update)) in sums.states.iter().zip(&sums.updates).enumerate() {
            let width = sums.nodes[state].numel();
            known.insert(state, Given { class: Class::HistoryPrev(index), width, col: 0 });
            if !sums.nodes[update].folded {
                known.insert(update, Given { class: Class::History(index), width, col: 0 });
            }
        }
        for (k, &id) in sums.inputs.iter().enumerate() {
            known.insert(id, given[&sums.inputs[k]]);
        }
        for (k, &id) in adjoint.d_outputs.iter().enumerate() {
            let width = adjoint.nodes[id].numel();
            known.insert(id, Given { class: Class::OutputGradient(k), width, col: 0 });
        }
        let states = adjoint.d_next.iter().zip(&adjoint.d_states);
        let mut wanted = Vec::new();
        let mut input_gradients = Vec::new();
        for (&input, d) in sums.inputs.iter().zip(&adjoint.d_inputs) {
            input_gradients.push(match d {
                Some(d) if !sums.nodes[input].is_index => {
                    wanted.push(*d);
                    Some(wanted.len() - 1)
                }
                _ => None,
            });
        }
        let back = plan(Task {
            nodes: adjoint.nodes.clone(),
            given: known,
            states: states.map(|(&read, &update)| State { read, update, history: false }).collect(),
            outputs: wanted,
            kept: Vec::new(),
            accumulated: adjoint.d_memories.iter().flatten().copied().collect(),
            sinks: &adjoint.sinks,
            folds: &folds,
            scans: scans.back,
            reversed: true,
        });
        let Some((back, _)) = back else { return Ok(None) };
        let place =
            |k: usize| back.buffers.iter().position(|buffer| buffer.class == Class::MemoryGradient(k));
        let memory_gradients = (0..sums.memories.len()).map(place).collect();
        let has_backward = !adjoint.d_states.is_empty();
        let marked = (0..train.states.len()).filter(|&state| has_backward && train.has_marks(state));
        let marked =
            marked.map(|state| format!("{} at the start of each block", sums.label(sums.states[state])));
        let kept = keep.iter().map(|&id| describe(&sums.nodes, id)).chain(marked).collect();
        let groups = scans.groups;
        let program = program.clone();
        Ok(Some(LayerPlan {
            program,
            infer,
            train,
            back,
            folds,
            fold,
            kept,
            groups,
            input_gradients,
            memory_gradients,
            last_step: None,
        }))
    }

    /// Whether the plan has a backward pass.
    pub fn has_backward(&self) -> bool {
        let Pass { outputs, sinks, states, .. } = &self.back;
        !(outputs.is_empty() && sinks.is_empty() && states.is_empty())
            || self.memory_gradients.iter().any(Option::is_some)
    }

    /// The plan with the function that its ops `call` call.
    pub fn calling(mut self, function: &Function) -> LayerPlan {
        for pass in [&mut self.infer, &mut self.train, &mut self.back] {
            pass.function = Some(function.clone());
        }
        self
    }

    /// Elements of one row of output `k`.
    pub fn output_width(&self, k: usize) -> usize {
        self.program.nodes[self.program.outputs[k].1].numel()
    }
}

/// What a program without ops of matrices cannot give.
fn no_matrix() -> LayerPlan {
    unreachable!("a plan without ops of matrices always exists")
}

/// Replaces the gradient of each wanted memory by an op that adds it to a sum over the steps; removes the others.
fn accumulate(adjoint: &mut Adjoint, wanted: &dyn Fn(usize) -> bool) {
    for k in 0..adjoint.d_memories.len() {
        let Some(d) = adjoint.d_memories[k].filter(|_| wanted(k)) else {
            adjoint.d_memories[k] = None;
            continue;
        };
        let op = rows::find("entries_accumulate");
        let node = &adjoint.nodes[d];
        let made = Node {
            op: op.unwrap_or_else(|| unreachable!("the op table has no entries_accumulate")),
            args: vec![d],
            attrs: Attrs::numbers(&[("memory", k as f64)]),
            shape: node.shape.clone(),
            is_index: false,
            label: None,
            folded: false,
            entries: node.entries,
        };
        adjoint.nodes.push(made);
        adjoint.d_memories[k] = Some(adjoint.nodes.len() - 1);
    }
}

/// The analysis of a program's states: how they depend on themselves, and which may run as a scan in each direction.
#[derive(Default)]
struct Scans {
    groups: Vec<Group>,
    forward: Vec<Recurrence>,
    back: Vec<Recurrence>,
}

/// Parameter-only values that are results, or operands of scans.
fn folded_results(adjoint: &Adjoint, program: &Program, scans: &Scans) -> Vec<NodeId> {
    let results = program.outputs.iter().map(|(_, id)| *id).chain(program.updates.iter().copied());
    let gradients = adjoint.d_states.iter().copied().chain(adjoint.d_inputs.iter().flatten().copied());
    let operands = scans.forward.iter().chain(&scans.back).flat_map(Recurrence::operands);
    results.chain(gradients).chain(operands).filter(|&id| adjoint.nodes[id].folded).collect()
}

/// Parameter-only values that some pass may read: operands of row values, the results among them, and targets of sinks.
fn fold_ids(adjoint: &Adjoint, results: &[NodeId]) -> Vec<NodeId> {
    let nodes = &adjoint.nodes;
    let mut ids: Vec<NodeId> = Vec::new();
    for node in nodes.iter().filter(|node| !node.folded) {
        ids.extend(node.args.iter().filter(|&&arg| nodes[arg].folded));
    }
    ids.extend(adjoint.sinks.iter().map(|sink| sink.target));
    ids.extend(results);
    ids
}

/// The author's name of a value, or the op that computes it.
fn describe(nodes: &[Node], id: NodeId) -> String {
    let node = &nodes[id];
    let row = rows::row(node.op);
    match &node.label {
        Some(label) => label.clone(),
        None if row.run == Run::MatVec => "a matrix product".to_string(),
        None => format!("{}(...)", row.name),
    }
}
