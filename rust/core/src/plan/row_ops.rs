//! Row ops: the ops that compute a node, and the scratch slots of values that are read only within one run of row ops.

use std::collections::{HashMap, HashSet};

use crate::kernel::{Binary, Reduce, Unary};
use crate::step::rows::Across;
use crate::step::{Node, NodeId, Run, rows};

use super::pass::{Buffer, Class, Per, Ref, RowOp, RowRun};

/// Appends the ops that compute node `id`; a concatenation whose parts are computed in place needs none.
pub fn ops_of(nodes: &[Node], id: NodeId, reference: &mut dyn FnMut(NodeId) -> Ref, ops: &mut Vec<RowOp>) {
    let node = &nodes[id];
    let row = rows::row(node.op);
    let dst = reference(id);
    let src: Vec<Ref> = node.args.iter().map(|&arg| reference(arg)).collect();
    let operand = |k: usize| &nodes[node.args[k]];
    let last_of = |node: &Node| node.shape.last().map_or(1, |dim| dim.value);
    let last = |k: usize| last_of(operand(k));
    let eps = node.attrs.number("eps");
    let mut push = |run: RowRun, dst: Ref, src: Vec<Ref>, outer: usize, cols: usize| {
        let each = match run {
            RowRun::Combine { inner } => inner as f32,
            RowRun::Dots => 1.0,
            _ => row.cost,
        };
        let cost = each * (outer * cols) as f32;
        ops.push(RowOp { run, dst, src, outer, cols, far: Vec::new(), cost });
    };
    let copy = RowRun::Unary(Unary::Copy, 0.0);
    match row.run {
        Run::Unary(op) => push(RowRun::Unary(op, node.attrs.number("alpha")), dst, src, 1, dst.numel),
        Run::Binary(op) => push(RowRun::Binary(op), dst, src, 1, dst.numel),
        Run::Ternary(op) => push(RowRun::Ternary(op), dst, src, 1, dst.numel),
        Run::Reduce(op) => {
            push(RowRun::Reduce(op, eps), dst, src, operand(0).numel() / last(0).max(1), last(0))
        }
        Run::RowMap(op) => {
            push(RowRun::RowMap(op, eps), dst, src, operand(0).numel() / last(0).max(1), last(0))
        }
        Run::NormGrad(op) => {
            push(RowRun::NormGrad(op), dst, src, operand(1).numel() / last(1).max(1), last(1))
        }
        Run::LogProduct => push(RowRun::LogProduct, dst, src, dst.numel, last(1)),
        Run::LogProductGrad => push(RowRun::LogProductGrad, dst, src, operand(2).numel(), last(1)),
        Run::Noise => {
            let stream = node.attrs.int("stream") as u16; // the shape rule saw to its range
            let per = match node.attrs.int("per") {
                0 => Per::Step,
                1 => Per::Sequence,
                _ => Per::Weights,
            };
            push(RowRun::Noise { stream, per }, dst, src, 1, dst.numel)
        }
        Run::Call(part) => push(RowRun::Call(part), dst, src, 1, dst.numel),
        Run::Entries(Across::Sum) => push(RowRun::SumEntries, dst, src, 1, dst.numel),
        Run::Entries(Across::Accumulate) => {
            push(RowRun::Binary(Binary::Add), dst, vec![dst, src[0]], 1, dst.numel)
        }
        Run::Entries(Across::Repeat) => push(copy, dst, src, 1, dst.numel),
        Run::Lookup => push(RowRun::Lookup, dst, src, 1, dst.numel),
        Run::Pick => push(RowRun::Pick, dst, src, 1, 1),
        Run::Take => push(RowRun::Take, dst, src, 1, dst.numel),
        Run::AddAt => push(RowRun::AddAt, dst, src, 1, dst.numel),
        Run::AddAtTo => {
            if src[0] != dst {
                push(copy, dst, vec![src[0]], 1, dst.numel);
            }
            push(RowRun::AddAtTo, dst, src[1..].to_vec(), 1, dst.numel)
        }
        Run::OneHot => push(RowRun::OneHot, dst, src, 1, dst.numel),
        Run::Concat => {
            let mut col = dst.col;
            for part in src {
                let place = Ref { buffer: dst.buffer, col, numel: part.numel };
                if part != place {
                    push(copy, place, vec![part], 1, part.numel);
                }
                col += part.numel;
            }
        }
        Run::Product if operand(1).shape.len() == 1 => {
            push(RowRun::Dots, dst, src, dst.numel, last(1));
        }
        Run::Product => {
            let inner = operand(1).shape[0].value;
            push(RowRun::Combine { inner }, dst, src, dst.numel / last(1), last(1));
        }
        Run::Outer => push(RowRun::Outer, dst, src, last(0), last(1)),
        Run::Transpose => push(RowRun::Transpose, dst, src, last(0), dst.numel / last(0)),
        Run::Columns => {
            // one line of the matrix after the other: `numel` of the operand gives the distance of lines
            let (from, lines) = (src[0], operand(0).shape[0].value);
            let start = Ref { col: from.col + node.attrs.int("start"), ..from };
            push(copy, dst, vec![start], lines, last_of(node));
        }
        Run::JoinColumns => {
            let (lines, mut col) = (node.shape[0].value, dst.col);
            for (k, part) in src.into_iter().enumerate() {
                push(copy, Ref { col, ..dst }, vec![part], lines, last(k));
                col += last(k);
            }
        }
        Run::Broadcast => {
            let (from, to) = (operand(0), node);
            if from.numel() == 1 || from.numel() == to.numel() {
                push(copy, dst, src, 1, dst.numel);
            } else if last(0) == 1 {
                // (a, 1) -> (a, b): each number broadcast over its row
                let cols = to.shape.last().map_or(1, |dim| dim.value);
                push(copy, dst, src, to.numel() / cols, cols);
            } else {
                push(RowRun::Repeat, dst, src, to.numel() / from.numel(), from.numel());
            }
        }
        Run::SumTo => {
            let (from, to) = (operand(0), node);
            let sum = RowRun::Reduce(Reduce::Sum, 0.0);
            if to.numel() == 1 {
                push(sum, dst, src, 1, from.numel());
            } else if to.shape.last().is_some_and(|dim| dim.value == 1) && to.numel() != from.numel() {
                push(sum, dst, src, to.numel(), from.numel() / to.numel());
            } else {
                push(RowRun::SumRows, dst, src, from.numel() / to.numel(), to.numel());
            }
        }
        Run::Source
        | Run::View
        | Run::Slice
        | Run::MatVec
        | Run::Composite
        | Run::Scan
        | Run::Matrix(_)
        | Run::Entries(_) => {
            unreachable!("{} is not a row op", row.name)
        }
    }
}

/// The elements of one row that an op should leave in the cache for the next one. The gradient of a matrix is read row by row.
pub fn width_in_cache(op: &RowOp) -> usize {
    match op.run {
        RowRun::LogProductGrad | RowRun::AddAt | RowRun::AddAtTo => 1,
        _ => op.dst.numel,
    }
}

/// Finds the values of a run of row ops that are in memory of all times, each with the first op that names it.
pub fn find_far(buffers: &[Buffer], ops: &mut [RowOp], reversed: bool) {
    let class = |part: &Ref| buffers[part.buffer].class;
    let previous: HashSet<usize> = (ops.iter().flat_map(|op| &op.src))
        .filter_map(|part| match class(part) {
            Class::HistoryPrev(state) => Some(state),
            _ => None,
        })
        .collect();
    let mut named: HashSet<Ref> = HashSet::new();
    for op in ops {
        for part in op.src.iter().chain([&op.dst]) {
            let is_far = match class(part) {
                Class::Full | Class::Input(_) | Class::OutputGradient(_) | Class::Saved(_) => true,
                // of the two times of a state, the pass reaches one before the other
                Class::HistoryPrev(_) => reversed,
                Class::History(state) => !(reversed && previous.contains(&state)),
                _ => false,
            };
            if is_far && named.insert(*part) {
                op.far.push(*part);
            }
        }
    }
}

/// Assigns slots to the scratch values of a run of row ops: a slot is free again after its last reader, and an elementwise
/// op overwrites an operand that it is the last to read. Returns the elements needed per row.
pub fn assign_slots(buffers: &mut [Buffer], ops: &[RowOp]) -> usize {
    let mut last_read: HashMap<usize, usize> = HashMap::new();
    for (position, op) in ops.iter().enumerate() {
        for part in op.src.iter().chain([&op.dst]) {
            if buffers[part.buffer].class == Class::Tile {
                last_read.insert(part.buffer, position);
            }
        }
    }
    let mut placed = vec![false; buffers.len()];
    let mut free: Vec<(usize, usize)> = Vec::new(); // (width, slot)
    let mut end = 0;
    for (position, op) in ops.iter().enumerate() {
        let mut taken_over = None;
        let dst = op.dst;
        if buffers[dst.buffer].class == Class::Tile && !placed[dst.buffer] {
            placed[dst.buffer] = true;
            let width = buffers[dst.buffer].width;
            let elementwise = matches!(op.run, RowRun::Unary(..) | RowRun::Binary(_) | RowRun::Ternary(_));
            let reusable = |part: &&Ref| {
                let buffer = &buffers[part.buffer];
                buffer.class == Class::Tile
                    && last_read.get(&part.buffer) == Some(&position)
                    && buffer.width == width
                    && part.numel == width
                    && dst.numel == width
            };
            let reused = op.src.iter().find(reusable).filter(|_| elementwise && op.outer == 1);
            buffers[dst.buffer].slot = if let Some(part) = reused {
                taken_over = Some(part.buffer);
                buffers[part.buffer].slot
            } else if let Some(at) = free.iter().position(|&(w, _)| w == width) {
                free.swap_remove(at).1
            } else {
                end += width;
                end - width
            };
        }
        let mut touched: Vec<usize> = op.src.iter().chain([&dst]).map(|part| part.buffer).collect();
        touched.sort_unstable();
        touched.dedup();
        for buffer in touched {
            if last_read.get(&buffer) == Some(&position) && taken_over != Some(buffer) {
                free.push((buffers[buffer].width, buffers[buffer].slot));
            }
        }
    }
    end
}
