//! Products that only one op of the same tile reads are computed by that op, so that they are not stored.

use crate::kernel::{Binary, Reduce, Ternary};

use super::pass::{Buffer, Class, Ref, RowOp, RowRun};

/// Fuses the products among `ops`, which run on the same tile, with the ops that read them. Sums of products keep their bits.
pub fn fuse(buffers: &[Buffer], ops: &mut Vec<RowOp>) {
    let mut at = 0;
    while at < ops.len() {
        match reader_of(buffers, ops, at).and_then(|reader| Some((reader, fused(&ops[at], &ops[reader])?))) {
            Some((reader, op)) => {
                ops[reader] = op;
                ops.remove(at);
            }
            None => at += 1,
        }
    }
}

/// The only op that reads the result of op `at`, if that is a product in the tile, and its operands stay as they are until then.
fn reader_of(buffers: &[Buffer], ops: &[RowOp], at: usize) -> Option<usize> {
    let product = &ops[at];
    let buffer = product.dst.buffer;
    if product.run != RowRun::Binary(Binary::Mul) || buffers[buffer].class != Class::Tile {
        return None;
    }
    let names = |op: &RowOp| op.dst.buffer == buffer || op.src.iter().any(|src| src.buffer == buffer);
    let mut others = (0..ops.len()).filter(|&other| other != at && names(&ops[other]));
    let reader = others.next().filter(|&reader| reader > at && others.next().is_none())?;
    let is_read = |op: &RowOp| product.src.iter().any(|src| src.buffer == op.dst.buffer);
    let once = ops[reader].src.iter().filter(|&&src| src == product.dst).count() == 1;
    (once && !ops[at + 1..reader].iter().any(is_read)).then_some(reader)
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
