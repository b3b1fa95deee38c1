//! Products that only one op of the same tile reads are computed by that op, so that they are not stored.

use std::collections::{BTreeSet, HashMap};

use crate::kernel::{Binary, Reduce, Ternary};

use super::pass::{Buffer, Class, Ref, RowOp, RowRun};

/// For each buffer, the positions of the ops that name it.
type Named = HashMap<usize, BTreeSet<usize>>;

/// Fuses the products among `ops`, which run on the same tile, with the ops that read them. Sums of products keep their bits.
pub fn fuse(buffers: &[Buffer], ops: &mut Vec<RowOp>) {
    let mut named = Named::new();
    for (position, op) in ops.iter().enumerate() {
        buffers_of(op).for_each(|buffer| _ = named.entry(buffer).or_default().insert(position));
    }
    let mut gone = BTreeSet::new();
    for at in 0..ops.len() {
        let reader = reader_of(buffers, ops, &named, at);
        if let Some((reader, op)) = reader.and_then(|reader| Some((reader, fused(&ops[at], &ops[reader])?))) {
            for position in [at, reader] {
                for buffer in buffers_of(&ops[position]) {
                    named.entry(buffer).or_default().remove(&position);
                }
            }
            buffers_of(&op).for_each(|buffer| _ = named.entry(buffer).or_default().insert(reader));
            ops[reader] = op;
            gone.insert(at);
        }
    }
    let mut position = 0..;
    ops.retain(|_| position.next().is_none_or(|position| !gone.contains(&position)));
}

/// The buffers that an op names; one may come twice.
fn buffers_of(op: &RowOp) -> impl Iterator<Item = usize> + '_ {
    op.src.iter().chain([&op.dst]).map(|part| part.buffer)
}

/// The only op that reads the result of op `at`, if that is a product in the tile, and its operands stay as they are until then.
fn reader_of(buffers: &[Buffer], ops: &[RowOp], named: &Named, at: usize) -> Option<usize> {
    let product = &ops[at];
    let buffer = product.dst.buffer;
    if product.run != RowRun::Binary(Binary::Mul) || buffers[buffer].class != Class::Tile {
        return None;
    }
    let mut others = named[&buffer].iter().copied().filter(|&other| other != at);
    let reader = others.next().filter(|&reader| reader > at && others.next().is_none())?;
    let once = ops[reader].src.iter().filter(|&&src| src == product.dst).count() == 1;
    let is_written = |src: &Ref| {
        named[&src.buffer].range(at + 1..reader).any(|&between| ops[between].dst.buffer == src.buffer)
    };
    (once && !product.src.iter().any(is_written)).then_some(reader)
}

/// `reader` with the factors of `product` in place of it.
fn fused(product: &RowOp, reader: &RowOp) -> Option<RowOp> {
    let factors: &[Ref; 2] = product.src[..].try_into().ok()?;
    let apart = factors.iter().all(|factor| factor.buffer != reader.dst.buffer);
    let of_lines = reader.outer == 1 && reader.cols == product.cols && product.outer == 1;
    let (run, src) = match reader.run {
        RowRun::Reduce(Reduce::Sum, _) if apart && of_lines => (RowRun::ProductSum, factors.to_vec()),
        RowRun::SumEntries if apart && of_lines => (RowRun::WeightedSum, factors.to_vec()),
        // a sum that the op adds to
        RowRun::Binary(Binary::Add) if apart && of_lines && reader.src[0] == reader.dst => {
            (RowRun::Ternary(Ternary::MulAdd), vec![factors[0], factors[1], reader.dst])
        }
        _ => return None,
    };
    Some(RowOp { run, src, cost: product.cost + reader.cost, ..reader.clone() })
}
