//! The parameter-only values that the passes of a layer read, and where each comes from.

use std::collections::HashMap;

use crate::step::{Node, NodeId, Value, rows};

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
