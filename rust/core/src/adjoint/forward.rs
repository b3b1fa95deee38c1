//! Forward mode: a program that computes tangents in addition to its values (Jacobian-vector products).

use crate::step::{
    Attrs, Builder, Equations, Grad, NodeId, Program, Result, Run, Site, Source, StepError, Tangent, rows,
};

/// The program with a tangent for each input, state and parameter (`d_x` for `x`); the outputs and next states have tangents
/// too. Ids have none.
pub fn forward_mode(program: &Program) -> Result<Program> {
    let mut g = Builder::continuing(program);
    let mut tangents: Vec<Option<NodeId>> = vec![None; program.nodes.len()];
    let kinds = [
        (Source::Input, &program.inputs),
        (Source::State, &program.states),
        (Source::Param, &program.params),
    ];
    for &id in &program.memories {
        let (name, node) = (format!("d_{}", program.label(id)), &program.nodes[id]);
        tangents[id] = Some(g.memory(&name, node.shape.clone(), node.entries.unwrap_or(0))?);
    }
    for (kind, ids) in kinds {
        for &id in ids.iter().filter(|&&id| !program.nodes[id].is_index) {
            let name = format!("d_{}", program.label(id));
            let (shape, entries) = (program.nodes[id].shape.clone(), program.nodes[id].entries);
            tangents[id] = Some(match entries {
                Some(axis) => g.state_on(&name, shape, axis)?,
                None => g.source(kind, &name, shape)?,
            });
        }
    }
    let live = program.live();
    for id in 0..program.nodes.len() {
        if live[id] && tangents[id].is_none() {
            tangents[id] = tangent_of(&mut g, program, id, &tangents)?;
        }
    }
    let mut outputs = program.outputs.clone();
    for (name, id) in &program.outputs {
        outputs.push((format!("d_{name}"), known_or_zero(&mut g, tangents[*id], *id)?));
    }
    let mut updates = Vec::new();
    for (&state, &next) in program.states.iter().zip(&program.updates) {
        let name = program.label(state);
        updates.push((name.to_string(), next));
        updates.push((format!("d_{name}"), known_or_zero(&mut g, tangents[next], next)?));
    }
    g.name = format!("{}.tangent", program.name);
    g.finish(&outputs, &updates)
}

fn known_or_zero(g: &mut Builder, tangent: Option<NodeId>, id: NodeId) -> Result<NodeId> {
    match tangent {
        Some(tangent) => Ok(tangent),
        None => {
            let (zero, shape, entries) = (g.constant(0.0), g.node(id).shape.clone(), g.node(id).entries);
            let zeros = g.op_with("broadcast_to", &[zero], Attrs::shape_of(&shape))?;
            match entries {
                Some(axis) => g.op_with("entries_repeat", &[zeros], Attrs::numbers(&[("axis", axis as f64)])),
                None => Ok(zeros),
            }
        }
    }
}

fn tangent_of(
    g: &mut Builder,
    program: &Program,
    id: NodeId,
    tangents: &[Option<NodeId>],
) -> Result<Option<NodeId>> {
    let node = &program.nodes[id];
    let row = rows::row(node.op);
    let given: Vec<Option<NodeId>> = node.args.iter().map(|&arg| tangents[arg]).collect();
    if given.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut terms = Vec::new();
    match row.tangent {
        Tangent::Zero => {}
        Tangent::None(why) => return Err(StepError::Trace(format!("{}: {why}", program.name))),
        Tangent::Rule(rule) => {
            if let Some(t) = given[0] {
                terms.push(rule(g, id, t)?);
            }
        }
        Tangent::Operand(rule) => {
            if let Some(t) = given[0] {
                terms.push(rule(g, node.args[0], id, t)?);
            }
        }
        Tangent::Linear if matches!(row.run, Run::Concat | Run::JoinColumns) => {
            let mut parts = Vec::new();
            for (&arg, t) in node.args.iter().zip(&given) {
                parts.push(known_or_zero(g, *t, arg)?);
            }
            terms.push(g.add(node.op, &parts, node.attrs.clone())?);
        }
        Tangent::Linear => {
            for (position, t) in given.iter().enumerate() {
                if let Some(t) = *t {
                    let mut args = node.args.clone();
                    args[position] = t;
                    terms.push(g.add(node.op, &args, node.attrs.clone())?);
                }
            }
        }
        Tangent::Symmetric => {
            for (position, t) in given.iter().enumerate() {
                if let Some(t) = *t {
                    let site = Site { node: id, args: &node.args, attrs: &node.attrs, d: t };
                    if let Grad::Node(term) = (row.adjoint)(g, &site)?[position] {
                        terms.push(term);
                    }
                }
            }
        }
        Tangent::Gradient => {
            if let Some(t) = given[0] {
                let one = g.constant(1.0);
                let ones = g.op_with("broadcast_to", &[one], Attrs::shape_of(&node.shape))?;
                let site = Site { node: id, args: &node.args, attrs: &node.attrs, d: ones };
                if let Grad::Node(slope) = (row.adjoint)(g, &site)?[0] {
                    let weighted = g.op("mul", &[slope, t])?;
                    let keep = Attrs::numbers(&[("keepdims", f64::from(node.attrs.flag("keepdims")))]);
                    terms.push(g.op_with("sum", &[weighted], keep)?);
                }
            }
        }
    }
    let mut sum: Option<NodeId> = None;
    for term in terms {
        sum = Some(match sum {
            Some(before) => g.op("add", &[before, term])?,
            None => term,
        });
    }
    if let (Some(term), Some(axis)) = (sum, node.entries)
        && g.node(term).entries.is_none()
    {
        sum = Some(g.op_with("entries_repeat", &[term], Attrs::numbers(&[("axis", axis as f64)]))?);
    }
    // a term from a scalar operand may still be a scalar although the value is a vector
    match sum {
        Some(sum) if g.node(sum).shape != node.shape => {
            g.op_with("broadcast_to", &[sum], Attrs::shape_of(&node.shape)).map(Some)
        }
        other => Ok(other),
    }
}
