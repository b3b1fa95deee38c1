//! The scales of norms, as values of the forward program: the gradient of a norm is made of its result and its scale, so
//! both can be kept for the way back, in the place of the operand and with nothing to compute again.

use crate::step::{Builder, Program, Result, rows};

/// The same program, and after it the scale of every norm. What nothing reads is not computed.
pub fn with_scales(program: &Program) -> Result<Program> {
    let mut g = Builder::continuing(program);
    for id in (0..program.nodes.len()).filter(|&id| !program.nodes[id].folded) {
        rows::norm_scale(&mut g, id).transpose()?;
    }
    Ok(Program { nodes: g.nodes().to_vec(), ..program.clone() })
}
