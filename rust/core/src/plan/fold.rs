//! Constant folding: values computed from parameters alone are computed once per call, not once per row.

use crate::step::{Builder, Equations, Node, NodeId, Program, Result, Run, Source, rows};

use super::fold_table::{FoldSource, FoldTable};
use super::sums::copy;

/// The fold program: parameters are inputs, computed slots are outputs; it runs on one row.
pub struct FoldProgram {
    pub program: Program,
    /// For each input of the fold program, the index of the parameter in the layer.
    pub params: Vec<usize>,
}

impl FoldProgram {
    /// The program that computes the slots of `table`; None if there is nothing to compute.
    pub fn new(nodes: &[Node], params: &[NodeId], table: &FoldTable) -> Result<Option<FoldProgram>> {
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
            memories: Vec::new(),
            outputs: Vec::new(),
            updates: Vec::new(),
        };
        for id in (0..nodes.len()).filter(|&id| live[id] && nodes[id].folded) {
            let row = rows::row(nodes[id].op);
            let matrix = nodes[id].args.first().map(|&arg| moved[arg]);
            // A matrix of constants is a value like others: this program has no slots for matrices.
            if row.run == Run::MatVec && matrix.is_some_and(|matrix| g.node(matrix).folded) {
                let mut operands: Vec<NodeId> = nodes[id].args.iter().map(|&arg| moved[arg]).collect();
                if nodes[id].attrs.flag("transpose") {
                    operands.reverse();
                }
                moved[id] = g.op("product", &operands)?;
            } else if row.run != Run::Source || row.name == "const" {
                moved[id] = copy(&mut g, &donor, id, &moved)?;
            }
        }
        let outputs: Vec<(String, NodeId)> =
            computed.iter().enumerate().map(|(k, &id)| (format!("o{k}"), moved[id])).collect();
        Ok(Some(FoldProgram { program: g.finish(&outputs, &[])?, params: used }))
    }
}
