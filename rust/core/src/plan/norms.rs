//! The scales of norms, as values of the forward program. The gradient of a norm is computed from its result and its scale,
//! so both can be stored for the backward pass instead of the operand, and nothing has to be recomputed.

use crate::step::{Builder, Program, Result, rows};

/// The same program, with the scale of every norm added. A scale that nothing reads is not computed.
pub fn with_scales(program: &Program) -> Result<Program> {
    let mut g = Builder::continuing(program);
    for node in program.nodes.iter().filter(|node| !node.folded) {
        if let Some(&x) = node.args.first() {
            rows::norm_scale(&mut g, rows::row(node.op).run, x, &node.attrs).transpose()?;
        }
    }
    Ok(Program { nodes: g.nodes().to_vec(), ..program.clone() })
}
