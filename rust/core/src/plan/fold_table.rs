//! The parameter-only values that the passes of a layer read, and where each comes from.

use std::collections::HashMap;

use crate::step::{Node, NodeId, Run, Value, rows};

/// The source of the value of a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FoldSource {
    /// Parameter number `k` of the program.
    Param(usize),
    /// Some rows or columns of a matrix that is a parameter, read in place by products alone.
    Block(Block),
    Const(f64),
    /// Output number `k` of the fold program.
    Computed(usize),
}

/// A part of a matrix that is parameter number `param` of the program: lines of `width` elements, of which the first begins at
/// element `start` and each other `stride` elements after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub param: usize,
    pub start: usize,
    pub stride: usize,
    pub width: usize,
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

    /// Slots for all of `ids`, which are parameters, constants or computed from them. Nodes read them; the values `whole` are
    /// also results, or operands of scans.
    pub fn new(nodes: &[Node], params: &[NodeId], ids: &[NodeId], whole: &[NodeId]) -> FoldTable {
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
                _ => match block(nodes, params, id).filter(|_| !whole.contains(&id)) {
                    Some(block) => FoldSource::Block(block),
                    None => {
                        computed += 1;
                        FoldSource::Computed(computed - 1)
                    }
                },
            };
            table.by_id.insert(id, table.slots.len());
            table.slots.push(Slot { id, source, numel: node.numel() });
        }
        table
    }
}

/// Node `id` as a part of a parameter, if only products read it.
fn block(nodes: &[Node], params: &[NodeId], id: NodeId) -> Option<Block> {
    let (node, is_columns) = (&nodes[id], rows::row(nodes[id].op).run == Run::Columns);
    if !is_columns && (rows::row(node.op).run != Run::Slice || node.shape.len() != 2) {
        return None;
    }
    let param = params.iter().position(|&param| param == node.args[0])?;
    let multiplies = |other: &Node| rows::row(other.op).run == Run::MatVec && other.args[1] != id;
    let mut readers = nodes.iter().filter(|other| !other.folded && other.args.contains(&id));
    let (stride, first) = (nodes[node.args[0]].shape[1].value, node.attrs.int("start"));
    let start = if is_columns { first } else { first * stride };
    readers.all(multiplies).then(|| Block { param, start, stride, width: node.shape[1].value })
}
