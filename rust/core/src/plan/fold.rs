//! Constant folding: values computed from parameters alone are computed once per call, not once per row.

use std::collections::HashMap;

use crate::step::{Builder, Node, NodeId, Program, Result, Run, Source, Value, rows};

use super::LayerPlan;

/// The source of the value of a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FoldSource {
    /// Parameter number `k` of the program.
    Param(usize),
    Const(f64),
    /// Output number `k` of the fold program.
    Computed(usize),
}

#[derive(Debug, Clone)]
pub struct Slot {
    pub id: NodeId,
    pub source: FoldSource,
    pub numel: usize,
}

/// The parameter-only values that the passes of a layer read.
#[derive(Debug, Clone, Default)]
pub struct FoldTable {
    pub slots: Vec<Slot>,
    by_id: HashMap<NodeId, usize>,
}

impl FoldTable {
    pub fn slot(&self, id: NodeId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// Slots for all of `ids`, which are parameters, constants or (with `compute`) computed from them.
    pub fn new(nodes: &[Node], params: &[NodeId], ids: &[NodeId]) -> FoldTable {
        let mut table = FoldTable::default();
        let mut computed = 0;
        for &id in ids {
            if table.slot(id).is_some() {
                continue;
            }
            let node = &nodes[id];
            let source = match (params.iter().position(|&param| param == id), node.attrs.0.first()) {
                (Some(position), _) => FoldSource::Param(position),
                (None, Some((_, Value::Number(x)))) if rows::row(node.op).name == "const" => {
                    FoldSource::Const(*x)
                }
                _ => {
                    computed += 1;
                    FoldSource::Computed(computed - 1)
                }
            };
            table.by_id.insert(id, table.slots.len());
            table.slots.push(Slot { id, source, numel: node.numel() });
        }
        table
    }
}

/// The fold program: parameters are inputs, computed slots are outputs; it runs on one row.
#[derive(Debug, Clone)]
pub struct Fold {
    pub plan: LayerPlan,
    /// For each input of the fold program, the index of the parameter in the layer.
    pub params: Vec<usize>,
}

impl Fold {
    /// The program that computes the slots of `table`; None if there is nothing to compute.
    pub fn new(nodes: &[Node], params: &[NodeId], table: &FoldTable) -> Result<Option<Fold>> {
        let computed: Vec<NodeId> = (table.slots.iter())
            .filter(|slot| matches!(slot.source, FoldSource::Computed(_)))
            .map(|slot| slot.id)
            .collect();
        if computed.is_empty() {
            return Ok(None);
        }
        let mut live = vec![false; nodes.len()];
        computed.iter().for_each(|&id| live[id] = true);
        for id in (0..nodes.len()).rev().filter(|&id| nodes[id].folded) {
            if live[id] {
                nodes[id].args.iter().for_each(|&arg| live[arg] = true);
            }
        }
        let mut g = Builder::new("fold", Default::default());
        let mut moved = vec![0; nodes.len()];
        let mut used = Vec::new();
        // parameters first: they are the inputs, in the layer's order
        for (position, &param) in params.iter().enumerate().filter(|&(_, &param)| live[param]) {
            moved[param] = g.source(Source::Input, &format!("p{position}"), nodes[param].shape.clone())?;
            used.push(position);
        }
        let donor = Program {
            name: String::new(),
            sizes: Default::default(),
            nodes: nodes.to_vec(),
            inputs: Vec::new(),
            states: Vec::new(),
            params: Vec::new(),
            outputs: Vec::new(),
            updates: Vec::new(),
        };
        for id in (0..nodes.len()).filter(|&id| live[id] && nodes[id].folded) {
            if rows::row(nodes[id].op).run != Run::Source || rows::row(nodes[id].op).name == "const" {
                moved[id] = super::sums::copy(&mut g, &donor, id, &moved)?;
            }
        }
        let outputs: Vec<(String, NodeId)> =
            computed.iter().enumerate().map(|(k, &id)| (format!("o{k}"), moved[id])).collect();
        let program = g.finish(&outputs, &[])?;
        Ok(Some(Fold { plan: LayerPlan::unfolded(&program)?, params: used }))
    }
}
