//! Requirements on programs that compute penalties.
//!
//! A layer's training program may have an output called `penalty`, one number per step. A layer may also have a program on
//! its parameters; its single number is added to the loss once.

use crate::plan::{LayerPlan, Wanted};
use crate::step::Program;

use super::error::NetError;

/// The name of an output that is added to the loss.
const PENALTY: &str = "penalty";

/// The index of the output of a training program that is a penalty.
pub fn penalty_output(program: &Program) -> Result<Option<usize>, NetError> {
    let found = program.outputs.iter().position(|(name, _)| name == PENALTY);
    match found {
        Some(0) => Err(NetError::Config(format!("{}: the first output is a penalty", program.name))),
        Some(k) if program.nodes[program.outputs[k].1].numel() != 1 => {
            Err(NetError::Config(format!("{}: the penalty of a step is not one number", program.name)))
        }
        found => Ok(found),
    }
}

/// The plan of a penalty on parameters. The parameters are the inputs of its program; those that are `frozen` have no
/// gradient.
pub fn plan_of_weights(program: &Program, layer: &Program, frozen: &[bool]) -> Result<LayerPlan, NetError> {
    let sized = |program: &Program, ids: &[usize]| -> Vec<(String, usize)> {
        ids.iter().map(|&id| (program.label(id).to_string(), program.nodes[id].numel())).collect()
    };
    let fits = sized(program, &program.inputs) == sized(layer, &layer.params)
        && program.states.is_empty()
        && program.params.is_empty()
        && program.outputs.len() == 1
        && program.nodes[program.outputs[0].1].numel() == 1;
    if !fits {
        return Err(NetError::Config(format!(
            "{}: expected a penalty (parameters of {}) -> number",
            program.name, layer.name
        )));
    }
    let wanted = Wanted {
        inputs: &|input| !frozen[input],
        memories: &|_| false,
        params: &|_| true,
        backward: frozen.iter().any(|frozen| !frozen),
    };
    Ok(LayerPlan::with_gradients(program, &wanted)?)
}
