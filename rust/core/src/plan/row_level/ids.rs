//! Values that depend on an id and on parameters alone: an embedding, and what a layer computes from it once per row.

use crate::step::{Builder, Dim, Equations, NodeId, Program, Result, Run, Source, rows};

use super::super::sums::copy;

/// The number of ids of a program that is a lookup in a table of parameters, and nothing else.
pub fn ids_of_lookup(program: &Program) -> Option<usize> {
    let ([id], [(_, output)]) = (&program.inputs[..], &program.outputs[..]) else { return None };
    let found = &program.nodes[*output];
    let [table] = program.params[..] else { return None };
    let is_lookup = rows::row(found.op).run == Run::Lookup && found.args == [table, *id];
    (is_lookup && program.states.is_empty() && program.memories.is_empty())
        .then(|| program.nodes[table].shape[0].value)
}

/// The program that looks an id up as `lookup` does, and goes on as `row`, which has one input. Its first parameter is the
/// table; those of `row` follow. None for a program that draws numbers, because each row has its own.
pub fn of_ids(lookup: &Program, row: &Program) -> Result<Option<Program>> {
    let live = row.live();
    let draws = |(id, node): (NodeId, &crate::step::Node)| live[id] && rows::row(node.op).run == Run::Noise;
    let ([input], false) = (&row.inputs[..], row.nodes.iter().enumerate().any(draws)) else {
        return Ok(None);
    };
    let mut g = Builder::new(&row.name, row.sizes.clone());
    let mut name = "table".to_string();
    while row.params.iter().any(|&id| row.label(id) == name) {
        name.push('_');
    }
    let id = copy(&mut g, lookup, lookup.inputs[0], &[])?;
    let shape = lookup.nodes[lookup.params[0]].shape.iter().map(|dim| Dim::number(dim.value)).collect();
    let table = g.source(Source::Param, &name, shape)?;
    let found = g.op("lookup", &[table, id])?;
    let mut moved = vec![NodeId::MAX; row.nodes.len()];
    moved[*input] = g.reshaped(found, &row.nodes[*input].shape)?;
    for &param in &row.params {
        moved[param] = copy(&mut g, row, param, &[])?;
    }
    for id in (0..row.nodes.len()).filter(|&id| live[id]) {
        if moved[id] == NodeId::MAX {
            moved[id] = copy(&mut g, row, id, &moved)?;
            if let Some(label) = &row.nodes[id].label {
                g.label(moved[id], label);
            }
        }
    }
    let outputs: Vec<(String, NodeId)> =
        row.outputs.iter().map(|(name, id)| (name.clone(), moved[*id])).collect();
    g.finish(&outputs, &[]).map(Some)
}
